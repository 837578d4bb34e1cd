package rest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
)

// Defaults of Config.
const (
	DefaultMaxBody      = 1 << 20          // bytes; texts and lists fit many times
	DefaultMaxFileBody  = 32 << 20         // bytes; WhatsApp shows videos up to 16 MB, which base64 makes 22
	DefaultBodiesMemory = 256 << 20        // bytes of bodies in memory at a time
	DefaultBodyWait     = 30 * time.Second // the files before it are sent on in that time
	DefaultHeartbeat    = 15 * time.Second
	maxRequestID        = 64  // characters of an X-Request-Id that is taken over
	maxKey              = 190 // characters of an Idempotency-Key; methods take 200
)

// Caller calls methods; it is *rpc.Registry.
type Caller interface {
	Call(ctx context.Context, call *rpc.Call, method string, params json.RawMessage) (json.RawMessage, *rpc.Error)
}

// Authenticator finds the principal of a token. Its error holds an *rpc.Error for the caller.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// Tickets finds the principal and the filter of a watch token. Its error holds an *rpc.Error for the caller.
type Tickets interface {
	Look(ctx context.Context, ticket string) (who rpc.Principal, filter []byte, err error)
}

// Config of a Shim. Zero fields take the defaults.
type Config struct {
	// Admit counts a call against the rate of a principal; its error refuses the call. nil = no limit.
	Admit func(principal string) *rpc.Error
	// DialectOf names the dialect that answers a caller where several share a mount and a path; "" or one that does not
	// have the path = the first in the order given to New.
	DialectOf func(who rpc.Principal) string
	// Tickets knows watch tokens; nil = there are none.
	Tickets Tickets
	// EventSockets opens the WebSockets of Exchange.OpenSocket; nil = there are none.
	EventSockets EventSockets
	// Heartbeat is how often streams say that they are alive.
	Heartbeat time.Duration
	// PublicURL is the address under which clients reach the server; "" = the Host of each request.
	PublicURL string
	// QueryTokens lets tokens come in the query.
	QueryTokens bool
	// MaxBody bounds bodies, MaxFileBody those of operations that take files, in bytes.
	MaxBody, MaxFileBody int64
	// BodiesMemory bounds the bodies that are in memory at a time, in bytes, counted as they arrive. One principal may occupy
	// a quarter of it, at least MaxFileBody.
	BodiesMemory int64
	// BodyMinRate is the least average rate of a body in bytes a second, BodyGrace how long one may be slower or pause,
	// BodyWait how long one waits for room in BodiesMemory. 0 = the defaults of package budget; BodyWait = DefaultBodyWait.
	BodyMinRate         int64
	BodyGrace, BodyWait time.Duration
	Log                 *slog.Logger // nil = silent
}

// Shim serves dialects. It is an http.Handler for everything under their mounts.
type Shim struct {
	cfg      Config
	caller   Caller
	auth     Authenticator
	dialects []*Dialect
	mounts   []*mount // longest prefix first
	bodies   *budget.Budget
	log      *slog.Logger
	prefix   string // of request ids, another in each process
	requests atomic.Uint64
}

// mount is a prefix with the dialects under it.
type mount struct {
	prefix   string
	dialects []*table
}

// table is a dialect with its routes ready to be found.
type table struct {
	*Dialect
	router  router
	openAPI []byte
}

// New makes a shim. Dialects that come first are asked first. It fails on a table that contradicts itself.
func New(caller Caller, auth Authenticator, cfg Config, dialects ...*Dialect) (*Shim, error) {
	cfg.MaxBody = cmp.Or(cfg.MaxBody, DefaultMaxBody)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, DefaultHeartbeat)
	cfg.MaxFileBody = max(cmp.Or(cfg.MaxFileBody, DefaultMaxFileBody), cfg.MaxBody)
	cfg.BodyWait = cmp.Or(cfg.BodyWait, DefaultBodyWait)
	cfg.BodiesMemory = max(cmp.Or(cfg.BodiesMemory, DefaultBodiesMemory), cfg.MaxFileBody+1)
	s := &Shim{cfg: cfg, caller: caller, auth: auth, dialects: dialects, log: cfg.Log, bodies: budget.New(cfg.BodiesMemory, max(cfg.BodiesMemory/4, cfg.MaxFileBody+1)), prefix: rand.Text()[:8] + "-"}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	byPrefix := map[string]*mount{}
	for _, d := range dialects {
		t, err := s.tableOf(d)
		if err != nil {
			return nil, fmt.Errorf("rest: dialect %s: %w", d.Name, err)
		}
		for _, prefix := range d.Mounts {
			m := byPrefix[prefix]
			if m == nil {
				m = &mount{prefix: prefix}
				byPrefix[prefix] = m
				s.mounts = append(s.mounts, m)
			}
			m.dialects = append(m.dialects, t)
		}
	}
	slices.SortFunc(s.mounts, func(a, b *mount) int { return len(b.prefix) - len(a.prefix) })
	return s, nil
}

// Dialects returns the dialects in the order given to New.
func (s *Shim) Dialects() []*Dialect { return s.dialects }

// OpenAPI returns the OpenAPI document of a dialect by its name; false = there is no such dialect.
func (s *Shim) OpenAPI(name string) ([]byte, bool) {
	for _, m := range s.mounts {
		for _, t := range m.dialects {
			if t.Name == name {
				return t.openAPI, true
			}
		}
	}
	return nil, false
}

// openAPIPath is where a dialect describes itself, under its mounts.
const openAPIPath = "/openapi.json"

func (s *Shim) tableOf(d *Dialect) (t *table, err error) {
	t = &table{Dialect: d}
	for i := range d.Routes {
		route := &d.Routes[i]
		route.opts.form = route.opts.form || d.TakesForms
		t.router.addRoute(route.Method, route.Path, handlerOf{s, t, route})
	}
	if t.openAPI, err = OpenAPI(d); err != nil {
		return nil, err
	}
	t.router.addRoute(http.MethodGet, openAPIPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = (&Reply{Body: t.openAPI, ContentType: "application/json"}).writeTo(w, r)
	}))
	return t, t.router.buildTree()
}

// ServeHTTP finds the dialect and the route of a request. Of mounts within each other the inner one is asked first.
func (s *Shim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	escaped := path.Clean(r.URL.EscapedPath()) // doubled slashes and one at the end come from clients that join addresses
	var unserved func()
	for _, m := range s.mounts {
		rest, under := strings.CutPrefix(escaped, m.prefix)
		if !under || !strings.HasPrefix(rest, "/") {
			continue
		}
		inner, ok := rebaseRequest(r, rest)
		if !ok {
			break
		}
		if known := m.serveMount(s, w, inner); known {
			return
		}
		if unserved == nil {
			unserved = func() { s.answerMissing(w, inner, m.dialects[0], nil) }
		}
	}
	if unserved == nil {
		http.NotFound(w, r)
		return
	}
	unserved()
}

// rebaseRequest is the request as seen from below a mount.
func rebaseRequest(r *http.Request, escaped string) (*http.Request, bool) {
	if escaped == r.URL.EscapedPath() {
		return r, true
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, false
	}
	inner := *r
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path, inner.URL.RawPath = plain, escaped
	return &inner, true
}

// serveMount hands the request to the dialect of the mount that has its path; when several have it, the caller's own decides.
// It returns false when none has it.
func (m *mount) serveMount(s *Shim, w http.ResponseWriter, r *http.Request) bool {
	var having []*table
	var others *table    // has the path under other methods
	var allowed []string // by any of them
	for _, t := range m.dialects {
		methods := t.router.allowedMethods(r.URL.EscapedPath())
		allowed = append(allowed, methods...)
		if slices.Contains(methods, r.Method) {
			having = append(having, t)
		} else if methods != nil && others == nil {
			others = t
		}
	}
	switch {
	case len(having) == 1:
		r, own := s.otherTable(r, having[0], m.dialects)
		if own != nil {
			s.answerMissing(w, r, own, nil)
			break
		}
		having[0].router.serveRoute(w, r)
	case len(having) > 1:
		r, chosen := s.chooseTable(r, having)
		chosen.router.serveRoute(w, r)
	case others != nil:
		s.answerMissing(w, r, others, allowed)
	default:
		return false
	}
	return true
}

// chooseTable returns the dialect of the caller, and the request with the caller.
func (s *Shim) chooseTable(r *http.Request, having []*table) (*http.Request, *table) {
	if s.cfg.DialectOf == nil {
		return r, having[0]
	}
	for _, t := range having {
		var found *caller
		if r, found = s.identify(r, t.Dialect); found.problem != nil {
			continue
		}
		name := s.cfg.DialectOf(found.who)
		for _, other := range having {
			if other.Name == name {
				return r, other
			}
		}
		break
	}
	return r, having[0]
}

// otherTable returns the dialect of the caller's session if it is another one than that which has the path, and the request with the
// caller; nil = the path is served.
func (s *Shim) otherTable(r *http.Request, having *table, dialects []*table) (*http.Request, *table) {
	rivals := func(t *table) bool { return t.PerSession && t != having }
	if !having.PerSession || s.cfg.DialectOf == nil || !slices.ContainsFunc(dialects, rivals) || having.router.isPublic(r) {
		return r, nil
	}
	r, found := s.identify(r, having.Dialect)
	if found.problem != nil || found.who.Session == "" || found.ticket {
		return r, nil
	}
	name := s.cfg.DialectOf(found.who)
	for _, t := range dialects {
		if rivals(t) && t.Name == name {
			return r, t
		}
	}
	return r, nil
}

// answerMissing answers OPTIONS, wrong methods and unknown paths.
func (s *Shim) answerMissing(w http.ResponseWriter, r *http.Request, t *table, allowed []string) {
	if allowed != nil {
		allowed = append(slices.Clone(allowed), http.MethodOptions)
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	x := &Exchange{Request: r, Dialect: t.Dialect, shim: s, RequestID: s.requestID(r)}
	s.writeReply(w, x, t.Missing(x, allowed))
}
