package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
	"go.mau.fi/util/dbutil"
)

// Permitted growth between the first and the last tenth of a soak, with no client connected. One more goroutine would
// be a leak; the database opens and closes files of its own; the heap has the same number of events, of other sizes.
const (
	soakGoroutines = 0
	soakSockets    = 0
	soakFiles      = 8
	soakHeap       = 2 << 20
)

// soak is a server whose clients connect and disconnect.
type soak struct {
	w        *world
	sessions []string
	visits   atomic.Int64 // connections that were used to their end
	events   atomic.Int64 // received
	gaps     atomic.Int64
	ended    atomic.Bool

	// open is locked for reading while a client is connected, and for writing to measure a server without clients.
	open sync.RWMutex
}

// Four hours of events of 50 sessions, one per second each, in some minutes, while clients connect, resume,
// acknowledge, change their filters and disconnect in every way, and sessions appear and are deleted.
func TestSoak(t *testing.T) {
	testkit.SkipIfShort(t)
	perSession, length := testkit.ChooseSize(200, 4*60*60), testkit.ChooseSize(4*time.Second, 4*time.Minute)
	const sessions, clients = 50, 12
	var db *dbutil.Database // the ordinary run is too short for a disk to matter
	if testkit.ChooseSize(false, true) {
		var err error
		db, err = database.Open(t.Context(), filepath.Join(t.TempDir(), "soak.db"), database.Options{MaxOpenConns: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
	}
	keep := perSession / 20 // so that each log is as long as it gets before the first tenth is over
	w := newWorldOver(t, db, Config{}, journal.Config{RetainEvents: keep, RingEvents: keep, SweepEvery: 50 * time.Millisecond})
	s := &soak{w: w, sessions: newLedger(w, sessions).ids}
	var visitors sync.WaitGroup
	for i := range clients {
		visitors.Go(func() {
			v := visitor{soak: s, t: t, rng: rand.New(rand.NewPCG(3, uint64(i))), places: make(map[string]place)}
			for !s.ended.Load() && !t.Failed() {
				v.visit()
			}
		})
	}
	var list []footprint
	const parts = 10
	for part := range parts {
		s.feed(t, part*perSession/parts, (part+1)*perSession/parts, length/parts)
		list = append(list, s.footprint(t))
		t.Logf("after %d events: %+v", (part+1)*perSession/parts*sessions, list[part])
	}
	s.ended.Store(true)
	visitors.Wait()
	t.Logf("%d events, %d connections, %d deliveries, %d gaps", perSession*sessions, s.visits.Load(), s.events.Load(), s.gaps.Load())
	first, last := list[0], list[parts-1]
	for end := time.Now().Add(waitLimit); last.grown(first) && time.Now().Before(end); {
		last = s.footprint(t) // a goroutine that ends slowly on a busy machine is no leak
	}
	if last.grown(first) {
		t.Errorf("grown from %+v to %+v", first, last)
	}
	if s.visits.Load() < 3*clients || s.gaps.Load() == 0 {
		t.Errorf("%d connections with %d gaps are no soak", s.visits.Load(), s.gaps.Load())
	}
}

// feed appends events from one offset to another to every session, evenly over a time; once a round a session appears
// and is deleted.
func (s *soak) feed(t *testing.T, from, to int, within time.Duration) {
	const burst = 10
	start := time.Now()
	for n := from; n < to && !t.Failed(); n += burst {
		records := make([]journal.Record, burst)
		for i := range records {
			data, _ := json.Marshal(object{"n": n + i, "text": "the body of a message of ordinary length"})
			records[i] = journal.Record{Type: [...]string{"Message", "Receipt", "Presence"}[i%3], Data: data}
		}
		var appends sync.WaitGroup
		for _, id := range s.sessions {
			appends.Go(func() {
				if _, err := s.w.journal.Append(context.Background(), id, records...); err != nil {
					t.Error(err)
				}
			})
		}
		appends.Wait()
		s.w.journal.Signal(journal.Signal{Session: s.sessions[n/burst%len(s.sessions)], Type: "ChatPresence"})
		s.passing(t, fmt.Sprintf("passing%d", n))
		due := start.Add(within * time.Duration(n-from) / time.Duration(to-from))
		<-time.After(time.Until(due))
	}
}

// passing is a session that appears and is deleted.
func (s *soak) passing(t *testing.T, id string) {
	s.w.directory.add(id)
	s.w.append(id, "Connected", 2)
	s.w.directory.remove(id)
	s.w.endpoint.SessionDeleted(id)
	if err := s.w.journal.Purge(context.Background(), id); err != nil {
		t.Error(err)
	}
}

// footprint is the resources of a server without clients.
type footprint struct{ goroutines, sockets, files, heap int }

// grown reports whether it exceeds the first footprint by more than the permitted growth.
func (f footprint) grown(first footprint) bool {
	return f.goroutines > first.goroutines+soakGoroutines || f.sockets > first.sockets+soakSockets ||
		f.files > first.files+soakFiles || f.heap > first.heap+first.heap/20+soakHeap
}

func (s *soak) footprint(t *testing.T) footprint {
	s.open.Lock()
	defer s.open.Unlock()
	// Connections that were cut are noticed after a delay; a topic is dropped when it has delivered its wake-ups.
	if err := pollUntil(6*waitLimit, "no connection is left", s.w.endpoint.empty); err != nil {
		t.Fatal(err)
	}
	f := footprint{goroutines: runtime.NumGoroutine()}
	for range 100 { // others are about to end; the minimum of many samples is the steady number
		<-time.After(time.Millisecond)
		f.goroutines = min(f.goroutines, runtime.NumGoroutine())
	}
	list, _ := os.ReadDir("/proc/self/fd") // empty on other systems
	for _, entry := range list {
		if to, _ := os.Readlink("/proc/self/fd/" + entry.Name()); strings.HasPrefix(to, "socket:") {
			f.sockets++
		} else {
			f.files++
		}
	}
	runtime.GC()
	runtime.GC() // pools let go in two steps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.heap = int(m.HeapAlloc)
	return f
}

// visitor is a client that connects again and again and acts at random.
type visitor struct {
	soak *soak
	t    *testing.T
	rng  *rand.Rand

	mu     sync.Mutex // the reader of a connection works beside its writer
	places map[string]place
}

func (v *visitor) visit() {
	v.soak.open.RLock()
	defer v.soak.open.RUnlock()
	session, token := "", "admin"
	if v.rng.IntN(6) > 0 {
		session = v.soak.sessions[v.rng.IntN(len(v.soak.sessions))]
		token = "session:" + session
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*waitLimit)
	defer cancel()
	var tcp net.Conn
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		tcp, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return tcp, err
	}}
	ws, _, err := websocket.Dial(ctx, v.soak.w.url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		v.t.Error(err)
		return
	}
	ws.SetReadLimit(-1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for v.read(ctx, ws) {
		}
	}()
	v.call(ctx, ws, "conn.hello", v.hello())
	for range v.rng.IntN(40) {
		<-time.After(time.Duration(v.rng.IntN(20)) * time.Millisecond)
		v.act(ctx, ws, session)
	}
	switch v.rng.IntN(3) {
	case 0:
		_ = ws.Close(websocket.StatusNormalClosure, "")
	case 1:
		_ = tcp.(*net.TCPConn).SetLinger(0)
		_ = tcp.Close()
	}
	_ = ws.CloseNow()
	<-read
	v.soak.visits.Add(1)
}

// hello returns a random conn.hello.
func (v *visitor) hello() object {
	p := object{"protocol": 1, "batch_events": v.rng.IntN(4) == 0, "from": [...]string{"head", "oldest"}[v.rng.IntN(2)]}
	if v.rng.IntN(2) == 0 {
		v.mu.Lock()
		resume := object{}
		for id, at := range v.places {
			if at.epoch != "" { // a session that appeared while connected has no position here
				resume[id] = object{"epoch": at.epoch, "offset": at.offset}
			}
		}
		v.mu.Unlock()
		p["resume"] = resume
	}
	if v.rng.IntN(3) == 0 {
		p["ack"], p["window"] = "manual", object{"events": 1 + v.rng.IntN(100)}
	}
	if v.rng.IntN(3) == 0 {
		p["filters"] = v.filters()
	}
	return p
}

func (v *visitor) filters() []any {
	return [][]any{
		{},
		{object{}},
		{object{"types": []string{"Message"}}},
		{object{"exclude_types": []string{"Receipt"}, "include_volatile": true}},
		{object{"chats": []string{"1@s.whatsapp.net"}}, object{"types": []string{"Presence"}}},
	}[v.rng.IntN(5)]
}

// act makes one call.
func (v *visitor) act(ctx context.Context, ws *websocket.Conn, session string) {
	if session == "" {
		session = v.soak.sessions[v.rng.IntN(len(v.soak.sessions))]
	}
	v.mu.Lock()
	at := v.places[session]
	v.mu.Unlock()
	switch v.rng.IntN(8) {
	case 0:
		v.call(ctx, ws, "events.subscribe", object{"filters": v.filters()})
	case 1:
		v.call(ctx, ws, "events.unsubscribe", object{})
	case 2:
		v.call(ctx, ws, "events.seek", object{"session": session, "offset": at.offset - min(at.offset, 50)})
	case 3:
		v.call(ctx, ws, "test.size", object{"bytes": v.rng.IntN(20000)})
	case 4:
		v.call(ctx, ws, "test.echo", object{"value": 1, "more": 2})
	default:
		v.call(ctx, ws, "events.ack", object{"session": session, "offset": at.offset})
	}
}

func (v *visitor) call(ctx context.Context, ws *websocket.Conn, method string, params object) {
	b, _ := json.Marshal(object{"jsonrpc": "2.0", "id": method, "method": method, "params": params})
	if err := ws.Write(ctx, websocket.MessageText, b); err != nil {
		v.t.Error(err)
	}
}

// read reads a frame and reports whether more can come. Errors in calls are expected, failures of the server are not.
func (v *visitor) read(ctx context.Context, ws *websocket.Conn) bool {
	_, b, err := ws.Read(ctx)
	if err != nil {
		if code := websocket.CloseStatus(err); code > websocket.StatusNormalClosure && code != -1 {
			v.t.Errorf("closed with %d", code)
		}
		return false
	}
	frames := []json.RawMessage{b}
	if b[0] == '[' {
		err = json.Unmarshal(b, &frames)
	}
	for _, raw := range frames {
		var m struct {
			Method string
			Params struct {
				Session, Epoch string
				Offset         uint64
			}
			Error  *rpc.Error
			Result json.RawMessage
		}
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		var greeting struct{ Sessions []sessionReply }
		if err == nil && len(m.Result) > 0 && m.Result[0] == '{' {
			err = json.Unmarshal(m.Result, &greeting)
		}
		if err != nil || m.Error != nil && (m.Error.Code == rpc.CodeInternal || m.Error.Code == rpc.CodeTimeout) {
			v.t.Errorf("%.500s, %v", raw, err)
			return false
		}
		v.note(m.Method, m.Params.Session, m.Params.Offset, greeting.Sessions)
	}
	return true
}

func (v *visitor) note(method, session string, offset uint64, replies []sessionReply) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range replies {
		v.places[r.Session] = place{r.Epoch, v.places[r.Session].offset}
	}
	switch method {
	case "event":
		v.soak.events.Add(1)
		v.places[session] = place{v.places[session].epoch, offset}
	case "events.gap":
		v.soak.gaps.Add(1)
	}
}
