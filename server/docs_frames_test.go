package main

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/docs/doctest"
)

// frameClient is the connection that the frames of a page go over.
type frameClient struct {
	ws *websocket.Conn
	// epochs of the sessions, from the latest reply of conn.hello.
	epochs map[string]string
	// held are frames that were received and not yet shown by the page.
	held []any
}

// runFrames runs a block of frames. Lines with --> are sent; conn.hello opens a connection. TOKEN stands for the token of the
// session demo, EPOCH for its epoch. Lines with <-- must be received: replies by their id, other frames in their order, with others
// between them. In these, "..." as a value matches any value, "abc..." any text with that beginning, and a member ... further members;
// numbers other than id and code match any number.
func (w *docWorld) runFrames(b *doctest.Block) {
	w.t.Helper()
	w.begin()
	for line := range strings.Lines(b.Text) {
		switch direction, frame, _ := strings.Cut(strings.TrimSpace(line), " "); direction {
		case "-->":
			w.sendFrame(b, frame)
		case "<--":
			w.receiveFrame(b, frame)
		default:
			w.t.Errorf("%s:%d: a frame begins with --> or <--: %s", b.Page, b.Line, line)
		}
	}
}

func (w *docWorld) sendFrame(b *doctest.Block, frame string) {
	w.t.Helper()
	greets := strings.Contains(frame, `"conn.hello"`)
	if w.client == nil || greets {
		epochs := map[string]string{}
		if w.client != nil {
			epochs = w.client.epochs
			_ = w.client.ws.CloseNow()
		}
		ws, _, err := websocket.Dial(w.t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/v1/ws", &websocket.DialOptions{
			Subprotocols: []string{"waystation.v1"}, HTTPHeader: http.Header{},
		})
		if err != nil {
			w.t.Fatal(err)
		}
		ws.SetReadLimit(16 << 20)
		w.client = &frameClient{ws: ws, epochs: epochs}
	}
	if !greets && w.client.epochs["demo"] == "" {
		w.sendFrame(b, `{"jsonrpc":"2.0","id":0,"method":"conn.hello","params":{"protocol":1,"token":"TOKEN"}}`)
		w.receiveFrame(b, `{"jsonrpc":"2.0","id":0,"result":{...}}`)
	}
	frame = strings.NewReplacer(`"TOKEN"`, `"`+w.token+`"`, `"EPOCH"`, `"`+w.client.epochs["demo"]+`"`).Replace(frame)
	if !json.Valid([]byte(frame)) {
		w.t.Errorf("%s:%d: not JSON: %s", b.Page, b.Line, frame)
	}
	if err := w.client.ws.Write(w.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		w.t.Fatal(err)
	}
}

var elided = regexp.MustCompile(`([,{\[])\s*\.\.\.`)

func (w *docWorld) receiveFrame(b *doctest.Block, frame string) {
	w.t.Helper()
	var want any
	filled := elided.ReplaceAllStringFunc(frame, func(m string) string {
		if m[0] == '[' {
			return `["..."`
		}
		return m[:1] + `"...":0`
	})
	if err := json.Unmarshal([]byte(filled), &want); err != nil {
		w.t.Fatalf("%s:%d: %v in %s", b.Page, b.Line, err, filled)
	}
	for i, held := range w.client.held {
		if matches(want, held, "") {
			w.client.held = w.client.held[i+1:]
			return
		}
	}
	w.client.held = nil
	wantID := idOf(want)
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		_, raw, err := w.client.ws.Read(ctx)
		cancel()
		if err != nil {
			w.t.Fatalf("%s:%d: %v; never received %s", b.Page, b.Line, err, frame)
		}
		var got any
		if err := json.Unmarshal(raw, &got); err != nil {
			w.t.Fatal(err)
		}
		w.client.learnEpochs(got)
		gotID := idOf(got)
		switch {
		case matches(want, got, ""):
			return
		case wantID != nil && gotID == wantID:
			w.t.Fatalf("%s:%d: received %s, the page has %s", b.Page, b.Line, raw, frame)
		case wantID != nil || gotID != nil:
			w.client.held = append(w.client.held, got)
		}
	}
}

// idOf returns the id of a reply, or of the first one of a batch; nil for notifications.
func idOf(frame any) any {
	switch frame := frame.(type) {
	case object:
		return frame["id"]
	case []any:
		if len(frame) > 0 {
			return idOf(frame[0])
		}
	}
	return nil
}

func (c *frameClient) learnEpochs(frame any) {
	reply, _ := frame.(object)
	result, _ := reply["result"].(object)
	sessions, _ := result["sessions"].([]any)
	for _, s := range sessions {
		if s, ok := s.(object); ok {
			id, _ := s["session"].(string)
			c.epochs[id], _ = s["epoch"].(string)
		}
	}
}

// matches compares a value of a page with what was received; name is the member it is the value of.
func matches(want, got any, name string) bool {
	switch want := want.(type) {
	case string:
		if want == "..." {
			return true
		}
		text, ok := got.(string)
		if prefix, cut := strings.CutSuffix(want, "..."); cut {
			return ok && strings.HasPrefix(text, prefix)
		}
		return ok && text == want
	case float64:
		number, ok := got.(float64)
		return ok && (number == want || name != "id" && name != "code" && name != "wa_code")
	case []any:
		list, ok := got.([]any)
		if len(want) == 1 && want[0] == "..." {
			return ok
		}
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !matches(want[i], list[i], "") {
				return false
			}
		}
		return true
	case object:
		members, ok := got.(object)
		if !ok {
			return false
		}
		_, open := want["..."]
		for key, value := range want {
			if member, has := members[key]; key != "..." && (!has || !matches(value, member, key)) {
				return false
			}
		}
		for key := range members {
			if _, has := want[key]; !has && !open {
				return false
			}
		}
		return true
	}
	return want == got
}
