package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Note is a notification of a method that goes on.
type Note struct {
	Method string
	Params json.RawMessage
}

// Frame is an event of a stream of server-sent events.
type Frame struct {
	ID, Event string // empty = left out
	Data      any    // as JSON; nil = a comment of Comment
	Comment   string
}

// Watch calls a method that goes on and answers with its notifications as server-sent events, until the caller leaves or
// the method ends. frame makes an event of a notification, false leaves it out. The error is that of a method that ended
// before it notified of anything.
func (x *Exchange) Watch(method string, params Params, frame func(Note) (Frame, bool)) (*Reply, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("rest: params of %s: %w", method, err)
	}
	ctx, stop := context.WithCancel(x.Request.Context())
	w := &watch{stop: stop, frame: frame, heartbeat: x.shim.cfg.Heartbeat, notes: make(chan Note)}
	call := &rpc.Call{Principal: x.Principal, RequestID: x.RequestID, Push: func(_ context.Context, method string, params json.RawMessage) error {
		select {
		case w.notes <- Note{method, params}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	var problem *rpc.Error
	go func() {
		defer close(w.notes)
		_, problem = x.shim.caller.Call(ctx, call, method, raw)
	}()
	first, ok := <-w.notes
	if !ok {
		stop()
		if problem == nil {
			problem = rpc.Internal()
		}
		return nil, problem
	}
	w.first = first
	return &Reply{ContentType: "text/event-stream", Stream: w.serveStream}, nil
}

// watch is a stream of server-sent events.
type watch struct {
	stop      context.CancelFunc
	frame     func(Note) (Frame, bool)
	first     Note
	notes     chan Note
	heartbeat time.Duration
}

// frameTimeout is how long a client may take no bytes before its stream ends.
const frameTimeout = 30 * time.Second

func (w *watch) serveStream(out http.ResponseWriter, r *http.Request) {
	defer func() {
		w.stop()
		for range w.notes { // until the method has ended
		}
	}()
	control := http.NewResponseController(out)
	send := func(text string) bool {
		if control.SetWriteDeadline(time.Now().Add(frameTimeout)) != nil {
			return false
		}
		_, err := io.WriteString(out, text)
		return err == nil && control.Flush() == nil
	}
	beats := time.NewTicker(w.heartbeat)
	defer beats.Stop()
	if r.Method == http.MethodHead || !send(":\n\n") || !send(w.frameText(w.first)) {
		return
	}
	for {
		select {
		case note, ok := <-w.notes:
			if !ok || !send(w.frameText(note)) {
				return
			}
		case <-beats.C:
			if !send(":\n\n") {
				return
			}
		}
	}
}

// frameText is a notification as it is sent; empty when it is left out.
func (w *watch) frameText(note Note) string {
	f, ok := w.frame(note)
	if !ok {
		return ""
	}
	if f.Data == nil {
		return ": " + f.Comment + "\n\n"
	}
	data, err := rpc.EncodeJSON(f.Data)
	if err != nil {
		return ""
	}
	var b strings.Builder
	if f.ID != "" {
		b.WriteString("id: " + f.ID + "\n")
	}
	if f.Event != "" {
		b.WriteString("event: " + f.Event + "\n")
	}
	return b.String() + "data: " + string(data) + "\n\n"
}
