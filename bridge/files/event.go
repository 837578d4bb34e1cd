package files

import (
	"context"
	"errors"
	"strings"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

// Problem is the reason why the file of an event could not be opened. Message contains no addresses and may be
// displayed.
type Problem struct {
	Reason  wa.Reason
	Final   bool // no later attempt can succeed
	Skipped bool // skip_media of the session or of the server forbids fetching files
	Message string
	Err     error
}

func (e *Problem) Error() string { return e.Message }
func (e *Problem) Unwrap() error { return e.Err }

// GetOfEvent opens the file of a Message event's message and fetches it if it is not stored. The error is a *Problem.
// The filename is never empty: if the file has none, it is built from message id and type. Messages to a broadcast list
// are also looked up in the chat with their sender.
func (s *Service) GetOfEvent(ctx context.Context, chat, sender, id string) (*MediaFile, error) {
	file, err := s.GetOfMessage(ctx, chat, id)
	if wa.ReasonOf(err) == wa.ReasonNotFound && strings.HasSuffix(chat, "@broadcast") && sender != "" {
		file, err = s.GetOfMessage(ctx, sender, id)
	}
	if err == nil && file == nil {
		err = wa.NewError(wa.ReasonNotFound, "the message has no file any more")
	}
	if err != nil {
		inTime := ctx.Err() == nil // otherwise the phone may still answer a later request for the file
		return nil, &Problem{Reason: wa.ReasonOf(err), Final: inTime && s.isLost(err), Message: PublicText(err), Err: err}
	}
	if file.Filename == "" {
		file.Filename = id + media.Extension(file.MimeType)
	}
	return file, nil
}

// isLost reports whether every later attempt to fetch a file will fail.
func (s *Service) isLost(err error) bool {
	switch wa.ReasonOf(err) {
	case wa.ReasonNotFound, wa.ReasonNotSupported, wa.ReasonBadParam, wa.ReasonTooLarge, wa.ReasonForbidden:
		return true
	case wa.ReasonNotConnected:
		return s.conn.StaysDisconnected()
	}
	return errors.Is(err, whatsmeow.ErrInvalidMediaSHA256) || errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256) ||
		errors.Is(err, whatsmeow.ErrInvalidMediaHMAC) || errors.Is(err, whatsmeow.ErrNoURLPresent)
}

// PublicText returns the public text of an error of fetching a file.
func PublicText(err error) string {
	var e *wa.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return "the file could not be fetched"
}
