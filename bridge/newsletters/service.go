package newsletters

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that operations on newsletters use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// SendContent sends a message, under messageID if that is not empty.
	SendContent(ctx context.Context, to types.JID, messageID string, content *waE2E.Message) (id string, at time.Time, err error)
}

// Service implements the newsletter operations of one session. Its methods return *wa.Error.
type Service struct{ conn Conn }

// NewService returns the operations on newsletters of a session.
func NewService(conn Conn) *Service { return &Service{conn: conn} }

// parseNewsletter parses the parameter newsletter.
func parseNewsletter(newsletter string) (types.JID, error) {
	jid, err := wa.ParseJID("newsletter", newsletter)
	if err == nil && jid.Server != types.NewsletterServer {
		return types.EmptyJID, wa.BadParam("newsletter", "is not the address of a newsletter")
	}
	return jid, err
}

// onNewsletter calls fn with the client of the open connection and the address of a newsletter. what names the operation in errors.
func (s *Service) onNewsletter(newsletter, what string, fn func(client *whatsmeow.Client, jid types.JID) error) error {
	jid, err := parseNewsletter(newsletter)
	if err != nil {
		return err
	}
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	return wrap(what, "newsletter", fn(client, jid))
}

// wrap converts an error of whatsmeow. Errors about an unknown newsletter name field.
func wrap(what, field string, err error) error {
	err = wa.Wrap(what, err)
	if wa.ReasonOf(err) == wa.ReasonNotFound {
		return wa.NameField(field, err)
	}
	return err
}

// incomplete is the error for an answer of WhatsApp without an element.
func incomplete(element string) error {
	return &whatsmeow.ElementMissingError{Tag: element, In: "answer about a newsletter"}
}
