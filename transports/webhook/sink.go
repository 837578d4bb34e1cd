package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// Transport is the name of webhooks among the transports.
const Transport = "webhook"

// Standing is the outcome of the latest attempts since the server started.
type Standing struct {
	LastAttempt time.Time     // zero = no attempt yet
	LastStatus  int           // HTTP status; 0 = no response
	LastError   string        // empty when the last attempt was a success
	Reason      broker.Reason // LastError as a category
	Failures    int           // consecutive failed attempts
}

// sink makes the attempts.
type sink struct {
	cfg   *Config
	store *store
	slots *slots

	global *slots // slots of the operator's webhook

	mu        sync.Mutex
	standings map[Key]Standing // of active webhooks
}

var (
	_ dispatch.Sink     = (*sink)(nil)
	_ dispatch.Admitter = (*sink)(nil)
)

func newSink(cfg *Config, st *store) *sink {
	return &sink{cfg: cfg, store: st, slots: newSlots(cfg.HostRequests), global: newSlots(DefaultGlobalRequests), standings: map[Key]Standing{}}
}

// errGone is returned if a webhook was switched off or deleted during a delivery. The event is kept until the dispatcher removes the target, and
// becomes no dead letter.
var errGone = errors.New("the webhook is switched off")

// Admit implements dispatch.Admitter.
func (s *sink) Admit(ctx context.Context, t dispatch.Target) (release func(), err error) {
	if isGlobal(t) {
		return s.global.acquire(ctx, t.Key, Key{t.Session, globalID}) // a session also has a share of its slots
	}
	return s.slots.acquire(ctx, t.Key, keyOf(t))
}

// Deliver implements dispatch.Sink.
func (s *sink) Deliver(ctx context.Context, t dispatch.Target, d *dispatch.Delivery) (code int, err error) {
	w := s.store.lookupActive(keyOf(t))
	switch {
	case w == nil:
		return 0, errGone
	case d.Signal && !w.wantsSignal(d.Event.Type):
		return 0, nil
	}
	now := s.cfg.Now()
	request, release, err := s.cfg.newRequest(ctx, w, d)
	defer release()
	var file *http.Request // loaded before the first request is sent, as a file that is not there yet delays the delivery
	if err == nil && request != nil {
		var releaseFile func()
		file, releaseFile, err = s.cfg.newFileRequest(ctx, w, d)
		defer releaseFile()
	}
	if errors.Is(err, errNotWhole) || errors.Is(err, errNoFile) {
		return 0, err
	}
	if err != nil {
		return 0, dispatch.Permanent(err)
	}
	switch {
	case request == nil && d.Replay: // a requested replay may be removed from the archive when it is delivered
		return 0, dispatch.Permanent(fmt.Errorf("the format %s has no word for this event", w.Format))
	case request == nil:
		return 0, nil
	}
	posted := s.cfg.Now()
	code, err = s.postChecked(request)
	if err == nil && file != nil {
		code, err = s.postChecked(file)
	}
	if errors.Is(err, context.Canceled) {
		return 0, err // our failure, independent of the receiver
	}
	if !isGlobal(t) {
		s.slots.markSlow(w.Key, s.cfg.Now().Sub(posted) > s.cfg.Policy.AttemptTimeout/2)
	}
	s.recordOutcome(w.Key, now, code, err)
	return code, err
}

// postChecked sends a request; an answer that is no success is an error.
func (s *sink) postChecked(request *http.Request) (code int, err error) {
	a, err := s.postRequest(request, 0)
	if err == nil {
		err = s.statusError(a, s.cfg.Now())
	}
	return a.status, err
}

func (s *sink) recordOutcome(key Key, at time.Time, status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	standing := Standing{LastAttempt: at.UTC().Truncate(time.Millisecond), LastStatus: status}
	if err != nil {
		standing.LastError, standing.Reason = err.Error(), broker.ReasonOf(err)
		standing.Failures = s.standings[key].Failures + 1
	}
	s.standings[key] = standing
}

func (s *sink) standing(key Key) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standings[key]
}

// forget drops the standings of webhooks that are switched off or deleted.
func (s *sink) forget(key Key) {
	s.mu.Lock()
	delete(s.standings, key)
	s.mu.Unlock()
	s.slots.markSlow(key, false)
}

// target returns the dispatcher's target of a webhook.
func (s *store) target(w *Webhook) dispatch.Target {
	return dispatch.Target{Transport: Transport, ID: targetID(w.Key), Session: w.Session, Filter: s.buildFilter(w), Key: hostPort(w.URL)}
}

// defaultPrefix makes the ids of default webhooks unique in the server: the session's id follows it.
const defaultPrefix = DefaultID + "/"

func targetID(key Key) string {
	if key.ID == DefaultID {
		return defaultPrefix + key.Session
	}
	return key.ID
}

func keyOf(t dispatch.Target) Key {
	if isGlobal(t) {
		return globalKey
	}
	if strings.HasPrefix(t.ID, defaultPrefix) {
		return Key{t.Session, DefaultID}
	}
	return Key{t.Session, t.ID}
}

// hostPort returns the host and port of a URL that was checked.
func hostPort(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}
