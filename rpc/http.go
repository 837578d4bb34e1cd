package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waystation/waystation/rpc/budget"
)

// HTTPOptions say how HTTPHandler reads bodies and writes replies.
type HTTPOptions struct {
	// Bodies counts the bytes of bodies until their calls have been answered; nil = not counted.
	Bodies *budget.Budget
	// MinRate (bytes a second) and Grace end bodies that arrive too slowly; see budget.Body.
	MinRate int64
	Grace   time.Duration
	// Wait is how long a body waits for room in Bodies; 0 = budget.DefaultWait.
	Wait time.Duration
	// PublicBody is the longest body of callers without a credential, in bytes; 0 = PeerOptions.MaxFrame.
	PublicBody int
	// Replies counts the bytes of replies until they have been written; nil = not counted.
	Replies *budget.Budget
	// StallTimeout ends replies of which no part is taken in this time; 0 = 15 s.
	StallTimeout time.Duration
}

// defaultStall is the default of HTTPOptions.StallTimeout.
const defaultStall = 15 * time.Second

// HTTPHandler serves calls and batches that come in the body of a POST, with the rules of a connection: the same
// limits, batches and errors. Methods that need a connection are refused. principal returns the caller; its *Error is the
// reply, with status 401 (503 or 429 when its code is another than unauthenticated), any other error counts as not
// authenticated. opts.Principal, Conn and Gate are not used; rate and burst apply to each principal, and to each address
// for callers without a credential, over all handlers that share opts.Rates.
//
// Replies have status 200; 204 stands for no reply (notifications only). Bodies that are refused get an error object with
// status 400 (incomplete or malformed), 405, 408 (too slow), 413, 415 or 503 (no room).
func HTTPHandler(reg *Registry, principal func(*http.Request) (Principal, error), opts PeerOptions) http.Handler {
	h := &httpHandler{reg: reg, principal: principal, opts: opts.withDefaults(reg), over: opts.HTTP}
	if h.opts.Rates == nil {
		h.opts.Rates = NewRates(h.opts.Rate, h.opts.Burst)
	}
	if h.over.PublicBody <= 0 || h.over.PublicBody > h.opts.MaxFrame {
		h.over.PublicBody = h.opts.MaxFrame
	}
	if h.over.StallTimeout <= 0 {
		h.over.StallTimeout = defaultStall
	}
	return h
}

type httpHandler struct {
	reg       *Registry
	principal func(*http.Request) (Principal, error)
	opts      PeerOptions
	over      HTTPOptions
}

func (h *httpHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(w, http.StatusMethodNotAllowed, InvalidRequest("use POST"))
		return
	}
	kind := r.Header.Get("Content-Type")
	if kind != "" && !isJSON(kind) {
		h.refuse(w, http.StatusUnsupportedMediaType, errNotJSON())
		return
	}
	who, err := h.principal(r)
	if err != nil {
		h.refusePrincipal(w, err)
		return
	}
	limit := h.opts.MaxFrame
	if who.Kind.rank() == 0 {
		limit = h.over.PublicBody
	}
	body, release, err := budget.Body{
		Budget: h.over.Bodies, Principal: who.LimitKey(), Limit: int64(limit), MinRate: h.over.MinRate, Grace: h.over.Grace, Wait: h.over.Wait,
	}.Read(w, r)
	defer release()
	switch {
	case err != nil:
		h.refuseBody(w, err, limit)
	case kind == "" && len(bytes.TrimSpace(body)) > 0 && !json.Valid(body):
		h.refuse(w, http.StatusUnsupportedMediaType, errNotJSON())
	default:
		h.serve(r.Context(), w, who, body)
	}
}

// isJSON reports whether a media type is JSON: application/json, application/json-rpc or any with the suffix +json.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || kind == "application/json-rpc" || strings.HasSuffix(kind, "+json"))
}

func errNotJSON() *Error {
	return InvalidRequest("Content-Type must be application/json, or absent when the body is JSON")
}

func (h *httpHandler) refusePrincipal(w http.ResponseWriter, err error) {
	var problem *Error
	if !errors.As(err, &problem) {
		problem = Unauthenticated("the credential is not known")
	}
	status := http.StatusServiceUnavailable // the credential could not be checked
	switch problem.Code {
	case CodeUnauthenticated:
		status = http.StatusUnauthorized
	case CodeRateLimited:
		status = http.StatusTooManyRequests
	}
	h.refuse(w, status, problem)
}

// bodyRetry is when a caller may come again whose body found no room.
const bodyRetry = time.Second

// bodyRefusals are the replies to bodies that could not be read.
var bodyRefusals = []struct {
	err     error
	status  int
	problem func(limit int) *Error
}{
	{budget.ErrTooLarge, http.StatusRequestEntityTooLarge, func(limit int) *Error { return TooLarge("the body is too large", limit) }},
	{budget.ErrTooSlow, http.StatusRequestTimeout, func(int) *Error { return Timeout("the body arrived too slowly, so no call was made") }},
	{budget.ErrFull, http.StatusServiceUnavailable, func(int) *Error {
		return RateLimited("there is no room for the body now, so no call was made", bodyRetry)
	}},
	{budget.ErrMalformed, http.StatusBadRequest, func(int) *Error {
		return ParseError("the body is incomplete or its chunks are malformed, so no call was made")
	}},
}

// refuseBody answers a body that could not be read. A caller that has gone gets the last entry, which it does not read.
func (h *httpHandler) refuseBody(w http.ResponseWriter, err error, limit int) {
	for i, refusal := range bodyRefusals {
		if errors.Is(err, refusal.err) || i == len(bodyRefusals)-1 {
			h.refuse(w, refusal.status, refusal.problem(limit))
			return
		}
	}
}

func (h *httpHandler) serve(ctx context.Context, w http.ResponseWriter, who Principal, body []byte) {
	opts := h.opts
	opts.Principal = who
	key := who.LimitKey()
	opts.Gate = func(*Call, string) *Error { return h.opts.Rates.Admit(key) }
	// The rate of a principal is kept over requests, so the one of this short connection must not bind.
	opts.Burst, opts.Rate = opts.MaxBatch, float64(opts.MaxBatch)
	opts.outlive = true // ctx ends when the caller hangs up
	codec := &bodyCodec{body: body, replies: h.over.Replies, key: key}
	defer codec.releaseBytes()
	p := NewPeer(h.reg, codec, opts)
	codec.idle = p.jobs.Wait
	p.Start(ctx)
	p.Wait()
	reply, answered := codec.taken()
	if !answered {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeHead(w, http.StatusOK, reply.Len())
	writeParts(w, h.over.StallTimeout, reply.Head, reply.Body, reply.Tail)
}

func (h *httpHandler) refuse(w http.ResponseWriter, status int, problem *Error) {
	writeJSON(w, status, appendErrorReply(nil, nullID, problem, h.reg.requestID()))
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	writeHead(w, status, len(body))
	_, _ = w.Write(body) // fails only when the caller has gone
}

func writeHead(w http.ResponseWriter, status, length int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
}

// writeChunk is how much of a reply the caller must take within the stall timeout, in bytes.
const writeChunk = 64 << 10

// writeParts writes a reply as long as the caller takes it.
func writeParts(w http.ResponseWriter, stall time.Duration, parts ...[]byte) {
	control := http.NewResponseController(w)
	for _, part := range parts {
		for chunk := range slices.Chunk(part, writeChunk) {
			_ = control.SetWriteDeadline(time.Now().Add(stall)) // not every ResponseWriter has deadlines
			if _, err := w.Write(chunk); err != nil {
				return // the caller has gone or takes nothing
			}
		}
	}
	_ = control.Flush()
}

// bodyCodec is a connection of one frame: it ends when the calls of the frame have.
type bodyCodec struct {
	body    []byte
	idle    func()
	replies *budget.Budget
	key     string // under which replies are counted

	mu       sync.Mutex
	reply    Reply
	answered bool
	charged  int64 // of replies
}

func (c *bodyCodec) ReadFrame() ([]byte, error) {
	if body := c.body; body != nil {
		c.body = nil
		return body, nil
	}
	c.idle()
	return nil, io.EOF
}

// WriteFrame implements Codec.
func (c *bodyCodec) WriteFrame(frame []byte) error { return c.WriteReply(Reply{Head: frame}) }

// WriteReply keeps the reply; one frame of requests has one frame of replies. Progress notifications have no place.
func (c *bodyCodec) WriteReply(r Reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.answered {
		c.reply, c.answered = r, true
		c.countBytes(int64(r.Own()))
	}
	return nil
}

// Reserve implements Meter.
func (c *bodyCodec) Reserve(ctx context.Context, n int) error {
	if err := c.replies.Acquire(ctx, c.key, int64(n)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.charged += int64(n)
	return nil
}

// TryReserve implements Meter.
func (c *bodyCodec) TryReserve(n int) bool {
	if !c.replies.TryAcquire(c.key, int64(n)) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.charged += int64(n)
	return true
}

// Count implements Meter.
func (c *bodyCodec) Count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countBytes(int64(n))
}

// countBytes counts n bytes, which may be negative; c.mu is held.
func (c *bodyCodec) countBytes(n int64) {
	c.charged += n
	c.replies.Charge(c.key, n)
	c.replies.Release(c.key, -n)
}

// releaseBytes returns what was counted. Nothing runs on the connection any more.
func (c *bodyCodec) releaseBytes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countBytes(-c.charged)
}

func (c *bodyCodec) Close(int, string) error { return nil }

func (c *bodyCodec) taken() (Reply, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply, c.answered
}
