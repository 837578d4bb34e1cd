package eventsocket

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// world is an endpoint over a journal in memory; the query of a request has its session and principal.
type world struct {
	*Endpoint
	t       *testing.T
	journal *journal.Journal
	url     string
	refused chan *rpc.Error
}

// frameOf is the frame of an event: its type and its data.
func frameOf(_ context.Context, format string, e *journal.Event) ([]byte, error) {
	switch e.Type {
	case "Silent":
		return nil, nil
	case "Broken":
		return nil, errors.New("broken")
	}
	return []byte(format + " " + e.Type + " " + string(e.Data)), nil
}

func newWorld(t *testing.T, cfg Config, of journal.Config) *world {
	t.Helper()
	log, err := journal.Open(t.Context(), nil, of)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Journal = log
	if cfg.Encode == nil {
		cfg.Encode = frameOf
	}
	w := &world{Endpoint: New(cfg), t: t, journal: log, refused: make(chan *rpc.Error, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		serve, problem := w.Open(rpc.Principal{ID: r.URL.Query().Get("as")}, r.URL.Query().Get("session"), "form")
		if problem != nil {
			w.refused <- problem
			out.WriteHeader(http.StatusTooManyRequests)
			return
		}
		serve(out, r)
	}))
	w.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/?"
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.Shutdown(ending)
		server.Close()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// dial opens a socket; the client answers pings only while it reads.
func (w *world) dial(query string) *websocket.Conn {
	w.t.Helper()
	ws, response, err := websocket.Dial(w.t.Context(), w.url+query, nil)
	if err != nil {
		w.t.Fatalf("%v, %v", err, response)
	}
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(-1)
	return ws
}

func (w *world) append(session, kind, data string) {
	w.t.Helper()
	if _, err := w.journal.Append(w.t.Context(), session, journal.Record{Type: kind, Data: json.RawMessage(data)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) expectFrames(ws *websocket.Conn, want ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for _, text := range want {
		kind, frame, err := ws.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(frame) != text {
			w.t.Fatalf("%v %.100s, %v, want %s", kind, frame, err, text)
		}
	}
}

// expectEnd reads until the socket is closed, and compares the code.
func (w *world) expectEnd(ws *websocket.Conn, code websocket.StatusCode) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		_, _, err := ws.Read(ctx)
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != code {
			w.t.Fatalf("closed with %d (%v), want %d", got, err, code)
		}
		return
	}
}

// expectConnections waits until the endpoint has a number of connections.
func (w *world) expectConnections(n int) {
	w.t.Helper()
	testkit.Within(w.t, patience, "the connections", func() bool { return w.Connections() == n })
}

func TestEventsArePushed(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", `"earlier"`)
	ws, other := w.dial("session=s1"), w.dial("session=s2")
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"method":"server.ping"}`)); err != nil {
		t.Fatal(err)
	}
	w.append("s1", "Message", `1`)
	w.append("s1", "Silent", `2`)
	w.append("s1", "Receipt", `3`)
	w.expectFrames(ws, "form Message 1", "form Receipt 3")
	w.journal.Signal(journal.Signal{Session: "s1", Type: "QR", Data: json.RawMessage(`4`)})
	w.expectFrames(ws, "form QR 4")
	w.append("s2", "Message", `5`)
	w.expectFrames(other, "form Message 5")
	for range 3 * readEvents {
		w.append("s1", "Message", `6`)
	}
	for range 3 * readEvents {
		w.expectFrames(ws, "form Message 6")
	}
	_ = ws.Close(websocket.StatusNormalClosure, "")
	w.expectConnections(1)
}

func TestLimits(t *testing.T) {
	w := newWorld(t, Config{MaxConnections: 3, MaxPerSession: 2}, journal.Config{})
	first := w.dial("session=s1")
	w.dial("session=s1")
	refused := func(query, want string) {
		t.Helper()
		_, response, err := websocket.Dial(t.Context(), w.url+query, nil)
		if err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("%v, %v", response, err)
		}
		if problem := <-w.refused; problem.Code != rpc.CodeRateLimited || problem.RetryAfter == 0 || !strings.Contains(problem.Message, want) {
			t.Fatalf("%+v", problem)
		}
	}
	refused("session=s1", "max-session-connections")
	w.dial("session=s2")
	refused("session=s3", "max-event-sockets")
	_ = first.CloseNow()
	w.expectConnections(2)
	w.dial("session=s1")
}

// A client that reads nothing is disconnected after the stall timeout and delays no other.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 8<<20) // more than the buffers of the kernel
	w := newWorld(t, Config{StallTimeout: 3 * time.Second, Encode: func(_ context.Context, _ string, e *journal.Event) ([]byte, error) {
		return []byte(e.Type + large), nil
	}}, journal.Config{})
	w.dial("session=s1") // not read
	fast := w.dial("session=s1")
	w.append("s1", "A", `1`)
	w.append("s1", "B", `1`)
	w.expectFrames(fast, "A"+large, "B"+large)
	w.expectConnections(1)
	w.append("s1", "C", `1`)
	w.expectFrames(fast, "C"+large)
}

// A client that is so slow that retention overtakes it is disconnected.
func TestOvertakenReader(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, Config{Encode: func(_ context.Context, _ string, e *journal.Event) ([]byte, error) {
		if e.Type == "First" {
			close(begun)
			<-release
		}
		return []byte(e.Type), nil
	}}, journal.Config{RetainEvents: 2, RingEvents: 2})
	ws := w.dial("session=s1")
	w.append("s1", "First", `1`)
	<-begun
	for range 10 {
		w.append("s1", "Later", `1`)
	}
	if err := w.journal.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(release)
	w.expectFrames(ws, "First")
	w.expectEnd(ws, websocket.StatusTryAgainLater)
}

func TestBrokenEvent(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	ws := w.dial("session=s1")
	w.append("s1", "Broken", `1`)
	w.expectEnd(ws, websocket.StatusInternalError)
}

// Only the newest signals wait for a connection that is busy.
func TestWaitingSignalsAreBounded(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, Config{Encode: func(_ context.Context, _ string, e *journal.Event) ([]byte, error) {
		if e.Type == "First" {
			close(begun)
			<-release
		}
		return e.Data, nil
	}}, journal.Config{})
	ws := w.dial("session=s1")
	w.append("s1", "First", `"first"`)
	<-begun
	for i := range maxSignals + 10 {
		raw, _ := json.Marshal(i) // an int can be encoded
		w.journal.Signal(journal.Signal{Session: "s1", Type: "QR", Data: raw})
	}
	close(release)
	w.expectFrames(ws, `"first"`, "10", "11")
}

// A client that answers no pings is disconnected.
func TestPings(t *testing.T) {
	w := newWorld(t, Config{Heartbeat: 20 * time.Millisecond, PongTimeout: 5 * time.Second}, journal.Config{})
	ws := w.dial("session=s1")
	reading := ws.CloseRead(t.Context())
	time.Sleep(200 * time.Millisecond) // several pings
	if reading.Err() != nil || w.Connections() != 1 {
		t.Fatal("a client that answers pings was disconnected")
	}
	mute := newWorld(t, Config{Heartbeat: 20 * time.Millisecond, PongTimeout: 50 * time.Millisecond}, journal.Config{})
	mute.dial("session=s1")
	mute.expectConnections(0)
}

func TestEnds(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	expired, deleted, other := w.dial("session=s1&as=a"), w.dial("session=s2&as=b"), w.dial("session=s3&as=b")
	w.Expire("a")
	w.expectEnd(expired, websocket.StatusPolicyViolation)
	w.SessionDeleted("s2")
	w.expectEnd(deleted, websocket.StatusNormalClosure)
	w.append("s3", "Message", `1`)
	w.expectFrames(other, "form Message 1")
	ended := make(chan struct{})
	go func() { defer close(ended); w.Shutdown(context.Background()) }()
	w.expectEnd(other, websocket.StatusServiceRestart)
	<-ended
	if _, problem := w.Open(rpc.Principal{}, "s1", "form"); problem == nil || problem.Code != rpc.CodeShuttingDown {
		t.Errorf("%v after the shutdown", problem)
	}
}

// A shutdown waits for clients that do not answer its close frame as long as its context only.
func TestShutdownWithMuteClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{}, journal.Config{})
	w.dial("session=s1")
	ending, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	w.Shutdown(ending)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the shutdown took %s", took)
	}
	w.expectConnections(0)
}

func TestPlainRequest(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	response, err := http.Get("http" + strings.TrimPrefix(w.url, "ws") + "session=s1") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired || w.Connections() != 0 {
		t.Errorf("status %d, %d connections", response.StatusCode, w.Connections())
	}
}
