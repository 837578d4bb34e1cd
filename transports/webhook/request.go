package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/webhook/payload"
)

// Headers of a delivery, in the canonical form of an http.Header. The signature is documented at Sign.
const (
	headerContentType = "Content-Type"
	headerUserAgent   = "User-Agent"

	headerEvent     = "X-Waystation-Event"
	headerEventID   = "X-Waystation-Event-Id"
	headerSession   = "X-Waystation-Session"
	headerOffset    = "X-Waystation-Offset"
	headerAttempt   = "X-Waystation-Delivery-Attempt"
	headerReplay    = "X-Waystation-Replay"
	headerTimestamp = "X-Waystation-Timestamp"
	headerSignature = "X-Waystation-Signature"
	userAgent       = "Waystation-Webhook/1"

	maxFields = 10 // number of the headers above
)

// fields sets headers without duplicates, all values in one allocation: http.Header.Set allocates for each, and canonicalises each name again.
type fields struct {
	http.Header
	values []string
}

func (f *fields) set(name, value string) {
	at := len(f.values)
	f.values = append(f.values, value)
	f.Header[name] = f.values[at : at+1 : at+1]
}

// answer is the response of a receiver.
type answer struct {
	status  int
	header  http.Header
	excerpt []byte
}

// newRequest returns the request of one attempt; nil if the webhook's format has no body for the event. An error that wraps errNotWhole or errNoFile
// is temporary. release frees the memory of the body, once the request has ended; it is never nil.
func (c *Config) newRequest(ctx context.Context, w *Webhook, d *dispatch.Delivery) (request *http.Request, release func(), err error) {
	release = func() {}
	format := formats[w.Format]
	var event *payload.Event
	if w.Format != FormatNative {
		if event, err = c.eventOf(ctx, d.Event); err != nil {
			return nil, release, err
		}
	}
	body, contentType, err := format.encode(w, d, event)
	if err != nil || body == nil {
		return nil, release, err
	}
	if w.carriesFiles() && !format.separate && d.Event.Type == messageType && !d.Signal {
		if with, err := c.bodyWithFile(ctx, w, d, event); err != nil {
			return nil, release, err
		} else if with != nil {
			body, contentType, release = with.body, with.contentType, with.release
		}
	}
	if request, err = c.requestOf(ctx, w, d, body, contentType); err != nil {
		release()
		return nil, func() {}, err
	}
	return request, release, nil
}

// newFileRequest returns the request with the file of a message, for formats that send it separately; nil if there is none. Errors and release are
// those of newRequest.
func (c *Config) newFileRequest(ctx context.Context, w *Webhook, d *dispatch.Delivery) (request *http.Request, release func(), err error) {
	release = func() {}
	if !w.carriesFiles() || !formats[w.Format].separate || d.Event.Type != messageType || d.Signal {
		return nil, release, nil
	}
	event, err := c.eventOf(ctx, d.Event)
	if err != nil {
		return nil, release, err
	}
	with, err := c.bodyWithFile(ctx, w, d, event)
	if err != nil || with == nil {
		return nil, release, err
	}
	request, err = c.requestOf(ctx, w, d, with.body, with.contentType)
	return request, with.release, err
}

// requestOf returns the request with a body.
func (c *Config) requestOf(ctx context.Context, w *Webhook, d *dispatch.Delivery, body []byte, contentType string) (_ *http.Request, err error) {
	now := c.Now() // after the file was fetched, because receivers compare it with their own clock
	to := w.to
	if to == nil {
		if to, err = url.Parse(w.URL); err != nil {
			return nil, errors.New("the address cannot be used") // its own text repeats the address
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.URL, request.Host = to, strings.TrimSuffix(to.Host, ":")
	h := fields{request.Header, make([]string, 0, maxFields)}
	h.set(headerContentType, contentType)
	h.set(headerUserAgent, userAgent)
	h.set(headerEvent, d.Event.Type)
	h.set(headerSession, url.PathEscape(d.Event.Session)) // an id may be any text
	h.set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	if d.Event.ID != "" {
		h.set(headerEventID, d.Event.ID)
	}
	if d.Event.Offset != 0 {
		h.set(headerOffset, strconv.FormatUint(d.Event.Offset, 10))
	}
	h.set(headerAttempt, strconv.Itoa(max(d.Attempt, 1)))
	if d.Replay {
		h.set(headerReplay, "true")
	}
	if secrets := w.secrets(now); len(secrets) > 0 {
		h.set(headerSignature, Sign(now, body, secrets...))
	}
	if head := formats[w.Format].head; head != nil {
		head(w, body, request.Header)
	}
	return request, nil
}

// postRequest makes a request and reads at most Config.MaxAnswer of the response, keeping the first bytes.
func (s *sink) postRequest(request *http.Request, excerpt int64) (answer, error) {
	response, err := s.cfg.Transport.RoundTrip(request)
	if err != nil {
		return answer{}, requestError(err)
	}
	defer response.Body.Close()
	// The rest of the response is read so that the connection can be reused. Errors while reading are ignored: the status has been received.
	var first []byte
	if excerpt > 0 {
		first, _ = io.ReadAll(io.LimitReader(response.Body, excerpt))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, s.cfg.MaxAnswer-int64(len(first))))
	return answer{response.StatusCode, response.Header, first}, nil
}

// requestError returns the reason why a request got no response, without its address. If no server responds at all, the host as a whole is
// unreachable; an interrupted or timed out request concerns only this one.
func requestError(err error) error {
	var own *guard.Error
	if errors.As(err, &own) {
		err = broker.NewTrouble(cmp.Or(reasons[own.Reason], broker.ReasonUnreachable), strings.TrimPrefix(own.Error(), "guard: "))
		switch own.Reason {
		case guard.ReasonUnreachable, guard.ReasonUnresolved, guard.ReasonTimeout: // of lookup or dial
			return dispatch.Unreachable(err)
		}
		return err
	}
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return errTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return broker.NewTrouble(broker.ReasonUnreachable, "the connection ended without an answer")
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return broker.NewTrouble(broker.ReasonCertificate, err.Error())
	}
	for op := (*net.OpError)(nil); errors.As(err, &op); { // its own text contains both addresses
		err = op.Err
	}
	return broker.NewTrouble(broker.ReasonUnreachable, err.Error())
}

// reasons maps the guard's reasons to reported ones.
var reasons = map[guard.Reason]broker.Reason{
	guard.ReasonForbidden: broker.ReasonRefused, guard.ReasonUnresolved: broker.ReasonUnresolved, guard.ReasonTimeout: broker.ReasonTimeout,
}

var errTimeout = broker.NewTrouble(broker.ReasonTimeout, "no answer in time")

// statusError returns the error of a response other than 2xx.
func (s *sink) statusError(a answer, now time.Time) error {
	switch classify(a.status) {
	case delivered:
		return nil
	case refused:
		return dispatch.Permanent(statusText(a.status))
	}
	err := statusText(a.status)
	if pause, ok := parseRetryAfter(a.header.Get("Retry-After"), now, s.cfg.Policy.RetryAfterCap); ok && pause > 0 {
		return dispatch.RetryAfter(err, pause)
	}
	return err
}

func statusText(status int) error {
	text := http.StatusText(status)
	switch {
	case status >= 300 && status < 400:
		return fmt.Errorf("answered %d: redirects are not followed, set the address it leads to", status)
	case text == "":
		return fmt.Errorf("answered %d", status)
	}
	return fmt.Errorf("answered %d %s", status, strings.ToLower(text))
}
