package statusposts

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// Lifetime is how long WhatsApp shows a post.
const Lifetime = 24 * time.Hour

// Conn has the method of a session that posts use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
}

// Sender sends messages.
type Sender interface {
	Send(ctx context.Context, to string, c *message.Content, o *outbound.SendOptions) (*outbound.Sent, error)
}

// Service posts for one session.
type Service struct {
	conn   Conn
	sender Sender
}

// NewService returns the posts of a session.
func NewService(conn Conn, sender Sender) *Service { return &Service{conn: conn, sender: sender} }

// Post is a post to send.
type Post struct {
	Content   *message.Content
	Audience  []string // empty = all whom the status privacy includes
	Mentions  []string
	MessageID string // empty = generated
	Echo      *bool  // nil = setting of the server and the session
}

// Posted is a post that WhatsApp has accepted.
type Posted struct {
	MessageID    string    `json:"message_id" doc:"id of the post"`
	Timestamp    time.Time `json:"timestamp" doc:"time given by the server"`
	Type         string    `json:"type" doc:"text, image, video or audio"`
	AudienceSize int       `json:"audience_size" doc:"people it was sent to"`
}

// Colours of a text without its own: WhatsApp shows no text post without a background.
const (
	defaultBackground = "#FF128C7E"
	defaultText       = "#FFFFFFFF"
)

var postTypes = []string{message.TypeText, message.TypeImage, message.TypeVideo, message.TypeAudio}

// Send sends a post. Errors about the content name its field.
func (s *Service) Send(ctx context.Context, p *Post) (*Posted, error) {
	content, err := checkContent(p.Content)
	if err != nil {
		return nil, wa.InField("content", err)
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	people, err := readAudience(ctx, cli)
	if err != nil {
		return nil, err
	}
	chosen, err := people.limitTo(p.Audience)
	if err != nil {
		return nil, err
	}
	sent, err := s.sender.Send(withAudience(ctx, chosen.people), types.StatusBroadcastJID.String(), content, &outbound.SendOptions{
		MessageID: p.MessageID, Mentions: p.Mentions, Echo: p.Echo, ContentField: "content",
	})
	if err != nil {
		return nil, err
	}
	return &Posted{MessageID: sent.MessageID, Timestamp: sent.Timestamp, Type: content.Type, AudienceSize: len(chosen.people)}, nil
}

// checkContent returns the content with its defaults.
func checkContent(c *message.Content) (*message.Content, error) {
	post := *c
	_, hasFont := waE2E.ExtendedTextMessage_FontType_name[int32(post.Font)] //nolint:gosec // at most 20
	switch {
	case !slices.Contains(postTypes, post.Type):
		return nil, wa.BadParam("type", "must be one of %s", strings.Join(postTypes, ", "))
	case post.ViewOnce:
		return nil, wa.BadParam("view_once", "does not go with a status post")
	case !hasFont:
		return nil, wa.BadParam("font", "must be 0, 1, 2 or 6 to 10")
	}
	if post.Type == message.TypeText {
		if post.BackgroundColor == "" {
			post.BackgroundColor = defaultBackground
		}
		if post.TextColor == "" {
			post.TextColor = defaultText
		}
	}
	return &post, nil
}
