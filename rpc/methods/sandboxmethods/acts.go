package sandboxmethods

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// defaultPinSeconds is the time that WhatsApp's apps suggest for a pinned message.
const defaultPinSeconds = 604800

type sandboxPin struct {
	asAccount
	MessageID       string `json:"message_id" rpc:"required,min=1,max=100" doc:"message"`
	Pinned          bool   `json:"pinned" rpc:"required" doc:"true pins, false unpins"`
	DurationSeconds uint32 `json:"duration_seconds,omitempty" rpc:"enum=0|86400|604800|2592000" doc:"time that it stays pinned; default 604800"`
}

type sandboxKeep struct {
	asAccount
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"disappearing message"`
	Kept      bool   `json:"kept" rpc:"required" doc:"true keeps it, false takes that back"`
}

type sandboxRespond struct {
	asAccount
	MessageID   string `json:"message_id" rpc:"required,min=1,max=100" doc:"event"`
	Response    string `json:"response" rpc:"required,enum=going|not_going|maybe" doc:"answer"`
	ExtraGuests int    `json:"extra_guests,omitempty" rpc:"min=0,max=100" doc:"people that come along"`
}

type sandboxComment struct {
	asAccount
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"announcement of a community"`
	Text      string `json:"text" rpc:"required,min=1,max=65536" doc:"comment"`
}

type sandboxCount struct {
	Option string `json:"option" doc:"option of the poll"`
	Count  int    `json:"count" doc:"people who chose it"`
}

// sandboxState is a message with what later messages did to it.
type sandboxState struct {
	Message   *sandboxMessage          `json:"message" doc:"message object"`
	Pinned    bool                     `json:"pinned" doc:"it is pinned in its chat"`
	Kept      bool                     `json:"kept" doc:"it is kept although it would disappear"`
	Votes     []sandboxCount           `json:"votes" doc:"of a poll: options that have votes"`
	Responses message.EventResponses   `json:"responses" doc:"of an event: people by their answer"`
	Guests    int                      `json:"extra_guests" doc:"of an event: people that come along"`
	Children  []string                 `json:"children" doc:"of an album: ids of its pictures and videos"`
	Comments  []*sandboxMessage        `json:"comments" doc:"comments, decrypted"`
	Position  *message.MessageLocation `json:"position" doc:"of a live location: the newest position of the sender; null for other messages"`
}

func describeState(s sandbox.MessageState) sandboxState {
	out := sandboxState{
		Message: describeReceived(s.Message), Pinned: s.Pinned, Kept: s.Kept, Votes: []sandboxCount{}, Guests: s.Guests, Children: []string{}, Comments: []*sandboxMessage{},
		Responses: message.EventResponses{
			Going: s.Responses[message.ResponseGoing], NotGoing: s.Responses[message.ResponseNotGoing], Maybe: s.Responses[message.ResponseMaybe],
		},
	}
	if poll := out.Message.Poll; poll != nil {
		for _, option := range poll.Options {
			if count := s.Votes[option.Text]; count > 0 {
				out.Votes = append(out.Votes, sandboxCount{option.Text, count})
			}
		}
	}
	for _, child := range s.Children {
		out.Children = append(out.Children, child.ID)
	}
	for _, comment := range s.Comments {
		out.Comments = append(out.Comments, describeReceived(comment))
	}
	if s.Position != nil {
		newest := s.Message
		newest.Message = &waE2E.Message{LiveLocationMessage: s.Position}
		out.Position = describeReceived(newest).Location
	}
	return out
}

func registerActs(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "getMessage", "Return a message as an account's phone shows it: with pins, votes, answers and comments.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxOneMessage) (result sandboxState, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return describeState(phone.MessageState(m)), nil
		})
	onPhone(reg, d, "setMessagePinned", "Pin a message for all members of its chat, or unpin it.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxPin) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			seconds := p.DurationSeconds
			if seconds == 0 {
				seconds = defaultPinSeconds
			}
			if !p.Pinned {
				seconds = 0
			}
			return sent(phone.Pin(ctx, m, seconds))
		})
	onPhone(reg, d, "setMessageKept", "Keep a disappearing message for all members of its chat, or take that back.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxKeep) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return sent(phone.Keep(ctx, m, p.Kept))
		})
	onPhone(reg, d, "respondToEvent", "Answer an event.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxRespond) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return sent(phone.Respond(ctx, m, p.Response, p.ExtraGuests))
		})
	onPhone(reg, d, "comment", "Comment on an announcement of a community.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxComment) (result sandboxSent, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			return sent(phone.Comment(ctx, m, sandbox.Text(p.Text)))
		})
	onPhone(reg, d, "acceptGroupInvite", "Join the group of an invite message.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxOneMessage) (result sandboxJoined, err error) {
			m, err := messageOn(ctx, phone, p.MessageID)
			if err != nil {
				return result, err
			}
			group, err := phone.AcceptInvite(m)
			return sandboxJoined{Group: group.String()}, err
		})
}
