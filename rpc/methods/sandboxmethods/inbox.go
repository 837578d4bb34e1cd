package sandboxmethods

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

const (
	// defaultWait is the default wait of the await methods.
	defaultWait = 10 * time.Second
	// maxListed limits lists of messages received by a phone; also the default.
	maxListed = 100
	// maxDownload is the largest reply of sandbox.downloadMedia: a file of 24 MiB as base64.
	maxDownload = 33 << 20
)

// sandboxFilter selects messages on a phone; an absent member matches all.
type sandboxFilter struct {
	asAccount
	Chat      string `json:"chat,omitempty" rpc:"format=jid" doc:"only this chat"`
	Type      string `json:"type,omitempty" rpc:"max=40" doc:"only this message type"`
	Text      string `json:"text,omitempty" rpc:"max=65536" doc:"only this text or caption"`
	MessageID string `json:"message_id,omitempty" rpc:"max=100" doc:"only this message"`
	FromMe    *bool  `json:"from_me,omitempty" doc:"only messages of the account itself, or only of others"`
	After     string `json:"after_message_id,omitempty" rpc:"max=100" doc:"only messages after this one"`
}

type sandboxAwaitMessage struct {
	sandboxFilter
	WaitSeconds *float64 `json:"wait_seconds,omitempty" rpc:"min=0,max=100" doc:"time to wait for it; default 10"`
}

type sandboxListMessages struct {
	sandboxFilter
	Limit int `json:"limit,omitempty" rpc:"min=1,max=100" doc:"number of the newest ones; default 100"`
}

type sandboxAwaitStanza struct {
	asAccount
	Tag         string   `json:"tag,omitempty" rpc:"max=40" doc:"only this kind: receipt, presence, chatstate, call, notification"`
	Type        string   `json:"type,omitempty" rpc:"max=40" doc:"only with this type attribute"`
	ID          string   `json:"id,omitempty" rpc:"max=100" doc:"only with this id attribute: a receipt has that of its message"`
	From        string   `json:"from,omitempty" rpc:"format=jid" doc:"only from this group or this LID, whichever device it was"`
	WaitSeconds *float64 `json:"wait_seconds,omitempty" rpc:"min=0,max=100" doc:"time to wait for it; default 10"`
}

type sandboxOneMessage struct {
	asAccount
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"message"`
}

type sandboxMessage struct {
	*message.Message
	Raw json.RawMessage `json:"raw" doc:"protobuf content as JSON"`
}

type sandboxMessageResult struct {
	Message *sandboxMessage `json:"message" doc:"message object; null when none arrived in time"`
}

type sandboxMessagesResult struct {
	Messages []*sandboxMessage `json:"messages" doc:"message objects, the oldest first"`
}

type sandboxStanza struct {
	Tag   string            `json:"tag" doc:"kind"`
	Attrs map[string]string `json:"attrs" doc:"attributes"`
	XML   string            `json:"xml" doc:"the whole stanza, as text"`
}

type sandboxStanzaResult struct {
	Stanza *sandboxStanza `json:"stanza" doc:"null when none arrived in time"`
}

type sandboxFile struct {
	Base64 []byte `json:"base64" doc:"decrypted file"`
	Size   int    `json:"size" doc:"bytes"`
}

type sandboxVotes struct {
	Options []string `json:"options" doc:"chosen options"`
}

type sandboxGetVote struct {
	asAccount
	MessageID     string `json:"message_id" rpc:"required,min=1,max=100" doc:"vote"`
	PollMessageID string `json:"poll_message_id" rpc:"required,min=1,max=100" doc:"poll"`
}

func describeReceived(m sandbox.Received) *sandboxMessage {
	event := &events.Message{
		Info: types.MessageInfo{
			MessageSource: types.MessageSource{Chat: m.Chat, Sender: m.Sender, IsFromMe: m.FromMe, IsGroup: m.Chat.Server == types.GroupServer},
			ID:            m.ID, PushName: m.PushName, Timestamp: m.Time,
		},
		RawMessage: m.Message,
	}
	event.UnwrapRaw()
	raw, err := protojson.Marshal(m.Message)
	if err != nil {
		raw = []byte("null") // invalid UTF-8, which a client may send
	}
	return &sandboxMessage{Message: message.NewMessage(&event.Info, event.Message), Raw: raw}
}

// matcher compiles the filter for a phone.
func (f *sandboxFilter) matcher(phone *sandbox.Phone) (func(sandbox.Received) bool, error) {
	var chat types.JID
	if f.Chat != "" {
		var err error
		if chat, err = wa.ParseJID("chat", f.Chat); err != nil {
			return nil, err
		}
	}
	earlier := map[string]bool{}
	if f.After != "" {
		for _, m := range phone.Received() {
			earlier[m.ID] = true
			if m.ID == f.After {
				break
			}
		}
		if !earlier[f.After] {
			return nil, rpc.NotFound("the phone has no message after_message_id")
		}
	}
	return func(m sandbox.Received) bool {
		if earlier[m.ID] || f.MessageID != "" && f.MessageID != m.ID || f.FromMe != nil && *f.FromMe != m.FromMe {
			return false
		}
		if f.Text != "" && f.Text != m.Text() {
			return false
		}
		if !chat.IsEmpty() && chat.ToNonAD() != m.Chat.ToNonAD() {
			return false
		}
		return f.Type == "" || describeReceived(m).Type == f.Type
	}, nil
}

// phoneChat replaces the chat in the filter by the address under which phones store it: they identify people by LID.
func (f *sandboxFilter) phoneChat(n *sandbox.Network) error {
	if f.Chat == "" || strings.HasSuffix(f.Chat, "@"+types.GroupServer) || strings.HasSuffix(f.Chat, "@"+types.NewsletterServer) || f.Chat == types.StatusBroadcastJID.String() {
		return nil
	}
	other, err := n.Phone(plainNumber(f.Chat))
	if err != nil {
		return at("/chat", err)
	}
	f.Chat = other.LID().String()
	return nil
}

func waitFor(ctx context.Context, seconds *float64) (context.Context, context.CancelFunc) {
	wait := defaultWait
	if seconds != nil {
		wait = time.Duration(*seconds * float64(time.Second))
	}
	return context.WithTimeout(ctx, wait)
}

// nothingCame reports whether a wait ended because its own timeout expired, not that of the whole call.
func nothingCame(call context.Context, err error) bool {
	return errors.Is(err, context.DeadlineExceeded) && call.Err() == nil
}

func registerInbox(reg *rpc.Registry, d Deps) {
	onNetwork(reg, d, "awaitMessage", "Wait until an account's phone has a message, and read it.",
		func(ctx context.Context, n *sandbox.Network, p *sandboxAwaitMessage) (result sandboxMessageResult, err error) {
			phone, err := n.Phone(plainNumber(p.Account))
			if err != nil {
				return result, at("/account", err)
			}
			if err := p.phoneChat(n); err != nil {
				return result, err
			}
			match, err := p.matcher(phone)
			if err != nil {
				return result, err
			}
			wait, cancel := waitFor(ctx, p.WaitSeconds)
			defer cancel()
			m, err := phone.Await(wait, match)
			if err == nil {
				result.Message = describeReceived(m)
			} else if nothingCame(ctx, err) {
				err = nil
			}
			return result, err
		})
	onNetwork(reg, d, "listMessages", "List what an account's phone received and sent.",
		func(_ context.Context, n *sandbox.Network, p *sandboxListMessages) (result sandboxMessagesResult, err error) {
			phone, err := n.Phone(plainNumber(p.Account))
			if err != nil {
				return result, at("/account", err)
			}
			if err := p.phoneChat(n); err != nil {
				return result, err
			}
			match, err := p.matcher(phone)
			if err != nil {
				return result, err
			}
			result.Messages = []*sandboxMessage{}
			for _, m := range phone.Received() {
				if match(m) {
					result.Messages = append(result.Messages, describeReceived(m))
				}
			}
			limit := p.Limit
			if limit == 0 {
				limit = maxListed
			}
			result.Messages = result.Messages[max(0, len(result.Messages)-limit):]
			return result, nil
		})
	onPhone(reg, d, "awaitStanza", "Wait until a receipt, presence, chat state, call or notification reached an account's phone, and read it.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxAwaitStanza) (result sandboxStanzaResult, err error) {
			var from types.JID
			if p.From != "" {
				if from, err = wa.ParseJID("from", p.From); err != nil {
					return result, err
				}
			}
			wait, cancel := waitFor(ctx, p.WaitSeconds)
			defer cancel()
			node, err := phone.AwaitStanza(wait, func(node waBinary.Node) bool {
				ag := node.AttrGetter()
				if !from.IsEmpty() && ag.OptionalJIDOrEmpty("from").ToNonAD() != from.ToNonAD() {
					return false
				}
				return (p.Tag == "" || p.Tag == node.Tag) && (p.ID == "" || p.ID == ag.OptionalString("id")) &&
					(p.Type == "" || p.Type == ag.OptionalString("type"))
			})
			if nothingCame(ctx, err) {
				return result, nil
			}
			if err != nil {
				return result, err
			}
			result.Stanza = &sandboxStanza{Tag: node.Tag, Attrs: map[string]string{}, XML: node.String()}
			for name := range node.Attrs {
				result.Stanza.Attrs[name] = attr(node, name)
			}
			return result, nil
		})
	onPhone(reg, d, "downloadMedia", "Download and decrypt the file of a message, as the account's phone does.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxOneMessage) (result sandboxFile, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			data, err := phone.Download(m)
			return sandboxFile{Base64: data, Size: len(data)}, err
		})
	onPhone(reg, d, "getVote", "Decrypt a vote in a poll.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxGetVote) (result sandboxVotes, err error) {
			poll, err := messageOn(ctx, phone, p.PollMessageID)
			if err != nil {
				return result, err
			}
			vote, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			result.Options, err = phone.Votes(poll, vote)
			return result, at("/message_id", err)
		})
}

// attr is an attribute as text.
func attr(node waBinary.Node, name string) string {
	switch v := node.Attrs[name].(type) {
	case string:
		return v
	case types.JID:
		return v.String()
	default:
		return strings.TrimSpace(jsonText(v))
	}
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
