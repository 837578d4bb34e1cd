package rpc

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
)

// HTTPHandler serves calls and batches that come in the body of a POST, with the rules of a connection: the same
// limits, batches and errors. Methods that need a connection are refused. principal tells who calls; its *Error is the
// reply, with status 401 (503 when its code is another than unauthenticated), any other error counts as not authenticated. opts.Principal, Conn and Gate are not used; rate
// and burst apply to each principal, over all handlers that share opts.Rates.
//
// Replies have status 200; 204 stands for no reply (notifications only), 405, 413 and 415 for bodies that are not taken.
func HTTPHandler(reg *Registry, principal func(*http.Request) (Principal, error), opts PeerOptions) http.Handler {
	h := &httpHandler{reg: reg, principal: principal, opts: opts.withDefaults(reg)}
	if h.opts.Rates == nil {
		h.opts.Rates = NewRates(h.opts.Rate, h.opts.Burst)
	}
	return h
}

type httpHandler struct {
	reg       *Registry
	principal func(*http.Request) (Principal, error)
	opts      PeerOptions
}

func (h *httpHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(w, http.StatusMethodNotAllowed, InvalidRequest("use POST"))
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		h.refuse(w, http.StatusUnsupportedMediaType, InvalidRequest("Content-Type must be application/json"))
		return
	}
	who, err := h.principal(r)
	if err != nil {
		var problem *Error
		if !errors.As(err, &problem) {
			problem = Unauthenticated("the credential is not known")
		}
		status := http.StatusUnauthorized
		if problem.Code != CodeUnauthenticated {
			status = http.StatusServiceUnavailable // the credential could not be checked
		}
		h.refuse(w, status, problem)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.opts.MaxFrame)))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			h.refuse(w, http.StatusRequestEntityTooLarge, TooLarge("the body is too large", h.opts.MaxFrame))
		}
		return // otherwise the caller has gone
	}
	h.serve(r.Context(), w, who, body)
}

func (h *httpHandler) serve(ctx context.Context, w http.ResponseWriter, who Principal, body []byte) {
	opts := h.opts
	opts.Principal = who
	opts.Gate = func(*Call, string) *Error { return h.opts.Rates.Admit(who.ID) }
	// The rate of a principal is kept over requests, so the one of this short connection must not bind.
	opts.Burst, opts.Rate = opts.MaxBatch, float64(opts.MaxBatch)
	opts.outlive = true // ctx ends when the caller hangs up
	codec := &bodyCodec{body: body}
	p := NewPeer(h.reg, codec, opts)
	codec.idle = p.jobs.Wait
	p.Start(ctx)
	p.Wait()
	if reply := codec.taken(); reply != nil {
		writeJSON(w, http.StatusOK, reply)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *httpHandler) refuse(w http.ResponseWriter, status int, problem *Error) {
	writeJSON(w, status, appendErrorReply(nil, nullID, problem, h.reg.requestID()))
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only when the caller has gone
}

// bodyCodec is a connection of one frame: it ends when the calls of the frame have.
type bodyCodec struct {
	body []byte
	idle func()

	mu    sync.Mutex
	reply []byte
}

func (c *bodyCodec) ReadFrame() ([]byte, error) {
	if body := c.body; body != nil {
		c.body = nil
		return body, nil
	}
	c.idle()
	return nil, io.EOF
}

// WriteFrame keeps the reply; one frame of requests has one frame of replies. Progress notifications have no place.
func (c *bodyCodec) WriteFrame(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reply == nil {
		c.reply = frame
	}
	return nil
}

func (c *bodyCodec) Close(int, string) error { return nil }

func (c *bodyCodec) taken() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply
}
