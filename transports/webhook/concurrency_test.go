package webhook

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
)

// Requests of session webhooks to one host are bounded by Config.HostRequests, those to the operator's webhook by Global.Requests. Those beyond it wait,
// and all of them are sent.
func TestConcurrentRequestsAreBounded(t *testing.T) {
	const most, sessions = 3, 9
	for name, c := range map[string]struct {
		cfg     Config
		slots   func(w *world) *slots
		targets func(t *testing.T, w *world, url string) []dispatch.Target
	}{
		"one host": {Config{HostRequests: most}, func(w *world) *slots { return w.sink.slots }, func(t *testing.T, w *world, url string) (list []dispatch.Target) {
			for i := range sessions {
				key := Key{Session: fmt.Sprint("session-", i), ID: DefaultID}
				requireNoError[*Webhook](t)(w.Update(t.Context(), key, Change{URL: ptr(url)}))
				list = append(list, w.dispatcher.targets[targetID(key)])
			}
			return list
		}},
		"the operator's webhook": {Config{}, func(w *world) *slots { return w.sink.global }, func(_ *testing.T, w *world, url string) (list []dispatch.Target) {
			w.SetGlobal(&Global{URL: url, Events: []string{AllEvents}, Format: FormatNative, Requests: most})
			for i := range sessions {
				list = append(list, w.GlobalTarget(fmt.Sprint("session-", i)))
			}
			return list
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, c.cfg)
			var running, highest atomic.Int32
			arrived, release := make(chan struct{}, sessions), make(chan struct{})
			r := newReceiver(t, func(http.ResponseWriter, *http.Request) {
				n := running.Add(1)
				for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
				}
				arrived <- struct{}{}
				<-release
				running.Add(-1)
			})
			var all sync.WaitGroup
			for _, target := range c.targets(t, w, r.URL) {
				all.Go(func() {
					release, err := w.sink.Admit(t.Context(), target) // as the dispatcher does
					if err != nil {
						t.Error(err)
						return
					}
					defer release()
					if _, err := w.dispatcher.sink.Deliver(t.Context(), target, delivery(message)); err != nil {
						t.Errorf("%s: %v", target.Session, err)
					}
				})
			}
			for range most {
				<-arrived
			}
			for waiting := 0; waiting < sessions-most; time.Sleep(time.Millisecond) {
				waiting = len(arrived)
				slots := c.slots(w)
				slots.mu.Lock()
				for _, h := range slots.hosts {
					waiting += len(h.waiting)
				}
				slots.mu.Unlock()
			}
			for range sessions { // one ends, so that the next one is sent
				release <- struct{}{}
			}
			all.Wait()
			if len(r.got) != sessions || highest.Load() != most {
				t.Errorf("%d requests, %d at a time, want %d and %d", len(r.got), highest.Load(), sessions, most)
			}
		})
	}
}
