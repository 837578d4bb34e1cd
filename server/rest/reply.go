package rest

import (
	"net/http"
	"strconv"

	"github.com/waystation/waystation/rpc"
)

// Reply is a complete answer, for operations without the dialect's envelope.
type Reply struct {
	// Status is the HTTP status; 0 = 200.
	Status int
	// Header is added to the header fields.
	Header http.Header
	// Body is encoded as JSON, unless it is []byte (with ContentType).
	Body any
	// ContentType is that of the bytes in Body; empty = JSON.
	ContentType string
	// Stream writes the body itself, for answers without an end, or upgrades the request; Body is then not used. It returns when
	// the caller has gone.
	Stream func(w http.ResponseWriter, r *http.Request)
}

// writeTo sends the reply. The body of an answer to HEAD is dropped by net/http.
func (p *Reply) writeTo(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	for name, values := range p.Header {
		header[name] = values
	}
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	if p.Stream != nil {
		if p.ContentType != "" {
			header.Set("Content-Type", p.ContentType)
		}
		p.Stream(w, r)
		return nil
	}
	body, isBytes := p.Body.([]byte)
	kind := p.ContentType
	if !isBytes {
		var err error
		if body, err = rpc.EncodeJSON(p.Body); err != nil {
			return err
		}
	}
	if kind == "" {
		kind = "application/json"
	}
	header.Set("Content-Type", kind)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(max(p.Status, http.StatusOK))
	_, _ = w.Write(body) // fails only when the caller has gone
	return nil
}
