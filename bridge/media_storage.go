package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// MediaStorage stores the files of messages outside of this server.
type MediaStorage interface {
	// Plan returns the storages that files of the session go to now, and those whose queue is full.
	Plan(session string) (places, full []objectstore.Place)
	// Add enqueues a file in the transaction of ctx. Wake must be called after the commit.
	Add(ctx context.Context, session string, place objectstore.Place, ref, extension string, about []byte) error
	Wake(session string, place objectstore.Place)
	// DropSession deletes the settings and jobs of a session, with purge also its objects.
	DropSession(ctx context.Context, session string, purge bool) error
}

// EventFile opens the file of a Message event's message as files.Service.GetOfEvent does. The error is a *files.Problem.
func (b *Bridge) EventFile(ctx context.Context, session, chat, sender, id string) (*files.MediaFile, error) {
	s, err := b.Session(session)
	if err != nil {
		return nil, &files.Problem{Reason: wa.ReasonNotFound, Final: true, Message: "the session is gone", Err: err}
	}
	if b.cfg.SkipMedia || s.Settings().SkipMedia {
		return nil, &files.Problem{Reason: wa.ReasonNotSupported, Final: true, Skipped: true, Message: "files are not fetched (skip_media)"}
	}
	return s.files.GetOfEvent(ctx, chat, sender, id)
}

// storageFiles supplies a storage with the files of messages and reports the results in events.
type storageFiles struct{ b *Bridge }

var _ objectstore.Files = storageFiles{}

// StorageFiles returns the source of files for Options.Storage.
func (b *Bridge) StorageFiles() objectstore.Files { return storageFiles{b} }

// Fetch implements objectstore.Files.
func (f storageFiles) Fetch(ctx context.Context, j *objectstore.Job) (*objectstore.File, error) {
	s, note, err := f.open(j)
	if err != nil {
		return nil, err
	}
	if limit := f.b.files.MaxBytes(); note.Data.Media.Size > uint64(limit) {
		return nil, &objectstore.Error{
			Reason: objectstore.ReasonTooLarge, Field: "media", Final: true,
			Message: fmt.Sprintf("the file has %d bytes, kept are %d at most", note.Data.Media.Size, limit),
		}
	}
	file, err := s.Files().GetOfMessage(ctx, note.Data.Chat, note.Data.MessageID)
	if err == nil && file == nil {
		err = wa.NewError(wa.ReasonNotFound, "the message has no file any more")
	}
	if err != nil {
		problem := &objectstore.Error{Reason: objectstore.ReasonFile, Field: "media", Message: files.PublicText(err), Err: err}
		switch wa.ReasonOf(err) {
		case wa.ReasonNotFound, wa.ReasonNotSupported, wa.ReasonBadParam:
			problem.Final = true
		case wa.ReasonTooLarge:
			problem.Reason, problem.Final = objectstore.ReasonTooLarge, true
		}
		return nil, problem
	}
	return &objectstore.File{Content: file.Content, Size: file.Size, MimeType: file.MimeType, Filename: file.Filename}, nil
}

func (f storageFiles) open(j *objectstore.Job) (*Session, *inbound.FileNote, error) {
	s, err := f.b.Session(j.Session)
	if err != nil {
		return nil, nil, &objectstore.Error{Reason: objectstore.ReasonFile, Field: "media", Message: "the session is gone", Final: true, Err: err}
	}
	var note inbound.FileNote
	if err := json.Unmarshal(j.About, &note); err != nil || note.Data.Media == nil {
		return nil, nil, &objectstore.Error{Reason: objectstore.ReasonFile, Field: "media", Message: "the note of the file is damaged", Final: true, Err: err}
	}
	return s, &note, nil
}

// inlineTimeout bounds reading a file into an event; the file is stored already or is fetched once more.
const inlineTimeout = 30 * time.Second

// Done implements objectstore.Files: it writes a MessageMedia event.
func (f storageFiles) Done(ctx context.Context, j *objectstore.Job, o *objectstore.Outcome, commit func(context.Context) (bool, error)) error {
	s, err := f.b.Session(j.Session)
	if err != nil || !s.work.enter() {
		return objectstore.ErrGone
	}
	defer s.work.leave()
	_, note, err := f.open(j)
	if err != nil {
		_, err := commit(ctx) // the note is unreadable: no event
		return err
	}
	data := note.Event(j.Place)
	if o.Object != nil {
		data.S3 = &inbound.StoredObject{
			URL: o.Object.URL, Bucket: o.Object.Bucket, Key: o.Object.Key, Size: o.Object.Size, MimeType: o.Object.MimeType, Filename: o.Object.Filename,
		}
	}
	if o.Error != nil {
		data.Error = &inbound.StorageProblem{Reason: o.Error.Reason, Field: wa.OrNull(o.Error.Field), Message: o.Error.Message}
	}
	f.addFile(ctx, s, data, o.Delivery.Inline() && (o.Error == nil || o.Error.Field != "media"))
	t := s.inbound.New(ctx, nil)
	if err := t.Emit("MessageMedia", time.Time{}, inbound.FileKey(note.Key, j.Place), note.Chats, data); err != nil {
		return err
	}
	record := t.Last()
	record.Origin = journal.OriginServer
	record.Project = func(ctx context.Context) error {
		wanted, err := commit(ctx)
		if err == nil && !wanted { // the session was deleted meanwhile; this one is a later incarnation and must not report the file
			err = objectstore.ErrGone
		}
		return err
	}
	results, err := t.AppendOnce()
	if err == nil && results[len(results)-1].Duplicate {
		_, err = commit(ctx)
	}
	return err
}

// addFile adds the id of the stored file to an event. With inline, it also adds the content if it fits.
func (f storageFiles) addFile(ctx context.Context, s *Session, data *inbound.FileData, inline bool) {
	fits := func(size uint64) bool { return size <= uint64(f.b.cfg.EventDataLimit)*3/4 }
	inline = inline && fits(data.Media.Size)
	if !inline && data.S3 == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, inlineTimeout)
	defer cancel()
	file, err := s.Files().GetOfMessage(ctx, data.Chat, data.MessageID)
	if err != nil || file == nil {
		return // the event is complete without the file
	}
	data.Media.MediaID = &file.MediaID
	if !inline || !fits(uint64(file.Size)) {
		_ = file.Content.Close() // it was opened for reading only
		return
	}
	text, err := file.DataURL()
	if err != nil {
		s.log().Warn("a file could not be put into its event", "error", err)
		return
	}
	data.Base64 = &text
	if whole, err := json.Marshal(data); err != nil || len(whole) > f.b.cfg.EventDataLimit {
		data.Base64 = nil
	}
}
