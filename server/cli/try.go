package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// maxTryFrame limits a frame that try accepts, in bytes: the largest reply of the server.
const maxTryFrame = 4 << 20

// errNoReply means that the message was sent and no message came back.
var errNoReply = errors.New("the message was sent, but no reply arrived in time; -wait sets how long to wait")

// runTry is the shortest client: it connects, sends one message and prints all frames until a reply arrives.
func (p Program) runTry(ctx context.Context, c Console, args []string) error {
	flags := newFlags("try", "Send a message over the socket and print every event until a reply arrives.")
	address := flags.String("url", localAddress(c.Environ), "address of the server: `URL` or host:port; default from WAYSTATION_LISTEN")
	token := flags.String("token", environment(c.Environ, "WAYSTATION_TOKEN"), "session `token`, or the admin token with -session; or WAYSTATION_TOKEN")
	session := flags.String("session", "", "`id` of the session; needed with the admin token only")
	to := flags.String("to", "", "`number` or JID to send to")
	wait := flags.Duration("wait", 15*time.Second, "`duration` to wait for a reply; 0 = do not wait")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	text := cmp.Or(strings.Join(flags.Args(), " "), "Hello from Waystation")
	if *to == "" || *token == "" {
		return fmt.Errorf("%w: -to and -token are required", errUsage)
	}
	url, err := endpointURL(*address, "ws", "/v1/ws")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *wait+30*time.Second)
	defer cancel()
	ws, err := dialSocket(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxTryFrame)
	t := &tryClient{ws: ws, out: c.Out, pending: map[int]string{}}
	if _, err := t.call(ctx, "conn.hello", map[string]any{
		"protocol": 1, "client": map[string]string{"name": "waystation-try", "version": p.Version}, "token": *token,
		"filters": []any{map[string]any{"sessions": []string{"*"}, "include_volatile": true}},
	}); err != nil {
		return err
	}
	params := map[string]any{"to": *to, "text": text}
	if *session != "" {
		params["session"] = *session
	}
	if _, err := t.call(ctx, "message.sendText", params); err != nil || *wait == 0 {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, *wait)
	defer stop()
	for !t.answered {
		if _, err := t.readNext(waiting); errors.Is(err, context.DeadlineExceeded) {
			return errNoReply
		} else if err != nil {
			return err
		}
	}
	return ws.Close(websocket.StatusNormalClosure, "")
}

// dialSocket connects to url. Its error advises what to check.
func dialSocket(ctx context.Context, url string) (*websocket.Conn, error) {
	ws, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}}) //nolint:bodyclose // the library always closes it
	switch {
	case err == nil:
		return ws, nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, fmt.Errorf("%s answered %s instead of opening a WebSocket; check -url", url, response.Status)
	}
	return nil, fmt.Errorf("cannot connect to %s: %w; is the server running there? -url sets the address", url, lastCause(err))
}

// lastCause is the innermost error of a chain: the operating system's or the protocol's own.
func lastCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// tryClient is the connection of try.
type tryClient struct {
	ws       *websocket.Conn
	out      io.Writer
	pending  map[int]string // method by request id
	answered bool           // a message from another person arrived
}

// tryFrame is any frame that arrives over the socket.
type tryFrame struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *tryError       `json:"error"`
}

// call sends a request and prints frames until its reply arrives. An error reply is returned as an error.
func (t *tryClient) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	id := len(t.pending) + 1
	t.pending[id] = method
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	if method == "conn.hello" {
		fmt.Fprintf(t.out, "--> %s\n", method) // its params hold the token
	} else {
		fmt.Fprintf(t.out, "--> %s %s\n", method, fieldText(raw, "params"))
	}
	if err := t.ws.Write(ctx, websocket.MessageText, raw); err != nil {
		return nil, err
	}
	for {
		f, err := t.readNext(ctx)
		if err != nil || f.Method == "" && f.ID == id {
			return f.Result, err
		}
	}
}

// readNext reads one frame and prints it. An error reply is returned as an error.
func (t *tryClient) readNext(ctx context.Context) (f tryFrame, err error) {
	_, raw, err := t.ws.Read(ctx)
	if err != nil {
		var closed websocket.CloseError
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.As(err, &closed):
			err = fmt.Errorf("the server closed the connection: %d %s", closed.Code, closed.Reason)
		}
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("bad frame: %w", err)
	}
	if f.Error != nil {
		return f, fmt.Errorf("%s was rejected: %w", t.pending[f.ID], f.Error)
	}
	t.printFrame(f)
	return f, nil
}

func (t *tryClient) printFrame(f tryFrame) {
	if f.Method == "" {
		fmt.Fprintf(t.out, "<-- reply to %s: %s\n", t.pending[f.ID], shorten(f.Result))
		return
	}
	var event struct {
		Offset uint64          `json:"offset"`
		Type   string          `json:"type"`
		Data   json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(f.Params, &event) // a notification of another shape is printed as it is
	if event.Type == "" {
		fmt.Fprintf(t.out, "<-- %s %s\n", f.Method, shorten(f.Params))
		return
	}
	var message struct {
		Text   *string `json:"text"`
		FromMe bool    `json:"from_me"`
		Chat   string  `json:"chat"`
		PN     string  `json:"pn"` // number of the peer, if it is known
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

// tryError is an error reply.
type tryError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Reason  string `json:"reason"`
		Details struct {
			Fields []struct {
				Pointer string `json:"pointer"`
				Problem string `json:"problem"`
			} `json:"fields"`
		} `json:"details"`
	} `json:"data"`
}

// tryFlags are the flags that set a parameter, by its JSON pointer.
var tryFlags = map[string]string{"/to": "-to", "/session": "-session", "/token": "-token", "/text": "the text"}

// Error returns the message, the fields by the names of their flags, and the code.
func (e *tryError) Error() string {
	var b strings.Builder
	if len(e.Data.Details.Fields) > 0 {
		b.WriteString("bad parameters") // the message repeats the fields by their pointers
	} else {
		b.WriteString(e.Message)
	}
	for i, f := range e.Data.Details.Fields {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		b.WriteString(separator + cmp.Or(tryFlags[f.Pointer], f.Pointer) + " " + f.Problem)
	}
	fmt.Fprintf(&b, " (%s, code %d)", cmp.Or(e.Data.Reason, "error"), e.Code)
	return b.String()
}

// maxShown limits the printed part of a frame, in bytes.
const maxShown = 160

func shorten(raw []byte) string {
	text := string(raw)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	return text
}

func fieldText(raw []byte, name string) string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // encoded on the previous line
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
