package e2e

import "testing"

// The dialect wuzapi: each documented request is answered as documented and has its effect, under both mounts and through
// JSON-RPC; each documented error can be had.
func TestWuzapi(t *testing.T) {
	r := newRestRun(t, wuzapi())
	r.covers(t)
	for _, mount := range r.mounts {
		t.Run("at "+mount+"/", func(t *testing.T) {
			for _, c := range r.cases {
				t.Run(c.operation, func(t *testing.T) { r.documented(t, c, mount) })
			}
		})
	}
	t.Run("by calls", func(t *testing.T) {
		for _, c := range r.cases {
			t.Run(c.operation, func(t *testing.T) { r.called(t, c) })
		}
	})
	checkNetwork(t, r.w.network)
	t.Run("errors", r.provokes)
	t.Run("bad input", r.refuses)
}
