package payload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Event is an event from the journal.
type Event struct {
	ID      string
	Type    string
	Session string
	Time    time.Time
	Data    json.RawMessage

	// GoJSON converts the raw member of a Message event into the JSON that encoding/json makes of whatsmeow's Go structs;
	// nil: raw is in that form already.
	GoJSON func(raw json.RawMessage) (json.RawMessage, error)
}

// Shape returns the name and the data of a format's body for an event; an empty name means no body.
type Shape func(e *Event) (name string, data any, err error)

// Format is how an API that names each of its bodies sends events.
type Format struct {
	// Name is that of the API, for errors.
	Name string
	// Shapes are the events that the API has a word for, by their type.
	Shapes map[string]Shape
	// Test is the shape of every other type, which is a test of the webhook.
	Test Shape
	// Envelope puts name and data into the object that is sent.
	Envelope func(e *Event, name string, data any) any
}

// Types lists the events that the API has a word for.
func (f *Format) Types() []string { return slices.Sorted(maps.Keys(f.Shapes)) }

// Payload returns the body for an event; nil when the API sends nothing for it.
func (f *Format) Payload(e *Event) ([]byte, error) {
	fill, ok := f.Shapes[e.Type]
	if !ok {
		fill = f.Test
	}
	name, data, err := fill(e)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.Name, e.Type, err)
	}
	if name == "" {
		return nil, nil
	}
	body, err := json.Marshal(f.Envelope(e, name, data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return body, nil
}
