package chaos

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestWebhooksThroughChaos kills receivers, makes them hang, fail and answer 429 in turn, and kills the server in between. Every session's events arrive
// at least once and in order, few of them twice. Events for an address without a listener, and only those, end as dead letters;
// replayed after a listener started, all of them arrive.
func TestWebhooksThroughChaos(t *testing.T) {
	if !testkit.FullSize() {
		hookChaos(t, filepath.Join(t.TempDir(), "waystation.db"), 6, 1200, 1, 4, "12s")
		return
	}
	dbtest.OnEach(t, func(t *testing.T, database string) { hookChaos(t, database, 20, 5000, 3, 8, "40s") })
}

func hookChaos(t *testing.T, database string, sessions, messages, kills, rounds int, maxAge string) {
	network, root := e2etest.StartSandbox(t)
	addr, dataDir := testkit.FreeAddress(t), t.TempDir()
	settings := append([]string{"-delivery-max-age", maxAge}, e2etest.HookSettings...)
	begin := func() *e2etest.Process {
		return e2etest.StartServer(t, addr, network, root, dataDir, database, settings...)
	}
	server := begin()
	receiver, nobody := newHooks(t), newHooks(t)
	receiver.start(t)
	for i := range sessions {
		pairWithHook(t, server, network, hookSession(i), hookNumber(i), receiver.url(hookSession(i)))
	}
	var created struct {
		Webhook struct {
			ID string `json:"webhook_id"`
		}
	}
	e2etest.MustCall(t, server.Addr, "webhook.create", object{
		"session": hookSession(0), "name": "nobody", "url": nobody.url("late"), "events": []string{"Message"},
	}, &created)

	// Peers write continuously, to one session after the other.
	const phase = 1500 * time.Millisecond
	troubles := []func(){
		func() { receiver.kill(); pause(phase); receiver.start(t) },
		func() { receiver.setMood(failing); pause(phase); receiver.setMood(well) },
		func() { receiver.setMood(hanging); pause(2 * phase); receiver.setMood(well) }, // longer than the timeout of an attempt
		func() { receiver.setMood(busy); pause(phase); receiver.setMood(well) },
	}
	letters := newTraffic(t, network, sessions)
	letters.writeDuring(t, messages, rounds, kills, phase, troubles, func() {
		server.Kill()
		server = begin()
	})

	journals, total := letters.journals(t, server)
	repeats := 0
	for name, journal := range journals {
		testkit.Within(t, 60*time.Second, "everything of "+name+" has been delivered", func() bool { return receiver.distinct(name) >= len(journal) })
		repeats += receiver.inOrder(t, name, journal)
	}
	t.Logf("%d events of %d sessions, the server killed %d times, %d attempts refused; %d came twice (%.2f %%)",
		total, sessions, kills, receiver.refusals, repeats, 100*float64(repeats)/float64(total))
	if repeats*100 >= total {
		t.Errorf("%d of %d events came twice", repeats, total)
	}

	lost := 0
	for _, e := range journals[hookSession(0)] {
		if e.Type == "Message" && e.Offset > 0 && e.Data.Text != "" {
			lost++
		}
	}
	var archive struct {
		Total   int
		Entries []struct {
			SessionID string `json:"session_id"`
			Transport string
		}
	}
	dead := func() int {
		e2etest.MustCall(t, server.Addr, "archive.list", object{"status": "dead_letter", "limit": 1000}, &archive)
		return archive.Total
	}
	testkit.Within(t, 90*time.Second, "what nobody takes are dead letters", func() bool { return dead() == lost })
	var own struct{ Total int }
	e2etest.MustCall(t, server.Addr, "webhook.listDeliveries", object{"session": hookSession(0), "webhook_id": created.Webhook.ID, "status": "dead_letter"}, &own)
	if own.Total != lost {
		t.Errorf("%d of %d dead letters are those of the address without a listener", own.Total, lost)
	}

	nobody.start(t)
	e2etest.MustCall(t, server.Addr, "archive.replay", object{"status": "dead_letter", "transport": "webhook", "remove_after": true, "limit": 1000}, nil)
	testkit.Within(t, 60*time.Second, "the replay empties the dead letters", func() bool { return dead() == 0 && nobody.distinct("late") == lost })
	for _, one := range nobody.taken("late") {
		if !one.replay {
			t.Errorf("offset %d is not marked as a replay", one.offset)
		}
	}
	t.Logf("%d dead letters of the one address where nobody listened, all replayed", lost)
	e2etest.CheckNetwork(t, network)
}

// pause lets the processes under test run for a while.
func pause(d time.Duration) { <-time.After(d) }
