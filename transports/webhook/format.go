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

// Format is the body format of a webhook. Event names of subscriptions are the same in every format.
type Format string

// The formats.
const (
	// FormatNative is the JSON object that sockets receive.
	FormatNative Format = "native"
	// FormatWuzapi is wuzapi's form with the field jsonData, and token when the webhook has a body token, with wuzapi's signature in addition
	// to ours if the webhook has a secret.
	FormatWuzapi Format = "wuzapi"
	// FormatWuzapiJSON is the JSON body of later wuzapi revisions, signed in the same way.
	FormatWuzapiJSON Format = "wuzapi_json"
	// FormatWAAKG is WA-AKG's object, with its signature in addition to ours if the webhook has a secret.
	FormatWAAKG Format = "waakg"
	// FormatWWebJS is wwebjs-api's object, with the body token as its key if the webhook has one.
	FormatWWebJS Format = "wwebjs"
)

const (
	contentJSON = "application/json"
	contentForm = "application/x-www-form-urlencoded"
)

// format implements one Format.
type format struct {
	// types are the events that the format supports, and that AllEvents stands for; nil: all that have an offset.
	types []string
	// encode returns the body; nil if the format does not support the event. e is nil for the native format.
	encode func(w *Webhook, d *dispatch.Delivery, e *payload.Event) (body []byte, contentType string, err error)
	// head adds the format's own headers; nil: none.
	head func(w *Webhook, body []byte, h http.Header)
	// files are the modes, besides FilesNone, that the format supports, and attach creates a body with a file, or with the reason why it is missing;
	// empty: it supports no files.
	files  []FileMode
	attach func(w *Webhook, d *dispatch.Delivery, e *payload.Event, f *attachment) (fileBody, error)
	// separate: the body with the file is a request of its own, which follows that of the event. It is omitted when attach returns no function.
	separate bool
}

var formats = map[Format]format{
	FormatNative:     {nil, encodeNative, nil, []FileMode{FilesInline}, attachNative, false},
	FormatWuzapi:     {wuzapi.Types(), encodeWuzapi, headWuzapi, []FileMode{FilesInline, FilesMultipart}, attachWuzapi, false},
	FormatWuzapiJSON: {wuzapi.Types(), encodeWuzapiJSON, headWuzapi, []FileMode{FilesInline, FilesMultipart}, attachWuzapiJSON, false},
	FormatWAAKG:      {waakg.Types(), encodeWAAKG, headWAAKG, nil, nil, false},
	FormatWWebJS:     {wwebjs.Types(), encodeWWebJS, headWWebJS, []FileMode{FilesInline}, attachWWebJS, true},
}

// Body returns the body of an event in a format, as webhooks without files receive it; nil if the format does not support the event. Events without
// an offset are signals.
func (w *Webhooks) Body(ctx context.Context, name Format, e *journal.Event) ([]byte, error) {
	f := formats[name]
	if !slices.Contains(f.types, e.Type) {
		return nil, nil
	}
	event, err := w.cfg.eventOf(ctx, e)
	if err != nil {
		return nil, err
	}
	body, _, err := f.encode(&Webhook{Format: name}, &dispatch.Delivery{Event: e}, event)
	return body, err
}

func encodeNative(_ *Webhook, d *dispatch.Delivery, _ *payload.Event) ([]byte, string, error) {
	return d.Body, contentJSON, nil
}

// encodeWuzapi includes a token only if the webhook has one: sessions' tokens are stored hashed and therefore cannot be repeated, and a signature
// authenticates without revealing a credential.
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

// errNotWhole is returned if omitted data of an event could not be read. It is temporary.
var errNotWhole = errors.New("the rest of the message could not be read")

// messageType is the event whose data may omit large parts.
const messageType = "Message"

// eventOf converts an event for the formats, with the full text of a message regardless of its length.
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

// headWuzapi signs with the newest secret only: the header has room for one signature.
func headWuzapi(w *Webhook, body []byte, h http.Header) {
	if w.Secret != "" {
		h.Set(wuzapi.SignatureHeader, wuzapi.Sign(body, w.Secret))
	}
}

func encodeWAAKG(_ *Webhook, _ *dispatch.Delivery, e *payload.Event) ([]byte, string, error) {
	body, err := waakg.Payload(e)
	return body, contentJSON, err
}

// headWAAKG signs with the newest secret only: the header has room for one signature.
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

// Formats returns the names of the formats.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func formatNames() string { return strings.Join(Formats(), ", ") }

// types returns the events that a webhook is subscribed to and its format supports; AllEvents among them stands for every one that has an offset.
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

// wantsSignal reports whether a signal is subscribed by name: AllEvents does not include signals.
func (w *Webhook) wantsSignal(name string) bool { return slices.Contains(w.types(), name) }

// buildFilter returns the dispatcher's filter for a webhook's subscription. It may pass signals because of AllEvents; the sink leaves them out.
func (s *store) buildFilter(w *Webhook) dispatch.Filter {
	types := w.types()
	return dispatch.Filter{Events: types, Signals: slices.ContainsFunc(types, func(name string) bool { return s.cfg.Events[name] })}
}
