package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/webhook/payload"
	"github.com/waystation/waystation/transports/webhook/waakg"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
	"github.com/waystation/waystation/transports/webhook/wwebjs"
)

// Format is the shape of what a webhook receives. Events are subscribed to under the same names in every format.
type Format string

// The formats.
const (
	// FormatNative is the JSON object that sockets get.
	FormatNative Format = "native"
	// FormatWuzapi is wuzapi's form with the field jsonData, and token when the webhook has a body token.
	FormatWuzapi Format = "wuzapi"
	// FormatWuzapiJSON is what later revisions of wuzapi send as JSON.
	FormatWuzapiJSON Format = "wuzapi_json"
	// FormatWAAKG is WA-AKG's object, with its signature beside ours when the webhook has a secret.
	FormatWAAKG Format = "waakg"
	// FormatWWebJS is wwebjs-api's object, with the body token as its key when the webhook has one.
	FormatWWebJS Format = "wwebjs"
)

const (
	contentJSON = "application/json"
	contentForm = "application/x-www-form-urlencoded"
)

// format is how one Format does it.
type format struct {
	// types are the events that it has a word for, and that AllEvents stands for; nil: all that have an offset.
	types []string
	// encode makes the body; nil when the format has nothing to say about the event. e is nil for the native format.
	encode func(w *Webhook, d *dispatch.Delivery, e *payload.Event) (body []byte, contentType string, err error)
	// head adds the headers that receivers of the format look for; nil: none.
	head func(w *Webhook, body []byte, h http.Header)
	// files are the modes, besides FilesNone, in which the format carries files, and attach makes a body with one, or with
	// the reason why it is missing; none: it carries no files.
	files  []FileMode
	attach func(w *Webhook, d *dispatch.Delivery, e *payload.Event, f *attachment) (fileBody, error)
}

var formats = map[Format]format{
	FormatNative:     {nil, encodeNative, nil, []FileMode{FilesInline}, attachNative},
	FormatWuzapi:     {wuzapi.Types(), encodeWuzapi, nil, []FileMode{FilesInline, FilesMultipart}, attachWuzapi},
	FormatWuzapiJSON: {wuzapi.Types(), encodeWuzapiJSON, nil, []FileMode{FilesInline, FilesMultipart}, attachWuzapiJSON},
	FormatWAAKG:      {waakg.Types(), encodeWAAKG, headWAAKG, nil, nil},
	FormatWWebJS:     {wwebjs.Types(), encodeWWebJS, headWWebJS, nil, nil},
}

func encodeNative(_ *Webhook, d *dispatch.Delivery, _ *payload.Event) ([]byte, string, error) {
	return d.Body, contentJSON, nil
}

// encodeWuzapi repeats a token only when the webhook was given one: sessions' tokens are stored hashed and therefore
// cannot be repeated, and a signature does the same without giving a credential away.
func encodeWuzapi(w *Webhook, _ *dispatch.Delivery, e *payload.Event) ([]byte, string, error) {
	payload, err := wuzapi.Payload(e)
	if err != nil || payload == nil {
		return nil, "", err
	}
	form := wuzapiFields(w, e)
	form.Set("jsonData", string(payload))
	return []byte(form.Encode()), contentForm, nil
}

// wuzapiFields are the fields of wuzapi's form besides jsonData.
func wuzapiFields(w *Webhook, e *payload.Event) url.Values {
	form := url.Values{"userID": {e.Session}, "instanceName": {e.Session}}
	if w.BodyToken != "" {
		form.Set("token", w.BodyToken)
	}
	return form
}

func encodeWuzapiJSON(_ *Webhook, _ *dispatch.Delivery, e *payload.Event) ([]byte, string, error) {
	body, err := wuzapi.PayloadFor(e, e.Session)
	return body, contentJSON, err
}

// errNotWhole says that what an event leaves out could not be read. It is temporary.
var errNotWhole = errors.New("the rest of the message could not be read")

// messageType is the event whose data may lack what did not fit.
const messageType = "Message"

// eventOf returns an event as formats get it, with all of a message's text however long it is.
func (c *Config) eventOf(ctx context.Context, e *journal.Event) (*payload.Event, error) {
	out := &payload.Event{ID: e.ID, Type: e.Type, Session: e.Session, Time: e.Time, Data: e.Data}
	if c.Messages == nil || e.Type != messageType {
		return out, nil
	}
	out.GoJSON = c.Messages.GoJSON
	whole, err := c.Messages.Whole(ctx, e.Session, e.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotWhole, err)
	}
	out.Data = whole
	return out, nil
}

func encodeWAAKG(_ *Webhook, _ *dispatch.Delivery, e *payload.Event) ([]byte, string, error) {
	body, err := waakg.Payload(e)
	return body, contentJSON, err
}

// headWAAKG signs with the newest secret alone: the header has room for one signature.
func headWAAKG(w *Webhook, body []byte, h http.Header) {
	if w.Secret != "" {
		h.Set(waakg.SignatureHeader, waakg.Sign(body, w.Secret))
	}
}

func encodeWWebJS(_ *Webhook, _ *dispatch.Delivery, e *payload.Event) ([]byte, string, error) {
	body, err := wwebjs.Payload(e)
	return body, contentJSON, err
}

func headWWebJS(w *Webhook, _ []byte, h http.Header) {
	if w.BodyToken != "" {
		h.Set(wwebjs.KeyHeader, w.BodyToken)
	}
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

// types are the events a webhook is subscribed to and its format has a word for, AllEvents among them for every one that
// has an offset.
func (w *Webhook) types() []string {
	has := formats[w.Format].types
	switch {
	case has == nil:
		return w.Events
	case slices.Contains(w.Events, AllEvents):
		return has
	}
	return slices.DeleteFunc(slices.Clone(w.Events), func(name string) bool { return !slices.Contains(has, name) })
}

// wantsSignal tells whether a signal was named: AllEvents does not bring any.
func (w *Webhook) wantsSignal(name string) bool { return slices.Contains(w.types(), name) }

// filter is what the dispatcher needs to know of a webhook's subscription. It may let signals pass because of AllEvents;
// the sink leaves them out.
func (s *store) filter(w *Webhook) dispatch.Filter {
	types := w.types()
	return dispatch.Filter{Events: types, Signals: slices.ContainsFunc(types, func(name string) bool { return s.cfg.Events[name] })}
}
