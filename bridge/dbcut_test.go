package bridge_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// cuttingProxy is a proxy between the database driver and PostgreSQL. It closes all connections at chosen writes of the
// driver, each of which is one statement, BEGIN or COMMIT, like a crash of the server.
type cuttingProxy struct {
	listener net.Listener
	server   string
	all      sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	count int          // number of writes since cut
	cuts  map[int]bool // true = cut after the write; see cut
}

// newCuttingProxy returns a proxy for the server of a database, and the address of the database through the proxy.
func newCuttingProxy(t *testing.T, address string) (*cuttingProxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &cuttingProxy{server: u.Host, conns: map[net.Conn]struct{}{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.mu.Lock()
		p.closeAll()
		p.mu.Unlock()
		p.all.Wait()
	})
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

// cut makes the proxy close its connections at the given writes, counted from 1 from now on: before the write reaches
// the server if the value is false, otherwise after the server has answered and before the driver has the answer.
func (p *cuttingProxy) cut(cuts map[int]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count, p.cuts = 0, cuts
}

// missed returns the number of cuts that have not happened.
func (p *cuttingProxy) missed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.cuts)
}

func (p *cuttingProxy) accept() {
	for {
		driver, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = driver.Close()
			continue
		}
		p.mu.Lock()
		p.conns[driver], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		held := make(chan struct{}) // closed when answers no longer reach the driver
		p.all.Go(func() { p.requests(driver, server, held) })
		p.all.Go(func() { p.answers(driver, server, held) })
	}
}

// requests forwards the driver's requests.
func (p *cuttingProxy) requests(driver, server net.Conn, held chan struct{}) {
	defer driver.Close()
	defer server.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := driver.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.count++
		after, due := p.cuts[p.count]
		if due {
			delete(p.cuts, p.count)
		}
		if due && !after {
			p.closeAll()
		}
		p.mu.Unlock()
		if due && after {
			close(held)
		}
		if _, err = server.Write(buffer[:n]); err != nil || due {
			if due && after {
				continue // until answers closes
			}
			return
		}
	}
}

// answers forwards the server's answers until held is closed.
func (p *cuttingProxy) answers(driver, server net.Conn, held chan struct{}) {
	defer driver.Close()
	defer server.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-held:
			if bytes.HasSuffix(buffer[:n-1], []byte{'Z', 0, 0, 0, 5}) { // ready for the next query
				p.mu.Lock()
				p.closeAll()
				p.mu.Unlock()
				return
			}
		default:
			if _, err = driver.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}

// closeAll closes all connections. The caller holds p.mu.
func (p *cuttingProxy) closeAll() {
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}

// awaitText waits for a message in the journal.
func awaitText(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		var n int
		err := db.QueryRow(`SELECT COUNT(*) FROM journal_events WHERE type='Message' AND convert_from(data,'UTF8') LIKE $1`, `%"text":"`+text+`"%`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("message %q is not in the journal", text)
		}
	}
}

const (
	knownSender = "known sender"
	newSender   = "new sender"
	newGroup    = "new group"
)

// TestMessagesSurviveCutDatabaseConnections cuts the connections to PostgreSQL at each statement of receiving two
// messages, once before and once after the statement took effect: both messages are in the journal once. It tests every
// seventh statement, with WAYSTATION_LOAD every one.
func TestMessagesSurviveCutDatabaseConnections(t *testing.T) {
	step := 7
	if testkit.FullSize() {
		step = 1
	}
	for _, from := range []string{knownSender, newSender, newGroup} {
		t.Run(from+" before", func(t *testing.T) { cutEachStatement(t, from, false, step) })
		t.Run(from+" after", func(t *testing.T) { cutEachStatement(t, from, true, step) })
	}
}

func cutEachStatement(t *testing.T, from string, after bool, step int) {
	direct := dbtest.Postgres(t)
	db, err := sql.Open("pgx", direct)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	proxy, address := newCuttingProxy(t, direct)
	w := newWorldOn(t, address)
	w.stop()
	w.config.StoreProbe = 20 * time.Millisecond
	w.start()
	ada, sender := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	w.paired("ada", ada)
	to := ada.JID()
	for cut := 1; ; cut += step {
		switch from {
		case newSender:
			sender = w.account(fmt.Sprint(15550910000+cut), "Bob")
		case newGroup:
			if to, err = sender.CreateGroup(sandbox.GroupOptions{Subject: fmt.Sprint("group ", cut), Members: []types.JID{ada.JID()}}); err != nil {
				t.Fatal(err)
			}
		}
		w.reaches(w.session("ada"), bridge.StateConnected)
		proxy.cut(map[int]bool{cut: after})
		texts := []string{fmt.Sprintf("%d a", cut), fmt.Sprintf("%d b", cut)}
		for _, text := range texts {
			if _, err = sender.Send(w.ctx(), to, sandbox.Text(text)); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range texts {
			awaitText(t, db, text)
		}
		if proxy.missed() > 0 {
			t.Logf("%d statements", cut-1)
			break
		}
	}
	proxy.cut(nil)
	w.eachTextOnce("ada")
}

// eachTextOnce checks that no text is twice in a session's journal and no message was undecryptable.
func (w *world) eachTextOnce(id string) {
	w.t.Helper()
	seen := map[any]int{}
	for _, e := range w.all(id) {
		switch e.Type {
		case "Message":
			seen[e.data["text"]]++
		case "UndecryptableMessage":
			w.t.Errorf("undecryptable: %s", e.Data)
		}
	}
	for text, n := range seen {
		if n != 1 {
			w.t.Errorf("%q is in the journal %d times", text, n)
		}
	}
}
