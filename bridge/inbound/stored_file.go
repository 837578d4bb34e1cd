package inbound

import (
	"context"
	"encoding/json"
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

// outletStorage is the name of the operator's object storage in the list of shared outlets.
const outletStorage = "media_storage"

// StoredObject is a file in an object storage.
type StoredObject struct {
	URL      string `json:"url"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Size     int64  `json:"size"` // bytes
	MimeType string `json:"mime_type"`
	Filename string `json:"filename"` // empty = the file has no name
}

// FileData is the data of a MessageMedia event: the location of the file of an earlier Message.
type FileData struct {
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
	Error     *StorageProblem       `json:"error"`     // reason why the file was not stored; null = stored, or not meant to be stored
}

// StorageProblem is the reason why a file was not stored.
type StorageProblem struct {
	Reason  objectstore.Reason `json:"reason"`
	Field   *string            `json:"field"` // the setting at fault; media = the file itself
	Message string             `json:"message"`
}

// FileNote is the stored data about a file that waits for its upload.
type FileNote struct {
	Data  FileData `json:"data"`
	Chats []string `json:"chats"`
	Key   string   `json:"key"` // key of the message's event
}

// StoreFile enqueues the file of the last record's message for storage if the session's settings ask for it. The
// message's event does not wait for the upload. The SkipGlobal setting is read in the transaction of the event, so that
// a change of it applies exactly from the session's next event on.
func (t *Translation) StoreFile(data *message.EventData, content *waE2E.Message, chats []string, key string) error {
	shared := t.service.shared
	if shared.Storage == nil || data.Media == nil || data.Target != nil || t.settings.SkipMedia || shared.SkipMedia {
		return nil
	}
	if source, _ := files.Downloadable(content); source == nil {
		return nil
	}
	places, full := shared.Storage.Plan(t.service.id)
	if len(places)+len(full) == 0 {
		return nil
	}
	file := *data.Media
	file.Keys = nil
	note := FileNote{Chats: chats, Key: key, Data: FileData{
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
				if out, err := t.service.conn.StaysOut(ctx, outletStorage); err != nil || out {
					return err
				}
			}
			added.Store(true)
			return shared.Storage.Add(ctx, t.service.id, place, key, extension, about)
		})
		t.after = append(t.after, func() {
			if added.Load() {
				shared.Storage.Wake(t.service.id, place)
			}
		})
	}
	for _, place := range full {
		if place == objectstore.PlaceGlobal && slices.Contains(t.settings.SkipGlobal, outletStorage) {
			continue
		}
		note.Data.Error = &StorageProblem{Reason: objectstore.ReasonBusy, Field: wa.OrNull("endpoint"), Message: "too many files wait for the storage already"}
		if err := t.Emit("MessageMedia", time.Time{}, FileKey(key, place), chats, note.Event(place)); err != nil {
			return err
		}
		t.Last().Origin = journal.OriginServer
	}
	return nil
}

// FileKey returns the dedupe key of the event about the file of a message, by the key of the message's event.
func FileKey(message string, place objectstore.Place) string {
	return "media|" + string(place) + "|" + message
}

// Event returns the data of the event about the file in a storage.
func (n *FileNote) Event(place objectstore.Place) *FileData {
	data := n.Data
	data.Storage = place
	return &data
}
