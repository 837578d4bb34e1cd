package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/coder/websocket"
)

// errCut is the error of a connection's own end after it was cut.
var errCut = errors.New("cut")

// fragile is a TCP connection that is reset after a number of bytes in either direction; negative = never.
type fragile struct {
	net.Conn
	reads, writes int
	cut           atomic.Bool
}

func (f *fragile) Read(p []byte) (int, error) {
	if f.reads == 0 {
		return 0, f.reset()
	}
	if f.reads > 0 {
		p = p[:min(len(p), f.reads)]
	}
	n, err := f.Conn.Read(p)
	if f.reads > 0 {
		f.reads -= n
	}
	return n, err
}

func (f *fragile) Write(p []byte) (int, error) {
	if f.writes < 0 || len(p) <= f.writes {
		if f.writes > 0 {
			f.writes -= len(p)
		}
		return f.Conn.Write(p)
	}
	n, _ := f.Conn.Write(p[:f.writes])
	return n, f.reset()
}

// reset ends the connection without a close frame: the peer gets an RST, data in flight is lost.
func (f *fragile) reset() error {
	f.cut.Store(true)
	if tcp, ok := f.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = f.Conn.Close()
	return errCut
}

// place is a client's state of a session between connections.
type place struct {
	epoch  string
	offset uint64
}

// survivor is a client that keeps its places, resumes after each cut and compares all input with the ledger.
type survivor struct {
	name     string
	url      string
	ledger   *ledger
	rng      *rand.Rand
	mayGap   bool // the log's retention is shorter than some outages
	places   map[string]place
	seen     atomic.Int64 // events received or declared lost
	cuts     int          // so far
	gaps     int          // so far
	drained  int          // number of received conn.drain
	declared map[string]gap
}

// pushed is any frame except an event.
type pushed struct {
	Method string          `json:"method"`
	Result *helloResult    `json:"result"`
	Error  json.RawMessage `json:"error"`
	Params struct {
		gapParams
		Offset uint64 `json:"offset"`
	} `json:"params"`
}

// connection uses one connection until it is cut or done returns true. It reports whether it was cut.
func (s *survivor) connection(reads, writes int, done func() bool) (cut bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*waitLimit)
	defer cancel()
	var wire *fragile
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		wire = &fragile{Conn: c, reads: reads, writes: writes}
		return wire, nil
	}}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, s.url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{Subprotocol},
	})
	if err == nil {
		defer ws.CloseNow()
		ws.SetReadLimit(-1)
		err = s.use(ctx, ws, done)
	}
	if wire != nil && wire.cut.Load() {
		s.cuts++
		return true, nil
	}
	return false, err
}

func (s *survivor) use(ctx context.Context, ws *websocket.Conn, done func() bool) error {
	resume := object{}
	for id, p := range s.places {
		resume[id] = object{"epoch": p.epoch, "offset": p.offset}
	}
	hello, _ := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": "conn.hello", "params": object{
		"protocol": 1, "token": "admin", "from": "oldest", "resume": resume,
	}})
	if err := ws.Write(ctx, websocket.MessageText, hello); err != nil {
		return err
	}
	_, b, err := ws.Read(ctx)
	if err != nil {
		return err
	}
	if err := s.greeted(b); err != nil {
		return err
	}
	for !done() {
		if _, b, err = ws.Read(ctx); err != nil {
			return err
		}
		if err := s.take(b); err != nil {
			return err
		}
	}
	return nil
}

// greeted checks the reply to conn.hello.
func (s *survivor) greeted(b []byte) error {
	var m pushed
	if err := json.Unmarshal(b, &m); err != nil || m.Result == nil {
		return fmt.Errorf("hello: %s, %w", b, err)
	}
	if len(m.Result.Sessions) != len(s.ledger.ids) {
		return fmt.Errorf("hello: %d sessions", len(m.Result.Sessions))
	}
	s.declared = make(map[string]gap)
	for _, r := range m.Result.Sessions {
		p, known := s.places[r.Session]
		if !known {
			p = place{r.Epoch, r.Oldest - min(r.Oldest, 1)}
			s.skip(p.offset)
		}
		after := p.offset
		if r.Gap != nil {
			if !s.mayGap || !known || r.Resumed || r.Gap.From != after+1 || r.Gap.To != r.Oldest-1 || r.Gap.Reason != gapRetention {
				return fmt.Errorf("hello: %+v with gap %+v after %d", r, r.Gap, after)
			}
			s.declared[r.Session] = *r.Gap
			after = r.Gap.To
		} else if r.Resumed != known {
			return fmt.Errorf("hello: %+v, wanted to resume after %d", r, after)
		}
		var want *offsetRange
		if after < r.Head {
			want = &offsetRange{after + 1, r.Head}
		}
		if r.Epoch != p.epoch || (r.Replay == nil) != (want == nil) || want != nil && *r.Replay != *want {
			return fmt.Errorf("hello: %+v with replay %+v, want %+v in %s", r, r.Replay, want, p.epoch)
		}
		s.places[r.Session] = p
	}
	return nil
}

func (s *survivor) skip(n uint64) { s.seen.Add(int64(n)) }

// take checks a frame after the reply to conn.hello. Most are the next event of one of the sessions.
func (s *survivor) take(b []byte) error {
	for id, p := range s.places {
		if bytes.Equal(b, s.ledger.frame(id, p.offset+1)) {
			return s.advance(id, p.offset+1)
		}
	}
	var m pushed
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("%w in %s", err, b)
	}
	id := m.Params.Session
	p := s.places[id]
	switch m.Method {
	case "event":
		if m.Params.Offset != p.offset+1 {
			return fmt.Errorf("after %s %d came %d", id, p.offset, m.Params.Offset)
		}
		var want []byte
		err := pollUntil(waitLimit, "the end of an append", func() bool {
			want = s.ledger.frame(id, p.offset+1)
			return want != nil
		})
		if err != nil || !bytes.Equal(b, want) {
			return fmt.Errorf("got %s, want %s, %w", b, want, err)
		}
		return s.advance(id, p.offset+1)
	case "conn.position":
		return nil
	case "conn.drain":
		s.drained++
		return nil
	case "events.gap":
		g := m.Params.gap
		first, announced := s.declared[id]
		delete(s.declared, id)
		if !s.mayGap || g.From != p.offset+1 || g.To < g.From || g.Reason != gapRetention || m.Params.Epoch != p.epoch || m.Params.Head < g.To || announced && g != first {
			return fmt.Errorf("after %s %d: %s, hello said %+v", id, p.offset, b, first)
		}
		s.gaps++
		s.skip(g.To - p.offset)
		s.places[id] = place{p.epoch, g.To}
		return nil
	}
	return fmt.Errorf("unexpected %s", b)
}

// advance moves on by one event; an event that hello reported in a gap must not arrive, nor one before the
// announcement.
func (s *survivor) advance(id string, offset uint64) error {
	if g, waiting := s.declared[id]; waiting {
		return fmt.Errorf("%s %d came before the gap %+v", id, offset, g)
	}
	s.places[id] = place{s.places[id].epoch, offset}
	s.skip(1)
	return nil
}
