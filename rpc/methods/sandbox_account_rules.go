package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxRestrict struct {
	asAccount
	Seconds         int    `json:"seconds" rpc:"required,min=1,max=31536000" doc:"duration; the account cannot write to people without a chat with it"`
	EnforcementType string `json:"enforcement_type,omitempty" rpc:"max=100" doc:"WhatsApp's word for the cause; default DEFAULT"`
}

type sandboxRestrictionRule struct {
	asAccount
	UnregisteredSends int `json:"unregistered_sends" rpc:"required,min=0,max=100000" doc:"messages to unregistered numbers that start a restriction; 0 ends the rule"`
	Seconds           int `json:"seconds,omitempty" rpc:"min=0,max=31536000" doc:"duration of that restriction"`
}

func (p *sandboxRestrictionRule) Validate() error {
	if p.UnregisteredSends > 0 && p.Seconds == 0 {
		return rpc.InvalidParams("/seconds", "is needed for a rule")
	}
	return nil
}

type sandboxHistoryMessage struct {
	Text      string    `json:"text" rpc:"required,min=1,max=65536" doc:"text"`
	FromMe    bool      `json:"from_me,omitempty" doc:"sent by the account itself"`
	Sender    string    `json:"sender,omitempty" rpc:"format=jid" doc:"author in a group"`
	Timestamp time.Time `json:"timestamp" rpc:"required" doc:"when"`
	MessageID string    `json:"message_id,omitempty" rpc:"max=100" doc:"id; default a new one"`
}

type sandboxAddHistory struct {
	asAccount
	Chat                string                  `json:"chat" rpc:"required,format=jid" doc:"person or group"`
	Messages            []sandboxHistoryMessage `json:"messages,omitempty" rpc:"max=1000" doc:"messages of the past, in any order"`
	UnreadCount         *uint32                 `json:"unread_count,omitempty" rpc:"min=0,max=100000" doc:"unread messages; default counted"`
	DisappearingSeconds *uint32                 `json:"disappearing_seconds,omitempty" rpc:"min=0,max=7776000" doc:"message timer of the chat"`
	Archived            *bool                   `json:"archived,omitempty" doc:"archived"`
	Pinned              *bool                   `json:"pinned,omitempty" doc:"pinned"`
	MutedUntil          *time.Time              `json:"muted_until,omitempty" doc:"end of muting; a time before 1970 mutes without end"`
	MarkedUnread        *bool                   `json:"marked_unread,omitempty" doc:"marked as unread"`
}

type sandboxHistoryAdded struct {
	MessageIDs []string `json:"message_ids" doc:"ids of the messages, in the order of the call"`
}

// history in the form of the simulated network.
func (p *sandboxAddHistory) history() (sandbox.HistoryChat, error) {
	h := sandbox.HistoryChat{
		Unread: p.UnreadCount, Timer: p.DisappearingSeconds, Archived: p.Archived, Pinned: p.Pinned, MutedUntil: p.MutedUntil, MarkedUnread: p.MarkedUnread,
	}
	for _, m := range p.Messages {
		message := sandbox.HistoryMessage{ID: m.MessageID, FromMe: m.FromMe, Time: m.Timestamp, Content: sandbox.Text(m.Text)}
		if m.Sender != "" {
			var err error
			if message.Sender, err = wa.ParseJID("messages/sender", m.Sender); err != nil {
				return h, err
			}
		}
		h.Messages = append(h.Messages, message)
	}
	return h, nil
}

func registerSandboxRules(reg *rpc.Registry, d SandboxDeps) {
	onPhone(reg, d, "restrictAccount", "Start a reach-out timelock: messages to people without a chat with the account are refused with 463 until it ends.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRestrict) (done, error) {
			return did(phone.Restrict(time.Duration(p.Seconds)*time.Second, p.EnforcementType))
		})
	onPhone(reg, d, "liftRestriction", "End an account's reach-out timelock.",
		func(_ context.Context, phone *sandbox.Phone, _ *asAccount) (done, error) {
			phone.LiftRestriction()
			return did(nil)
		})
	onPhone(reg, d, "setRestrictionRule", "Set the number of messages to unregistered numbers that starts a reach-out timelock.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRestrictionRule) (done, error) {
			return did(phone.RestrictUnknownSenders(p.UnregisteredSends, time.Duration(p.Seconds)*time.Second))
		})
	onPhone(reg, d, "addHistory", "Add past messages and properties to a chat of the account's phone; companions get them by history sync.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxAddHistory) (result sandboxHistoryAdded, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			h, err := p.history()
			if err != nil {
				return result, err
			}
			ids, err := phone.AddHistory(chat, h)
			return sandboxHistoryAdded{MessageIDs: append([]string{}, ids...)}, at("/chat", err)
		})
}
