package automation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
)

// MaxAge is the age from which on a message is not answered any more: of history, and of messages that were sent while the
// session was not connected.
const MaxAge = 5 * time.Minute

// Task is a message that may need an answer, or new members of a group.
type Task struct {
	ID        string    `json:"-"`
	At        time.Time `json:"at"`
	Chat      string    `json:"chat"`
	ChatKey   string    `json:"chat_key"` // the same for both addresses of a person
	Group     bool      `json:"group,omitempty"`
	Own       bool      `json:"own,omitempty"`
	MessageID string    `json:"message_id,omitempty"` // empty = new members
	Sender    string    `json:"sender,omitempty"`
	PN        string    `json:"pn,omitempty"`
	LID       string    `json:"lid,omitempty"`
	Text      string    `json:"text,omitempty"`
	FileOf    string    `json:"file_of,omitempty"` // the message with the file of a command: itself, or the one it quotes
}

// taskID returns an id that is the same whenever the same message is recorded.
func taskID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// answerable are the kinds of messages whose text is compared with rules and commands.
var answerable = map[string]bool{
	message.TypeText: true, message.TypeImage: true, message.TypeVideo: true, message.TypeDocument: true,
}

// Plan returns a function that stores, in the transaction that records the message, that it may need an answer; nil = it needs
// none. It is called for each message that arrives, uses the settings in memory alone, and neither waits nor fails.
func (s *Service) Plan(ctx context.Context, info *types.MessageInfo, data *message.EventData) func(context.Context) error {
	if data.Text == nil || !answerable[data.Type] || data.Target != nil || data.EditedAt != nil || data.FromAPI || !isChat(info.Chat) || info.IsIncomingBroadcast() ||
		time.Since(info.Timestamp) > MaxAge {
		return nil
	}
	c, err := s.current(ctx)
	if err != nil {
		s.log().Error("a message is not answered automatically", "error", err)
		return nil
	}
	text := cutText(*data.Text)
	if !c.Enabled || !c.mayAnswer(text, data.FromMe, data.IsGroup) {
		return nil
	}
	t := &Task{
		ID: taskID(s.owner, data.ChatKey, data.Sender, data.MessageID), At: info.Timestamp, Chat: data.Chat, ChatKey: data.ChatKey, Group: data.IsGroup, Own: data.FromMe,
		MessageID: data.MessageID, Sender: data.Sender, PN: textOf(data.PN), LID: textOf(data.LID), Text: text,
	}
	switch {
	case data.Type == message.TypeImage || data.Type == message.TypeVideo:
		t.FileOf = data.MessageID
	case data.Quoted != nil:
		t.FileOf = data.Quoted.MessageID
	}
	return func(ctx context.Context) error { return s.store.addTask(ctx, s.owner, t) }
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// mayAnswer reports whether a command or a rule may answer a text.
func (c *config) mayAnswer(text string, own, group bool) bool {
	if c.command(text) != nil {
		return true
	}
	if own {
		return false
	}
	folded := foldCase(text)
	for _, rule := range c.rules {
		if rule.mayMatch(folded, group) {
			return true
		}
	}
	return false
}

// PlanWelcome is Plan for new members of a group.
func (s *Service) PlanWelcome(ctx context.Context, group types.JID, at time.Time, joined []types.JID, own ...types.JID) func(context.Context) error {
	if time.Since(at) > MaxAge {
		return nil
	}
	c, err := s.current(ctx)
	if err != nil || !c.Enabled || c.WelcomeMessage == "" {
		return nil
	}
	names := []string{s.owner, group.String(), at.UTC().String()}
	others := false
	for _, person := range joined {
		names = append(names, person.ToNonAD().String())
		others = others || person.ToNonAD() != own[0].ToNonAD() && person.ToNonAD() != own[1].ToNonAD()
	}
	if !others {
		return nil
	}
	t := &Task{ID: taskID(names...), At: at, Chat: group.String(), ChatKey: group.String(), Group: true}
	return func(ctx context.Context) error { return s.store.addTask(ctx, s.owner, t) }
}
