package newsletters

import (
	"context"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxPage is the largest number of posts in one answer.
	maxPage = 100
	// maxViewed is the largest number of posts in one receipt.
	maxViewed = 100
	// answerTimeout bounds the wait for answers for which whatsmeow waits without a limit.
	answerTimeout = 30 * time.Second
)

// NewsletterMessage is one post of a newsletter with its counts.
type NewsletterMessage struct {
	MessageID      string                `json:"message_id" doc:"id"`
	ServerID       int                   `json:"server_id" doc:"number inside the newsletter"`
	Type           string                `json:"type" doc:"type of the content, as in message.get; text or media where WhatsApp returns no content"`
	Timestamp      time.Time             `json:"timestamp" doc:"when posted"`
	Text           *string               `json:"text" doc:"text or caption; null where WhatsApp returns no content, and for revoked posts"`
	ViewsCount     int                   `json:"views_count" doc:"views"`
	ReactionCounts map[string]int        `json:"reaction_counts" doc:"number of reactions by emoji"`
	Media          *message.MessageMedia `json:"media" doc:"file; null without one"`
}

// newPosts returns the result objects for posts of a newsletter.
func newPosts(found []*types.NewsletterMessage, newsletter types.JID) []NewsletterMessage {
	list := make([]NewsletterMessage, 0, len(found))
	for _, m := range found {
		if m == nil {
			continue
		}
		at := m.Timestamp.UTC()
		if !wa.HasForm(at) {
			at = time.Unix(0, 0).UTC()
		}
		p := NewsletterMessage{MessageID: m.MessageID, ServerID: m.MessageServerID, Type: m.Type, Timestamp: at, ViewsCount: m.ViewsCount, ReactionCounts: m.ReactionCounts}
		if p.ReactionCounts == nil {
			p.ReactionCounts = map[string]int{}
		}
		if m.Message != nil {
			described := message.NewMessage(&types.MessageInfo{ID: m.MessageID, MessageSource: types.MessageSource{Chat: newsletter, Sender: newsletter}}, m.Message)
			p.Type, p.Text, p.Media = described.Type, described.Text, described.Media
		}
		list = append(list, p)
	}
	return list
}

// PostQuery selects posts of a newsletter.
type PostQuery struct {
	Limit  int // 1 to 100
	Before int // ListPosts: older than this post; 0 = the newest
	After  int // ListChanges: newer than this post; 0 = all
	Since  time.Time
}

func (q *PostQuery) check() error {
	if q.Limit < 1 || q.Limit > maxPage {
		return wa.BadParam("limit", "must be between 1 and %d", maxPage)
	}
	for field, value := range map[string]int{"before_server_id": q.Before, "after_server_id": q.After} {
		if value < 0 {
			return wa.BadParam(field, "must not be negative")
		}
	}
	return nil
}

// ListPosts returns the newest posts of a newsletter, in the order of their numbers.
func (s *Service) ListPosts(ctx context.Context, newsletter string, q PostQuery) (list []NewsletterMessage, err error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	err = s.onNewsletter(newsletter, "list the posts", func(client *whatsmeow.Client, jid types.JID) error {
		found, err := client.GetNewsletterMessages(ctx, jid, &whatsmeow.GetNewsletterMessagesParams{Count: q.Limit, Before: q.Before})
		list = newPosts(found, jid)
		return err
	})
	return list, err
}

// ListChanges returns the posts of a newsletter whose views or reactions changed.
func (s *Service) ListChanges(ctx context.Context, newsletter string, q PostQuery) (list []NewsletterMessage, err error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	err = s.onNewsletter(newsletter, "list the changed posts", func(client *whatsmeow.Client, jid types.JID) error {
		found, err := client.GetNewsletterMessageUpdates(ctx, jid, &whatsmeow.GetNewsletterUpdatesParams{Count: q.Limit, Since: q.Since, After: q.After})
		list = newPosts(found, jid)
		return err
	})
	return list, err
}

// maxEmoji bounds a reaction in bytes: the longest emoji sequences have 35.
const maxEmoji = 64

// React sets the account's reaction to a post, under messageID if that is not empty; an empty emoji removes it. Unlike whatsmeow it waits for
// WhatsApp's acknowledgement, so that a refusal is an error.
func (s *Service) React(ctx context.Context, newsletter string, serverID int, emoji, messageID string) error {
	if serverID < 1 {
		return wa.BadParam("server_id", "must be positive")
	}
	if len(emoji) > maxEmoji {
		return wa.BadParam("emoji", "is longer than %d bytes", maxEmoji)
	}
	return s.onNewsletter(newsletter, "react to the post", func(client *whatsmeow.Client, jid types.JID) error {
		if messageID == "" {
			messageID = client.GenerateMessageID()
		}
		attrs, code := waBinary.Attrs{"to": jid, "id": messageID, "server_id": serverID, "type": "reaction"}, waBinary.Attrs{"code": emoji}
		if emoji == "" {
			attrs["edit"], code = string(types.EditAttributeSenderRevoke), waBinary.Attrs{}
		}
		err := exchange(ctx, client, messageID, "react to the post", waBinary.Node{Tag: "message", Attrs: attrs, Content: []waBinary.Node{{Tag: "reaction", Attrs: code}}})
		return wrap("react to the post", "server_id", err)
	})
}

// MarkViewed adds the account's view to posts.
func (s *Service) MarkViewed(ctx context.Context, newsletter string, serverIDs []int) error {
	if len(serverIDs) == 0 || len(serverIDs) > maxViewed {
		return wa.BadParam("server_ids", "must have 1 to %d posts", maxViewed)
	}
	items := make([]waBinary.Node, len(serverIDs))
	for i, id := range serverIDs {
		if id < 1 {
			return wa.BadParam("server_ids/"+strconv.Itoa(i), "must be positive")
		}
		items[i] = waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"server_id": id}}
	}
	return s.onNewsletter(newsletter, "mark the posts as viewed", func(client *whatsmeow.Client, jid types.JID) error {
		id := client.DangerousInternals().GenerateRequestID()
		return exchange(ctx, client, id, "mark the posts as viewed", waBinary.Node{
			Tag: "receipt", Attrs: waBinary.Attrs{"to": jid, "type": "view", "id": id}, Content: []waBinary.Node{{Tag: "list", Content: items}},
		})
	})
}

// SubscribeLiveUpdates makes WhatsApp send changed counts of a newsletter for the returned duration.
func (s *Service) SubscribeLiveUpdates(ctx context.Context, newsletter string) (duration time.Duration, err error) {
	err = s.onNewsletter(newsletter, "subscribe to live updates", func(client *whatsmeow.Client, jid types.JID) error {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		var err error
		if duration, err = client.NewsletterSubscribeLiveUpdates(ctx, jid); err == nil && duration <= 0 {
			err = incomplete("live_updates")
		}
		return err
	})
	return max(0, duration), err
}

// exchange sends a stanza and waits for the acknowledgement with its id, for 30 seconds at most. whatsmeow waits for some without a limit and for
// others not at all.
func exchange(ctx context.Context, client *whatsmeow.Client, id, what string, node waBinary.Node) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	internals := client.DangerousInternals()
	answers := internals.WaitResponse(id)
	if err := internals.SendNode(ctx, node); err != nil {
		internals.CancelResponse(id, answers)
		return err
	}
	select {
	case answer := <-answers:
		return errorIn(what, answer)
	case <-ctx.Done():
		internals.CancelResponse(id, answers)
		return ctx.Err()
	}
}

// errorIn returns the error in an acknowledgement; nil is the one of a connection that ended.
func errorIn(what string, answer *waBinary.Node) error {
	if answer == nil || answer.Tag == "xmlstreamend" || answer.Tag == "stream:error" {
		return &whatsmeow.DisconnectedError{Action: what, Node: answer}
	}
	attrs := answer.AttrGetter()
	if code := attrs.OptionalInt("error"); code != 0 {
		return &whatsmeow.IQError{Code: code, RawNode: answer}
	}
	return nil
}
