package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
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

// outletMedia is the name of the operator's object storage in the list of shared outlets.
const outletMedia = "media_storage"

// StoredObject is a file in an object storage.
type StoredObject struct {
	URL      string `json:"url"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Size     int64  `json:"size"` // bytes
	MimeType string `json:"mime_type"`
	Filename string `json:"filename"` // empty = the file has no name
}

// MessageMediaData is the data of a MessageMedia event: the location of the file of an earlier Message.
type MessageMediaData struct {
	MessageID string `json:"message_id"`
	Chat      string `json:"chat"`
	Sender    string `json:"sender"`
	wa.ChatNames
	wa.PersonNames
	FromMe    bool                  `json:"from_me"`
	FromAPI   bool                  `json:"from_api"`
	IsGroup   bool                  `json:"is_group"`
	Timestamp time.Time             `json:"timestamp"` // time of the message
	Type      string                `json:"type"`      // type of the message
	Media     *message.MessageMedia `json:"media"`     // media of the message, without keys
	Storage   objectstore.Place     `json:"storage"`   // session or global
	S3        *StoredObject         `json:"s3"`        // null = not stored
	Base64    *string               `json:"base64"`    // data URL; null = not requested, too large for an event or not available
	Error     *MediaProblem         `json:"error"`     // reason why the file was not stored; null = stored, or not meant to be stored
}

// MediaProblem is the reason why a file was not stored.
type MediaProblem struct {
	Reason  objectstore.Reason `json:"reason"`
	Field   *string            `json:"field"` // the setting at fault; media = the file itself
	Message string             `json:"message"`
}

// mediaNote is the stored data about a file that waits for its upload.
type mediaNote struct {
	Data  MessageMediaData `json:"data"`
	Chats []string         `json:"chats"`
	Key   string           `json:"key"` // key of the message's event
}

// storeMedia enqueues the file of the last record's message for storage if the session's settings ask for it. The
// message's event does not wait for the upload. The SkipGlobal setting is read in the transaction of the event, so that
// a change of it applies exactly from the session's next event on.
func (t *translation) storeMedia(data *MessageData, content *waE2E.Message, chats []string, key string) error {
	b := t.s.b
	if b.storage == nil || data.Media == nil || data.Target != nil || t.settings.SkipMedia || b.cfg.SkipMedia {
		return nil
	}
	if source, _ := files.Downloadable(content); source == nil {
		return nil
	}
	places, full := b.storage.Plan(t.s.id)
	if len(places)+len(full) == 0 {
		return nil
	}
	file := *data.Media
	file.Keys = nil
	note := mediaNote{Chats: chats, Key: key, Data: MessageMediaData{
		MessageID: data.MessageID, Chat: data.Chat, ChatNames: data.ChatNames, Sender: data.Sender, PersonNames: data.PersonNames, FromMe: data.FromMe,
		FromAPI: data.FromAPI, IsGroup: data.IsGroup, Timestamp: data.Timestamp, Type: data.Type, Media: &file,
	}}
	about, err := json.Marshal(&note)
	if err != nil {
		return err
	}
	extension := ""
	if file.MimeType != nil {
		extension = media.Extension(*file.MimeType)
	}
	for _, place := range places {
		var added atomic.Bool // set by the committer, which may retry
		t.project(func(ctx context.Context) error {
			added.Store(false)
			if place == objectstore.PlaceGlobal {
				if out, err := b.store.staysOut(ctx, t.s.id, outletMedia); err != nil || out {
					return err
				}
			}
			added.Store(true)
			return b.storage.Add(ctx, t.s.id, place, key, extension, about)
		})
		t.after = append(t.after, func() {
			if added.Load() {
				b.storage.Wake(t.s.id, place)
			}
		})
	}
	for _, place := range full {
		if place == objectstore.PlaceGlobal && slices.Contains(t.settings.SkipGlobal, outletMedia) {
			continue
		}
		note.Data.Error = &MediaProblem{Reason: objectstore.ReasonBusy, Field: wa.OrNull("endpoint"), Message: "too many files wait for the storage already"}
		if err := t.emit("MessageMedia", time.Time{}, mediaKey(key, place), chats, note.event(place)); err != nil {
			return err
		}
		t.records[len(t.records)-1].Origin = journal.OriginServer
	}
	return nil
}

func mediaKey(message string, place objectstore.Place) string {
	return "media|" + string(place) + "|" + message
}

func (n *mediaNote) event(place objectstore.Place) *MessageMediaData {
	data := n.Data
	data.Storage = place
	return &data
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
		problem := &objectstore.Error{Reason: objectstore.ReasonFile, Field: "media", Message: fetchText(err), Err: err}
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

// fetchText returns the public text of an error of fetching a file.
func fetchText(err error) string {
	var e *wa.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return "the file could not be fetched"
}

func (f storageFiles) open(j *objectstore.Job) (*Session, *mediaNote, error) {
	s, err := f.b.Session(j.Session)
	if err != nil {
		return nil, nil, &objectstore.Error{Reason: objectstore.ReasonFile, Field: "media", Message: "the session is gone", Final: true, Err: err}
	}
	var note mediaNote
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
	data := note.event(j.Place)
	if o.Object != nil {
		data.S3 = &StoredObject{o.Object.URL, o.Object.Bucket, o.Object.Key, o.Object.Size, o.Object.MimeType, o.Object.Filename}
	}
	if o.Error != nil {
		data.Error = &MediaProblem{o.Error.Reason, wa.OrNull(o.Error.Field), o.Error.Message}
	}
	f.addFile(ctx, s, data, o.Delivery.Inline() && (o.Error == nil || o.Error.Field != "media"))
	t := s.ownTranslation(ctx)
	if err := t.emit("MessageMedia", time.Time{}, mediaKey(note.Key, j.Place), note.Chats, data); err != nil {
		return err
	}
	record := &t.records[len(t.records)-1]
	record.Origin = journal.OriginServer
	record.Project = func(ctx context.Context) error {
		wanted, err := commit(ctx)
		if err == nil && !wanted { // the session was deleted meanwhile; this one is a later incarnation and must not report the file
			err = objectstore.ErrGone
		}
		return err
	}
	results, err := f.b.journal.Append(ctx, j.Session, t.records...)
	if err == nil && results[len(results)-1].Duplicate {
		_, err = commit(ctx)
	}
	return err
}

// addFile adds the id of the stored file to an event. With inline, it also adds the content if it fits.
func (f storageFiles) addFile(ctx context.Context, s *Session, data *MessageMediaData, inline bool) {
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
