package sandboxmethods

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

// arrivalWait is how long a method waits for a message that may still be on its way to the phone.
const arrivalWait = 5 * time.Second

// sandboxContent is the content that a phone sends; type selects the members in use.
type sandboxContent struct {
	Type    string `json:"type" rpc:"required,enum=text|image|video|gif|audio|voice|document|sticker|location|contact|poll|buttons|list|proto" doc:"kind of message; proto is any other, in its JSON form"`
	Message string `json:"message,omitempty" rpc:"max=262144" doc:"of proto: the message in the JSON form of WhatsApp's protobuf (waE2E.Message)"`

	Text    string `json:"text,omitempty" rpc:"max=65536" doc:"text"`
	ReplyTo string `json:"reply_to,omitempty" rpc:"max=100" doc:"id of a message in the same chat that the text answers"`

	Base64   []byte `json:"base64,omitempty" doc:"file of a media kind"`
	MIMEType string `json:"mime_type,omitempty" rpc:"max=100" doc:"default: guessed from the file"`
	Caption  string `json:"caption,omitempty" rpc:"max=4096" doc:"text of an image, video or document"`
	Filename string `json:"filename,omitempty" rpc:"max=255" doc:"name of a document"`
	Seconds  int    `json:"duration_seconds,omitempty" rpc:"min=0,max=86400" doc:"length of audio or video"`

	Latitude  float64 `json:"latitude,omitempty" rpc:"min=-90,max=90" doc:"of a location"`
	Longitude float64 `json:"longitude,omitempty" rpc:"min=-180,max=180" doc:"of a location"`
	Name      string  `json:"name,omitempty" rpc:"max=255" doc:"of a location or contact"`
	Address   string  `json:"address,omitempty" rpc:"max=255" doc:"of a location"`
	VCard     string  `json:"vcard,omitempty" rpc:"max=16384" doc:"of a contact"`

	Question   string   `json:"question,omitempty" rpc:"max=255" doc:"of a poll"`
	Options    []string `json:"options,omitempty" rpc:"max=12" doc:"of a poll"`
	Selectable int      `json:"selectable,omitempty" rpc:"min=0,max=12" doc:"options one person may choose; 0 = any number"`

	Choices []sandboxChoice `json:"choices,omitempty" rpc:"max=100" doc:"of buttons or a list: the buttons or rows"`
	Footer  string          `json:"footer,omitempty" rpc:"max=256" doc:"of buttons or a list"`
}

// sandboxChoice is a button that sends an answer, or a row of a list.
type sandboxChoice struct {
	ID          string `json:"id" rpc:"required,min=1,max=256" doc:"returned in the answer to the button"`
	Label       string `json:"label" rpc:"required,min=1,max=256" doc:"label"`
	Description string `json:"description,omitempty" rpc:"max=256" doc:"of a row"`
}

// choices in the form of the simulated network.
func (c *sandboxContent) choices() []sandbox.Choice {
	list := make([]sandbox.Choice, len(c.Choices))
	for i, choice := range c.Choices {
		list[i] = sandbox.Choice{ID: choice.ID, Label: choice.Label, Description: choice.Description}
	}
	return list
}

// missing returns the required member that is missing for its type.
func (c *sandboxContent) missingField() string {
	switch c.Type {
	case "text":
		if c.Text == "" {
			return "text"
		}
	case "buttons", "list":
		if c.Text == "" {
			return "text"
		}
		if len(c.Choices) == 0 {
			return "choices"
		}
	case "contact":
		if c.VCard == "" {
			return "vcard"
		}
	case "poll":
		if c.Question == "" {
			return "question"
		}
		if len(c.Options) < 2 {
			return "options"
		}
	case "location":
	case "proto":
		if c.Message == "" {
			return "message"
		}
	default:
		if len(c.Base64) == 0 {
			return "base64"
		}
	}
	return ""
}

type sandboxSend struct {
	asAccount
	To      string         `json:"to" rpc:"required,format=jid" doc:"number, JID or group"`
	Content sandboxContent `json:"content" rpc:"required" doc:"content of the message"`
}

func (p *sandboxSend) Validate() error {
	if field := p.Content.missingField(); field != "" {
		return rpc.InvalidParams("/content/"+field, "is needed for "+p.Content.Type)
	}
	return nil
}

type sandboxReact struct {
	asAccount
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"message"`
	Emoji     string `json:"emoji" rpc:"required,max=40" doc:"empty removes the reaction"`
}

type sandboxEdit struct {
	asAccount
	Chat      string `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"message the account sent"`
	Text      string `json:"text" rpc:"required,min=1,max=65536" doc:"new text"`
}

type sandboxRevoke struct {
	asAccount
	Chat      string `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"message"`
	Sender    string `json:"sender,omitempty" rpc:"format=jid" doc:"author, when an admin of a group revokes it; default the account"`
}

type sandboxVote struct {
	asAccount
	MessageID string   `json:"message_id" rpc:"required,min=1,max=100" doc:"poll"`
	Options   []string `json:"options" rpc:"required,max=12" doc:"chosen options; an empty list withdraws the vote"`
}

type sandboxPress struct {
	asAccount
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"message with buttons or a list"`
	ButtonID  string `json:"button_id" rpc:"required,min=1,max=256" doc:"id of the button to press, or of the row to choose"`
}

type sandboxMarkRead struct {
	asAccount
	MessageIDs []string `json:"message_ids" rpc:"required,min=1,max=100" doc:"messages the phone received"`
	Played     bool     `json:"played,omitempty" doc:"played, not only read: for voice notes"`
}

type sandboxTyping struct {
	asAccount
	Chat  string `json:"chat" rpc:"required,format=jid" doc:"chat"`
	State string `json:"state" rpc:"required,enum=typing|recording|paused" doc:"chat state"`
}

type sandboxChatTimer struct {
	asAccount
	Chat                string `json:"chat" rpc:"required,format=jid" doc:"chat"`
	DisappearingSeconds uint32 `json:"disappearing_seconds" rpc:"required,enum=0|86400|604800|7776000" doc:"0 = unlimited"`
}

type sandboxCall struct {
	asAccount
	To    string `json:"to" rpc:"required,format=jid" doc:"called user"`
	Video bool   `json:"video,omitempty" doc:"with video"`
}

type sandboxEndCall struct {
	asAccount
	To     string `json:"to" rpc:"required,format=jid" doc:"called user"`
	CallID string `json:"call_id" rpc:"required,min=1,max=100" doc:"id from sandbox.startCall"`
	Reason string `json:"reason,omitempty" rpc:"max=40" doc:"why, in one word"`
}

type sandboxSent struct {
	MessageID string `json:"message_id" doc:"id of the sent message"`
}

type sandboxCallStarted struct {
	CallID string `json:"call_id" doc:"the call"`
}

func sent(id string, err error) (sandboxSent, error) { return sandboxSent{MessageID: id}, err }

// messageOn finds a message on a phone, waiting up to arrivalWait for one that is on its way.
func messageOn(ctx context.Context, phone *sandbox.Phone, id string) (sandbox.Received, error) {
	ctx, cancel := context.WithTimeout(ctx, arrivalWait)
	defer cancel()
	m, err := phone.Await(ctx, func(m sandbox.Received) bool { return m.ID == id })
	if errors.Is(err, context.DeadlineExceeded) {
		return m, rpc.NotFound("the phone has no such message")
	}
	return m, err
}

// build makes the message that c describes.
func (c *sandboxContent) buildContent(ctx context.Context, phone *sandbox.Phone) (sandbox.Content, error) {
	switch c.Type {
	case "text":
		if c.ReplyTo == "" {
			return sandbox.Text(c.Text), nil
		}
		quoted, err := messageOn(ctx, phone, c.ReplyTo)
		if err != nil {
			return nil, err
		}
		return sandbox.Reply(quoted, c.Text), nil
	case "proto":
		message := &waE2E.Message{}
		if err := protojson.Unmarshal([]byte(c.Message), message); err != nil {
			return nil, rpc.InvalidParams("/content/message", "is no message in the JSON form of the protobuf")
		}
		return message, nil
	case "location":
		return sandbox.Location(c.Latitude, c.Longitude, c.Name, c.Address), nil
	case "contact":
		return sandbox.Contact(c.Name, c.VCard), nil
	case "poll":
		return sandbox.Poll(c.Question, c.Options, c.Selectable), nil
	case "buttons":
		return sandbox.Buttons(c.Text, c.Footer, c.choices()...), nil
	case "list":
		return sandbox.List(c.Text, c.Footer, "Choose", c.choices()...), nil
	}
	content, err := phone.Upload(sandbox.Media{
		Kind: sandbox.MediaKind(c.Type), Data: c.Base64, MIME: c.MIMEType, Caption: c.Caption, FileName: c.Filename, Seconds: c.Seconds,
	})
	return content, at("/content/base64", err)
}

func registerMessages(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "send", "Send a message of any kind from an account's phone.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxSend) (result sandboxSent, err error) {
			to, err := wa.ParseJID("to", p.To)
			if err != nil {
				return result, err
			}
			content, err := p.Content.buildContent(ctx, phone)
			if err != nil {
				return result, err
			}
			return sent(phone.Send(ctx, to, content))
		})
	onPhone(reg, d, "react", "React to a message from an account's phone.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxReact) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return sent(phone.React(ctx, m, p.Emoji))
		})
	onPhone(reg, d, "edit", "Edit a message that the account sent.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxEdit) (result sandboxSent, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			return sent(phone.Edit(ctx, chat, p.MessageID, sandbox.Text(p.Text)))
		})
	onPhone(reg, d, "revoke", "Delete a message for all participants.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxRevoke) (result sandboxSent, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			var sender types.JID
			if p.Sender != "" {
				if sender, err = wa.ParseJID("sender", p.Sender); err != nil {
					return result, err
				}
			}
			return sent(phone.Revoke(ctx, chat, sender, p.MessageID))
		})
	onPhone(reg, d, "vote", "Vote in a poll.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxVote) (result sandboxSent, err error) {
			poll, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return sent(phone.Vote(ctx, poll, p.Options...))
		})
	onPhone(reg, d, "pressButton", "Press a button of a message, or choose a row of its list. Links, calls and the like send no answer: not found.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxPress) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			id, err := phone.Press(ctx, m, p.ButtonID)
			return sent(id, at("/button_id", err))
		})
	onPhone(reg, d, "markRead", "Send read or played receipts for messages the phone received.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxMarkRead) (result done, err error) {
			list := make([]sandbox.Received, len(p.MessageIDs))
			for i, id := range p.MessageIDs {
				if list[i], err = messageOn(ctx, phone, id); err != nil {
					return result, err
				}
			}
			if p.Played {
				return did(phone.Played(list...))
			}
			return did(phone.Read(list...))
		})
	onPhone(reg, d, "setChatPresence", "Show that a person types or records in a chat, or stopped.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxTyping) (result done, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			if p.State == "recording" {
				return did(phone.Recording(chat, true))
			}
			return did(phone.Typing(chat, p.State == "typing"))
		})
	onPhone(reg, d, "setChatTimer", "Set the lifetime of messages in a one-to-one chat.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxChatTimer) (result sandboxSent, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			return sent(phone.SetChatTimer(ctx, chat, p.DisappearingSeconds))
		})
	onPhone(reg, d, "startCall", "Call a user.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxCall) (result sandboxCallStarted, err error) {
			to, err := wa.ParseJID("to", p.To)
			if err != nil {
				return result, err
			}
			id, err := phone.Call(to, p.Video)
			return sandboxCallStarted{CallID: id}, err
		})
	onPhone(reg, d, "endCall", "End a call, or withdraw its offer.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxEndCall) (result done, err error) {
			to, err := wa.ParseJID("to", p.To)
			if err != nil {
				return result, err
			}
			return did(phone.EndCall(to, p.CallID, p.Reason))
		})
}
