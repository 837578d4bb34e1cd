package digigo

import (
	"encoding/json"
	"fmt"

	"github.com/waystation/waystation/server/rest"
)

// Kinds of archived deliveries in the document.
const (
	kindDead      = "dlq"
	kindDelivered = "success"
)

// nativeKinds are the kinds of filters. Gaps cannot be selected: they hold nothing to send again.
var nativeKinds = map[string]string{kindDead: "dead_letter", kindDelivered: "delivered"}

type kindWords struct{}

// WordPairs implements rest.Vocabulary. Events that retention dropped before they were sent count as dead letters.
func (kindWords) WordPairs() map[string]string {
	return map[string]string{"dead_letter": kindDead, "delivered": kindDelivered, "gap": kindDead}
}

// kind is the kind of an archived delivery; transport is a transport.
type (
	kind      = rest.Word[kindWords]
	transport = rest.Word[transportWords]
)

type transportWords struct{}

// WordPairs implements rest.Vocabulary.
func (transportWords) WordPairs() map[string]string { return map[string]string{"amqp": "rabbitmq"} }

// jsonText is JSON as a text; empty if it is no longer kept.
type jsonText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *jsonText) UnmarshalJSON(raw []byte) error {
	*t = jsonText(raw)
	return nil
}

// figures are numbers by words.
type figures[V rest.Vocabulary] map[string]int

// UnmarshalJSON adds up the numbers whose word is the same in the document.
func (f *figures[V]) UnmarshalJSON(raw []byte) error {
	var native map[string]int
	if err := json.Unmarshal(raw, &native); err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	*f = make(figures[V], len(native))
	for name, n := range native {
		(*f)[string(rest.WordOf[V](name))] += n
	}
	return nil
}

// transportKinds are figures by kind for each transport.
type transportKinds map[string]figures[kindWords]

// UnmarshalJSON implements json.Unmarshaler.
func (k *transportKinds) UnmarshalJSON(raw []byte) error {
	var native map[string]figures[kindWords]
	if err := json.Unmarshal(raw, &native); err != nil {
		return fmt.Errorf("figures of transports: %w", err)
	}
	*k = make(transportKinds, len(native))
	for name, kinds := range native {
		(*k)[string(rest.WordOf[transportWords](name))] = kinds
	}
	return nil
}

// entry has the keys that dead letters and entries of the archive share.
type entry struct {
	ID         int64     `json:"id" from:"/entry_id"`
	Transport  transport `json:"transport" from:"/transport"`
	User       string    `json:"user_id" from:"/session_id"`
	Event      string    `json:"event_type" from:"/event"`
	Payload    jsonText  `json:"payload" from:"/payload"`
	Attempts   int       `json:"attempts" from:"/attempts"`
	Archived   string    `json:"archived_at" from:"/archived_at"`
	Replays    int       `json:"replay_count" from:"/replay_count"`
	LastReplay *string   `json:"last_replay_at" from:"/last_replay_at"`
}

type deadLetter struct {
	entry
	LastError string `json:"last_error" from:"/last_error"`
	Failed    string `json:"failed_at" from:"/failed_at|/archived_at"`
}

type archived struct {
	entry
	Status    kind    `json:"status" from:"/status"`
	LastError *string `json:"last_error" from:"/last_error"`
	Created   string  `json:"created_at" from:"/created_at|/archived_at"`
}

// sessionID is the id of the only session that is selected.
type sessionID string

// ToParam implements rest.Converter.
func (id sessionID) ToParam(string) (any, error) { return []string{string(id)}, nil }

// date is a bound of a selection; empty = none.
type date string

// ToParam implements rest.Converter.
func (d date) ToParam(string) (any, error) {
	if d == "" {
		return nil, nil //nolint:nilnil // no param and no error
	}
	return string(d), nil
}

// entryRequest is an operation on one entry.
type entryRequest struct {
	ID int64 `rest:"id,path,param=/entry_id"`
}
