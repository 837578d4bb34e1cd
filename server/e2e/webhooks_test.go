package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// hookSettings let a server reach receivers on this machine, and fail and recover in test time.
var hookSettings = []string{
	"-allow-hosts", "127.0.0.1", "-delivery-timeout", "2s", "-delivery-backoff", "50ms", "-delivery-backoff-max", "500ms",
	"-delivery-probe-every", "200ms", "-delivery-attempts", "60",
}

// TestLoadWebhookIsolation measures the time from an event's commit to its receiver, while another session's webhook on the same host answers, and
// while it never answers. Rounds of both alternate, so that other load on the machine affects both; it may still affect one of
// them only, so a failed comparison is repeated up to two times.
func TestLoadWebhookIsolation(t *testing.T) {
	if os.Getenv("WAYSTATION_LOAD") == "" {
		t.Skip("needs full speed; make load runs it")
	}
	const sessions, rounds, tries, perRound, peer = 50, 4, 3, 1000, "15550409999"
	network, root := startSandbox(t)
	server := startServer(t, freeAddress(t), network, root, t.TempDir(), filepath.Join(t.TempDir(), "waystation.db"), hookSettings...)
	receiver := newHooks(t)
	receiver.start(t)
	for i := range sessions {
		pairWithHook(t, server, network, hookSession(i), hookNumber(i), receiver.url(hookSession(i)))
	}
	must(t, network.addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	last := hookSession(sessions - 1)
	round := func(m receiverMood) (lags []time.Duration) {
		receiver.setMoodAt(last, m)
		seen := map[string]int{}
		for i := range sessions - 1 {
			seen[hookSession(i)] = len(receiver.taken(hookSession(i)))
		}
		pace := time.NewTicker(time.Second / 100)
		defer pace.Stop()
		for i := range perRound {
			<-pace.C
			must(t, network.addr, "sandbox.send", object{
				"account": peer, "to": hookNumber(i % sessions), "content": object{"type": "text", "text": "Hello"},
			}, nil)
		}
		for name, before := range seen {
			eventually(t, 30*time.Second, name+" is told", func() bool { return len(receiver.taken(name)) >= before+perRound/sessions })
			for _, one := range receiver.taken(name)[before:] {
				lags = append(lags, one.lag)
			}
		}
		return lags
	}
	round(well) // the first messages open sessions and connections
	for range tries {
		lags := map[receiverMood][]time.Duration{}
		for range rounds {
			for _, m := range []receiverMood{well, hanging} {
				lags[m] = append(lags[m], round(m)...)
				receiver.setMoodAt(last, well)
			}
		}
		for _, list := range lags {
			slices.Sort(list)
		}
		p50 := func(m receiverMood) time.Duration { return lags[m][len(lags[m])/2] }
		p99 := func(m receiverMood) time.Duration { return lags[m][len(lags[m])*99/100] }
		t.Logf("delivery lag of %d sessions: p50 %.1f ms, p99 %.1f ms; while the webhook of another hangs: p50 %.1f ms, p99 %.1f ms (%d and %d events)",
			sessions-1, ms(p50(well)), ms(p99(well)), ms(p50(hanging)), ms(p99(hanging)), len(lags[well]), len(lags[hanging]))
		if p99(hanging) <= p99(well)*3/2+time.Millisecond { // ids count milliseconds
			return
		}
	}
	t.Errorf("a webhook that hangs delays the others, %d times", tries)
}
