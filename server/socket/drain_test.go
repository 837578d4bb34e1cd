package socket

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// Servers that follow one another on one journal: each sends conn.drain to its clients, closes with 1012, and they
// resume on the next without a loss, a duplicate or a gap.
func TestClientsResumeAfterDrain(t *testing.T) {
	const clients, servers, perServer = 20, 3, 200
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := newWorldOver(t, db, Config{}, journal.Config{})
	l := newLedger(w, 2)
	list := newCrowd(w, l, clients)
	for turn := range servers {
		var connected sync.WaitGroup
		last := turn == servers-1
		until := int64((turn + 1) * perServer)
		for _, s := range list {
			s.url = w.url
			connected.Go(func() {
				_, err := s.connection(-1, -1, func() bool { return last && s.seen.Load() == until })
				if closed := websocket.CloseStatus(err); !last && (closed != CloseRestart || s.drained != turn+1) {
					t.Errorf("%s: %v after %d drains", s.name, err, s.drained)
				} else if last && err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
			})
		}
		poll := func() bool { return w.endpoint.Connections() == clients || t.Failed() }
		if err := pollUntil(waitLimit, "all are connected", poll); err != nil {
			t.Fatal(err)
		}
		list.feed(t, l, perServer, perServer*servers)
		if last {
			connected.Wait()
			return
		}
		w.end() // while some are behind
		connected.Wait()
		if t.Failed() {
			return
		}
		w = newWorldOver(t, db, Config{}, journal.Config{})
		w.directory.ids = l.ids
		l.journal = w.journal
	}
}
