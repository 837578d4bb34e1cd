package main

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// A flood of log-ins leaves the 99th percentile of other calls within 1.5 times of what it is without. Rounds with and without the flood take turns; the
// best of each count, as other programs of the machine slow single rounds.
func TestLogInFloodSlowsNothing(t *testing.T) {
	testkit.MeasuresSpeed(t)
	if !testkit.FullSize() {
		t.Skip("needs a machine that does nothing else: make load")
	}
	s := startServer(t, "-wrong-passwords", "100000", "-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "error")
	a := s.newAccount("anna", "OWNER")
	client := dial(t, s.url("/v1/ws"), s.token, nil)
	percentile := func() time.Duration {
		took := make([]time.Duration, 1500)
		for i := range took {
			began := time.Now()
			client.call("session.list", object{})
			took[i] = time.Since(began)
			time.Sleep(500 * time.Microsecond)
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	checked := 0
	flooded := func() time.Duration {
		var flood sync.WaitGroup
		var mu sync.Mutex
		done := make(chan struct{})
		for range 24 { // more than may wait
			flood.Go(func() {
				for {
					reply := rpctest.PostCall(t, s.url("/v1/rpc"), "", "account.login", object{"email": a.email, "password": "wrong password"})
					if reply.Error != nil && reply.Error.Data.Reason == "wrong_password" {
						mu.Lock()
						checked++
						mu.Unlock()
					}
					select {
					case <-done:
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
		}
		defer flood.Wait()
		defer close(done)
		return percentile()
	}
	percentile() // warms up
	alone, beside := time.Hour, time.Hour
	for range 5 {
		alone, beside = min(alone, percentile()), min(beside, flooded())
	}
	t.Logf("99th percentile %v alone, %v beside %d checked passwords", alone, beside, checked)
	if checked == 0 {
		t.Error("no password was checked")
	}
	if beside > alone*3/2 {
		t.Errorf("a flood of log-ins makes the 99th percentile %v, from %v", beside, alone)
	}
}
