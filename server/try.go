package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// maxTryFrame bounds a frame that try takes, in bytes: the largest reply of the server.
const maxTryFrame = 4 << 20

// errNoReply means that the message went out and nothing came back.
var errNoReply = errors.New("no reply arrived in time")

// try is the shortest client: it connects, sends one message and prints what happens until a reply arrives.
func try(ctx context.Context, c console, args []string) error {
	flags := newFlags("try", "Send a message over the socket and print every event until a reply arrives.")
	url := flags.String("url", "ws://"+localAddress(c.environ)+"/v1/ws", "`URL` of the socket")
	token := flags.String("token", environment(c.environ, "WAYSTATION_TOKEN"), "session `token`; or WAYSTATION_TOKEN")
	session := flags.String("session", "", "`id` of the session; needed with the admin token only")
	to := flags.String("to", "", "`number` or JID to send to")
	wait := flags.Duration("wait", 15*time.Second, "`duration` to wait for a reply; 0 = do not wait")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	text := strings.Join(flags.Args(), " ")
	if text == "" {
		text = "Hello from Waystation"
	}
	if *to == "" || *token == "" {
		return fmt.Errorf("%w: -to and -token are needed", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, *wait+30*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, *url, &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}}) //nolint:bodyclose // the library never leaves one open
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxTryFrame)
	t := &trial{ws: ws, out: c.out, pending: map[int]string{}}
	params := map[string]any{"to": *to, "text": text}
	if *session != "" {
		params["session"] = *session
	}
	if err := t.call(ctx, "conn.hello", map[string]any{
		"protocol": 1, "client": map[string]string{"name": "waystation-try", "version": version}, "token": *token,
		"filters": []any{map[string]any{"sessions": []string{"*"}, "include_volatile": true}},
	}); err != nil {
		return err
	}
	if _, err := t.until(ctx, func() bool { return t.replies == 1 }); err != nil {
		return err
	}
	if err := t.call(ctx, "message.sendText", params); err != nil {
		return err
	}
	if _, err := t.until(ctx, func() bool { return t.replies == 2 }); err != nil || *wait == 0 {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, *wait)
	defer stop()
	if _, err := t.until(waiting, func() bool { return t.answered }); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return errNoReply
		}
		return err
	}
	return ws.Close(websocket.StatusNormalClosure, "")
}

// trial is the conversation of try.
type trial struct {
	ws       *websocket.Conn
	out      io.Writer
	pending  map[int]string // method by request id
	replies  int
	answered bool // a message of somebody else arrived
}

// frame is whatever comes over the socket.
type frame struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func (t *trial) call(ctx context.Context, method string, params any) error {
	id := len(t.pending) + 1
	t.pending[id] = method
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if method == "conn.hello" {
		fmt.Fprintf(t.out, "--> %s\n", method) // its params hold the token
	} else {
		fmt.Fprintf(t.out, "--> %s %s\n", method, field(raw, "params"))
	}
	return t.ws.Write(ctx, websocket.MessageText, raw)
}

// until prints frames until done says so. An error reply ends it.
func (t *trial) until(ctx context.Context, done func() bool) (frame, error) {
	for {
		_, raw, err := t.ws.Read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return frame{}, err
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			return f, fmt.Errorf("bad frame: %w", err)
		}
		if f.Error != nil {
			return f, fmt.Errorf("%s: %s", t.pending[f.ID], f.Error)
		}
		t.show(f)
		if done() {
			return f, nil
		}
	}
}

func (t *trial) show(f frame) {
	if f.Method == "" {
		t.replies++
		fmt.Fprintf(t.out, "<-- reply to %s: %s\n", t.pending[f.ID], shorten(f.Result))
		return
	}
	var event struct {
		Offset uint64          `json:"offset"`
		Type   string          `json:"type"`
		Data   json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(f.Params, &event) // a notification of another shape shows as it is
	if event.Type == "" {
		fmt.Fprintf(t.out, "<-- %s %s\n", f.Method, shorten(f.Params))
		return
	}
	var message struct {
		Text   *string `json:"text"`
		FromMe bool    `json:"from_me"`
		Chat   string  `json:"chat"`
		PN     string  `json:"pn"` // number of the other side, when it is known
	}
	_ = json.Unmarshal(event.Data, &message)
	if event.Type != "Message" || message.Text == nil {
		fmt.Fprintf(t.out, "<-- %s %d %s %s\n", f.Method, event.Offset, event.Type, shorten(event.Data))
		return
	}
	if message.PN != "" && !message.FromMe {
		message.Chat = message.PN
	}
	who := "from " + message.Chat
	if message.FromMe {
		who = "sent to " + message.Chat
	} else {
		t.answered = true
	}
	fmt.Fprintf(t.out, "<-- event %d Message %s: %q\n", event.Offset, who, *message.Text)
}

// shown bounds how much of a frame is printed, in bytes.
const shown = 160

func shorten(raw []byte) string {
	text := string(raw)
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "..."
	}
	return text
}

func field(raw []byte, name string) string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // it was encoded a line before
	return string(object[name])
}

func environment(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
