package digigo

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// Kinds of archived deliveries: the document's words.
const (
	kindDead      = "dlq"
	kindDelivered = "success"
)

// kinds are the document's words by those of the methods. Events that retention dropped before they were sent were not
// delivered either.
var kinds = map[string]string{"dead_letter": kindDead, "delivered": kindDelivered, "gap": kindDead}

// nativeKinds are those of filters; gaps hold nothing that could be sent again.
var nativeKinds = map[string]string{kindDead: "dead_letter", kindDelivered: "delivered"}

// transports are the document's words by those of the methods; others are the same.
var transports = map[string]string{"amqp": "rabbitmq"}

func transport(native string) string { return cmp.Or(transports[native], native) }

func nativeTransport(word string) string {
	for native, other := range transports {
		if strings.EqualFold(word, other) {
			return native
		}
	}
	return word
}

// entry is what the dialect reads of an archived delivery.
type entry struct {
	ID         int64           `json:"entry_id"`
	Status     string          `json:"status"`
	Session    string          `json:"session_id"`
	Event      string          `json:"event"`
	Transport  string          `json:"transport"`
	Payload    json.RawMessage `json:"payload"`
	Attempts   int             `json:"attempts"`
	LastError  *string         `json:"last_error"`
	Created    *string         `json:"created_at"`
	Failed     *string         `json:"failed_at"`
	Archived   *string         `json:"archived_at"`
	Replays    int             `json:"replay_count"`
	LastReplay *string         `json:"last_replay_at"`
}

// text is a payload, which the document has as text; empty when it is no longer kept.
func text(payload json.RawMessage) string {
	if string(payload) == "null" {
		return ""
	}
	return string(payload)
}

// deadLetter is an entry as the routes of dead letters show it, archived as those of the archive do.
type deadLetter struct {
	ID         int64   `json:"id"`
	Transport  string  `json:"transport"`
	User       string  `json:"user_id"`
	Event      string  `json:"event_type"`
	Payload    string  `json:"payload"`
	Attempts   int     `json:"attempts"`
	LastError  string  `json:"last_error"`
	Failed     string  `json:"failed_at"`
	Archived   string  `json:"archived_at"`
	Replays    int     `json:"replay_count"`
	LastReplay *string `json:"last_replay_at"`
}

func (e *entry) deadLetter() deadLetter {
	return deadLetter{
		ID: e.ID, Transport: transport(e.Transport), User: e.Session, Event: e.Event, Payload: text(e.Payload), Attempts: e.Attempts,
		LastError: rest.Deref(e.LastError), Failed: cmp.Or(rest.Deref(e.Failed), rest.Deref(e.Archived)), Archived: rest.Deref(e.Archived), Replays: e.Replays, LastReplay: e.LastReplay,
	}
}

type archived struct {
	ID         int64   `json:"id"`
	Status     string  `json:"status"`
	Transport  string  `json:"transport"`
	User       string  `json:"user_id"`
	Event      string  `json:"event_type"`
	Payload    string  `json:"payload"`
	Attempts   int     `json:"attempts"`
	LastError  *string `json:"last_error"`
	Created    string  `json:"created_at"`
	Archived   string  `json:"archived_at"`
	Replays    int     `json:"replay_count"`
	LastReplay *string `json:"last_replay_at"`
}

func (e *entry) archived() archived {
	return archived{
		ID: e.ID, Status: kinds[e.Status], Transport: transport(e.Transport), User: e.Session, Event: e.Event, Payload: text(e.Payload), Attempts: e.Attempts,
		LastError: e.LastError, Created: cmp.Or(rest.Deref(e.Created), rest.Deref(e.Archived)), Archived: rest.Deref(e.Archived), Replays: e.Replays, LastReplay: e.LastReplay,
	}
}

func archivedAll(entries []entry) []archived {
	out := make([]archived, len(entries))
	for i := range entries {
		out[i] = entries[i].archived()
	}
	return out
}

// selection are the filters that dead letters and the archive share.
type selection struct {
	Transport *string
	User      *string
	Event     *string
	From, To  *string
	Limit     *int
	Offset    *int
}

// params are those of the methods archive.*.
func (s *selection) params(kind string) rest.Params {
	p := rest.Params{}
	put(p, "status", nativeKinds[kind])
	put(p, "transport", nativeTransport(rest.Deref(s.Transport)))
	put(p, "event", rest.Deref(s.Event))
	put(p, "since", rest.Deref(s.From))
	put(p, "until", rest.Deref(s.To))
	if rest.Deref(s.User) != "" {
		p["session_ids"] = []string{*s.User}
	}
	if s.Limit != nil {
		p["limit"] = *s.Limit
	}
	if s.Offset != nil {
		p["offset"] = *s.Offset
	}
	return p
}

// narrow tells whether the selection leaves anything out.
func (s *selection) narrow() bool {
	return rest.Deref(s.Transport)+rest.Deref(s.User)+rest.Deref(s.Event)+rest.Deref(s.From)+rest.Deref(s.To) != ""
}

// put sets a param that has a value.
func put(p rest.Params, name, value string) {
	if value != "" {
		p[name] = value
	}
}

// tally is what the dialect reads of archive.getStats.
type tally struct {
	Total             int
	ByStatus          map[string]int            `json:"by_status"`
	ByTransport       map[string]int            `json:"by_transport"`
	ByEvent           map[string]int            `json:"by_event"`
	ByTransportStatus map[string]map[string]int `json:"by_transport_status"`
	Oldest            map[string]string
	Newest            map[string]string
}

// orNull is a text, or null when it is empty.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// renamed sums figures under the document's words.
func renamed(figures map[string]int, word func(string) string) map[string]int {
	out := make(map[string]int, len(figures))
	for name, n := range figures {
		out[word(name)] += n
	}
	return out
}
