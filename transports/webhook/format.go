package webhook

import (
	"net/url"
	"slices"
	"strings"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
)

// Format is the shape of what a webhook receives, and decides under which names events are subscribed to.
type Format string

// The formats.
const (
	// FormatNative is the JSON object that sockets get.
	FormatNative Format = "native"
	// FormatWuzapi is wuzapi's form with the field jsonData, and token when the webhook has a body token.
	FormatWuzapi Format = "wuzapi"
	// FormatWuzapiJSON is what later revisions of wuzapi send as JSON.
	FormatWuzapiJSON Format = "wuzapi_json"
)

const (
	contentJSON = "application/json"
	contentForm = "application/x-www-form-urlencoded"
)

// format is how one Format does it.
type format struct {
	all   string // name that stands for every event
	known func(events map[string]bool, name string) bool
	// types are our types of events behind the names, AllEvents among them for every one that has an offset.
	types func(names []string) []string
	// encode makes the body; nil when the format has nothing to say about the event.
	encode func(w *Webhook, d *dispatch.Delivery) (body []byte, contentType string, err error)
}

var formats = map[Format]format{
	FormatNative: {
		all:    AllEvents,
		known:  func(events map[string]bool, name string) bool { _, ok := events[name]; return ok || name == AllEvents },
		types:  slices.Clone[[]string],
		encode: func(_ *Webhook, d *dispatch.Delivery) ([]byte, string, error) { return d.Body, contentJSON, nil },
	},
	FormatWuzapi: {
		all:    wuzapi.All,
		known:  func(_ map[string]bool, name string) bool { return wuzapi.Known(name) },
		types:  wuzapi.Types,
		encode: encodeWuzapi,
	},
	FormatWuzapiJSON: {
		all:   wuzapi.All,
		known: func(_ map[string]bool, name string) bool { return wuzapi.Known(name) },
		types: wuzapi.Types,
		encode: func(_ *Webhook, d *dispatch.Delivery) ([]byte, string, error) {
			body, err := wuzapi.PayloadFor(wuzapiEvent(d.Event), d.Event.Session)
			return body, contentJSON, err
		},
	},
}

// encodeWuzapi repeats a token only when the webhook was given one: sessions' tokens are stored hashed and therefore
// cannot be repeated, and a signature does the same without giving a credential away.
func encodeWuzapi(w *Webhook, d *dispatch.Delivery) ([]byte, string, error) {
	payload, err := wuzapi.Payload(wuzapiEvent(d.Event))
	if err != nil || payload == nil {
		return nil, "", err
	}
	form := url.Values{"jsonData": {string(payload)}}
	if w.BodyToken != "" {
		form.Set("token", w.BodyToken)
	}
	return []byte(form.Encode()), contentForm, nil
}

func wuzapiEvent(e *journal.Event) *wuzapi.Event {
	return &wuzapi.Event{Type: e.Type, Time: e.Time, Data: e.Data}
}

// Formats lists the names of the formats.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func formatNames() string { return strings.Join(Formats(), ", ") }

func (s *store) known(f Format, name string) bool { return formats[f].known(s.cfg.Events, name) }

// filter is what the dispatcher needs to know of a webhook's subscription. Signals that only come because of AllEvents
// are left out by wants.
func (s *store) filter(w *Webhook) dispatch.Filter {
	types := formats[w.Format].types(w.Events)
	signals := slices.ContainsFunc(types, func(name string) bool { return s.cfg.Events[name] })
	return dispatch.Filter{Events: types, Signals: signals}
}

// wantsSignal tells whether a signal was named: AllEvents does not bring any.
func wantsSignal(w *Webhook, name string) bool {
	return slices.Contains(formats[w.Format].types(w.Events), name)
}
