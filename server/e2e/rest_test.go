package e2e

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest/resttest"
)

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
	t.Run("variants", func(t *testing.T) {
		for name, c := range r.variants {
			t.Run(name, func(t *testing.T) { r.documented(t, c, r.mounts[0]) })
		}
	})
	t.Run("by calls", func(t *testing.T) {
		for _, c := range r.cases {
			t.Run(c.operation, func(t *testing.T) { r.called(t, c) })
		}
	})
	checkNetwork(t, r.w.network)
	t.Run("errors", r.provokes)
	t.Run("honest", func(t *testing.T) { honest(t, r) })
	t.Run("description", r.described)
	t.Run("lower case", func(t *testing.T) { r.spelled(t, strings.ToLower) })
	t.Run("snake case", func(t *testing.T) { r.spelled(t, snake) })
	t.Run("labels", func(t *testing.T) {
		r.labels(t, "POST /user/check", resttest.Values{"Phone": []string{r.w.peer.number}})
	})
	t.Run("credentials", func(t *testing.T) { r.credentials(t, "GET /session/status") })
	t.Run("routes", r.routes)
	t.Run("heads", r.heads)
	before := r.w.snapshot(t)
	t.Run("sizes", r.sizes)
	r.w.unchanged(t, before)
	t.Run("bad input", r.refuses)
}
