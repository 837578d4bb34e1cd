package bridge

import (
	"context"
	"errors"
	"strings"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

// FileProblem is the reason why the file of a message could not be opened. Message contains no addresses and may be
// displayed.
type FileProblem struct {
	Reason  wa.Reason
	Final   bool // no later attempt can succeed
	Skipped bool // skip_media of the session or of the server forbids fetching files
	Message string
	Err     error
}

func (e *FileProblem) Error() string { return e.Message }
func (e *FileProblem) Unwrap() error { return e.Err }

// EventFile opens the file of a Message event's message and fetches it if it is not stored. The error is a
// *FileProblem. The filename is never empty: if the file has none, it is built from message id and type. Messages to a
// broadcast list are also looked up in the chat with their sender.
func (b *Bridge) EventFile(ctx context.Context, session, chat, sender, id string) (*files.MediaFile, error) {
	s, err := b.Session(session)
	if err != nil {
		return nil, &FileProblem{Reason: wa.ReasonNotFound, Final: true, Message: "the session is gone", Err: err}
	}
	if b.cfg.SkipMedia || s.Settings().SkipMedia {
		return nil, &FileProblem{Reason: wa.ReasonNotSupported, Final: true, Skipped: true, Message: "files are not fetched (skip_media)"}
	}
	file, err := s.Files().GetOfMessage(ctx, chat, id)
	if wa.ReasonOf(err) == wa.ReasonNotFound && strings.HasSuffix(chat, "@broadcast") && sender != "" {
		file, err = s.Files().GetOfMessage(ctx, sender, id)
	}
	if err == nil && file == nil {
		err = wa.NewError(wa.ReasonNotFound, "the message has no file any more")
	}
	if err != nil {
		inTime := ctx.Err() == nil // otherwise the phone may still answer a later request for the file
		return nil, &FileProblem{Reason: wa.ReasonOf(err), Final: inTime && s.fileIsLost(err), Message: fetchText(err), Err: err}
	}
	if file.Filename == "" {
		file.Filename = id + media.Extension(file.MimeType)
	}
	return file, nil
}

// lasting are the states that a session leaves only after an action of its owner.
var lasting = map[State]bool{StateCreated: true, StatePairing: true, StateLoggedOut: true, StateReplaced: true, StateBanned: true, StateOutdated: true}

// fileIsLost reports whether every later attempt to fetch the file will fail.
func (s *Session) fileIsLost(err error) bool {
	switch wa.ReasonOf(err) {
	case wa.ReasonNotFound, wa.ReasonNotSupported, wa.ReasonBadParam, wa.ReasonTooLarge, wa.ReasonForbidden:
		return true
	case wa.ReasonNotConnected:
		s.mu.Lock()
		defer s.mu.Unlock()
		return lasting[s.snap.State]
	}
	return errors.Is(err, whatsmeow.ErrInvalidMediaSHA256) || errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256) ||
		errors.Is(err, whatsmeow.ErrInvalidMediaHMAC) || errors.Is(err, whatsmeow.ErrNoURLPresent)
}
