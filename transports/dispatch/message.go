package dispatch

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Keys of the metadata of a message. Values are texts, as Watermill requires.
const (
	MetadataSession = "session" // session of the event
	MetadataOffset  = "offset"  // decimal; 0 for a signal
	MetadataType    = "type"    // name of the event
	MetadataTarget  = "target"  // id of the target
	MetadataAttempt = "attempt" // decimal, counted from 1
	MetadataReplay  = "replay"  // "true" for replays, absent otherwise
)

// Metadata is the metadata of a message in its own types.
type Metadata struct {
	Session string
	Offset  uint64
	Type    string
	Target  string
	Attempt int
	Replay  bool
}

// ErrMetadata is returned for a message whose metadata is not that of NewMessage.
var ErrMetadata = errors.New("dispatch: invalid metadata of a message")

// NewMessage returns a delivery as a Watermill message: the UUID is the event's id (empty for a signal), the payload is the body, and the metadata
// has the keys above. The payload is shared with the delivery and must not be changed.
func NewMessage(t Target, d *Delivery) *message.Message {
	msg := message.NewMessage(d.Event.ID, nil)
	fillMessage(msg, t.ID, d, d.Attempt)
	return msg
}

// ParseMetadata returns the metadata of a message that NewMessage made, also after a broker has transported it. ErrMetadata: a key is missing or
// its value is not a number.
func ParseMetadata(msg *message.Message) (Metadata, error) {
	m := Metadata{
		Session: msg.Metadata.Get(MetadataSession), Type: msg.Metadata.Get(MetadataType), Target: msg.Metadata.Get(MetadataTarget),
		Replay: msg.Metadata.Get(MetadataReplay) == "true",
	}
	for _, text := range []struct{ key, value string }{{MetadataSession, m.Session}, {MetadataType, m.Type}, {MetadataTarget, m.Target}} {
		if text.value == "" {
			return Metadata{}, fmt.Errorf("%w: no %s", ErrMetadata, text.key)
		}
	}
	var err error
	if m.Offset, err = strconv.ParseUint(msg.Metadata.Get(MetadataOffset), 10, 64); err != nil {
		return Metadata{}, fmt.Errorf("%w: %s: %w", ErrMetadata, MetadataOffset, err)
	}
	if m.Attempt, err = strconv.Atoi(msg.Metadata.Get(MetadataAttempt)); err != nil {
		return Metadata{}, fmt.Errorf("%w: %s: %w", ErrMetadata, MetadataAttempt, err)
	}
	return m, nil
}

// fillMessage makes a message that of a delivery.
func fillMessage(msg *message.Message, target string, d *Delivery, attempt int) {
	e := d.Event
	msg.UUID, msg.Payload = e.ID, d.Body
	msg.Metadata[MetadataSession] = e.Session
	msg.Metadata[MetadataOffset] = strconv.FormatUint(e.Offset, 10)
	msg.Metadata[MetadataType] = e.Type
	msg.Metadata[MetadataTarget] = target
	msg.Metadata[MetadataAttempt] = strconv.Itoa(attempt)
	if d.Replay {
		msg.Metadata[MetadataReplay] = "true"
	}
}
