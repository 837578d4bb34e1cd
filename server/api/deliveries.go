package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/rpc"
)

const (
	deliveriesPath = "/v1/deliveries"
	// watchToken is the query parameter with a token of delivery.createWatchToken.
	watchToken = "watch_token"
	// watchWrite is the time without progress of a write after which the stream ends; the client resumes by the last
	// id.
	watchWrite = 30 * time.Second
)

// serveDeliveries serves delivery.watch as server-sent events: the query contains its params, or those that a watch
// token leaves open, and Last-Event-ID is since_id.
func (a *API) serveDeliveries(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // HEAD: a stream has no end to wait for
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	who, params, err := a.watchRequest(r)
	if err != nil {
		a.writeError(w, err)
		return
	}
	stream := &deliveryStream{w: w, control: http.NewResponseController(w), beat: a.Settings.StreamHeartbeat}
	ctx, stop := context.WithCancel(r.Context())
	_, problem := a.Registry.Call(ctx, &rpc.Call{Principal: who, Push: stream.push}, "delivery.watch", params)
	stop()
	stream.beats.Wait()
	switch {
	case !stream.begun && problem != nil:
		a.Registry.Refuse(w, problem)
	case problem != nil:
		_ = stream.writeEvent("", "close", problem.AppendJSON(nil, ""))
	}
}

// watchRequest returns the principal and the params of a request to watch.
func (a *API) watchRequest(r *http.Request) (who rpc.Principal, raw json.RawMessage, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return who, nil, rpc.InvalidParams("", "the query cannot be read")
	}
	var filter []byte
	if tokens, given := query[watchToken]; given && len(tokens) == 1 {
		who, filter, err = a.WatchTokens.Look(r.Context(), tokens[0])
	} else if given {
		err = rpc.Unauthenticated("two watch tokens are none")
	} else {
		who, err = a.Sockets.Principal(r)
	}
	if err != nil {
		return who, nil, err
	}
	delete(query, watchToken)
	params, err := watchParams(query)
	if err != nil {
		return who, nil, err
	}
	if err := mergeFilter(params, filter); err != nil {
		return who, nil, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if params["since_id"], err = strconv.ParseInt(id, 10, 64); err != nil {
			return who, nil, rpc.InvalidParams("/since_id", "the header Last-Event-ID must be a whole number")
		}
		delete(params, "since") // belongs to the first request; limit must not cut deliveries since then
		delete(params, "limit")
	}
	raw, err = json.Marshal(params)
	return who, raw, err
}

// watchParams converts a query to params of delivery.watch; the method validates their values.
func watchParams(query url.Values) (map[string]any, error) {
	params := make(map[string]any, len(query))
	for name, values := range query {
		if !utf8.ValidString(name) || !utf8.ValidString(strings.Join(values, "")) {
			return nil, rpc.InvalidParams("", "the query is not UTF-8")
		}
		if name != "session_ids" && len(values) > 1 {
			return nil, rpc.InvalidParams("/"+name, "given twice")
		}
		var err error
		switch name {
		case "session_ids":
			params[name] = strings.Split(strings.Join(values, ","), ",")
		case "failed_only", "include_payload":
			if params[name], err = strconv.ParseBool(values[0]); err != nil {
				return nil, rpc.InvalidParams("/"+name, "must be true or false")
			}
		case "since_id", "limit":
			if params[name], err = strconv.ParseInt(values[0], 10, 64); err != nil {
				return nil, rpc.InvalidParams("/"+name, "must be a whole number")
			}
		default:
			params[name] = values[0]
		}
	}
	return params, nil
}

// mergeFilter merges the filter of a token into params, which may repeat the filter or leave it out.
func mergeFilter(params map[string]any, filter []byte) error {
	if len(filter) == 0 {
		return nil
	}
	var built map[string]json.RawMessage
	if err := json.Unmarshal(filter, &built); err != nil {
		return fmt.Errorf("filter of a watch token: %w", err)
	}
	for name, value := range built {
		asked, given := params[name]
		if given {
			if raw, err := json.Marshal(asked); err != nil || !bytes.Equal(raw, value) {
				return rpc.Forbidden("the watch token has another " + name + " built in")
			}
		}
		params[name] = value
	}
	return nil
}

// deliveryStream writes notifications of delivery.watch as server-sent events.
type deliveryStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	beat    time.Duration
	beats   sync.WaitGroup

	begun bool

	mu   sync.Mutex
	last time.Time // time of the last write
}

func (s *deliveryStream) push(ctx context.Context, method string, params json.RawMessage) error {
	if !s.begun {
		if err := s.sendHead(ctx); err != nil {
			return err
		}
	}
	if method != "delivery.update" {
		return s.writeEvent("", strings.TrimPrefix(method, "delivery."), params)
	}
	var note struct {
		Delivery json.RawMessage `json:"delivery"`
	}
	var of struct {
		ID *int64 `json:"delivery_id"`
	}
	if err := errors.Join(json.Unmarshal(params, &note), json.Unmarshal(note.Delivery, &of)); err != nil {
		return err
	}
	id := ""
	if of.ID != nil {
		id = strconv.FormatInt(*of.ID, 10)
	}
	return s.writeEvent(id, "", note.Delivery)
}

// sendHead sends the response head and disables the server's deadlines, which are for requests that end.
func (s *deliveryStream) sendHead(ctx context.Context) error {
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.begun = true
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would buffer events
	s.w.WriteHeader(http.StatusOK)
	s.beats.Go(func() {
		tick := time.NewTicker(s.beat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = s.sendUnlessRecent(": \n\n", s.beat) // a client that disconnects ends the request by itself
			}
		}
	})
	return nil
}

// writeEvent sends an event; data is JSON on one line.
func (s *deliveryStream) writeEvent(id, name string, data []byte) error {
	var b strings.Builder
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return s.sendUnlessRecent(b.String(), 0)
}

// sendUnlessRecent writes text, unless there was a write within the last quiet.
func (s *deliveryStream) sendUnlessRecent(text string, quiet time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if quiet > 0 && now.Sub(s.last) < quiet {
		return nil
	}
	s.last = now
	if err := s.control.SetWriteDeadline(now.Add(watchWrite)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}
