package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// TestWuzapi checks the dialect wuzapi: each request of its document, and of the catalogue beyond it, is answered as documented and has its effect, under both mounts and through
// JSON-RPC; each documented error can be provoked.
func TestWuzapi(t *testing.T) {
	r := newRestRun(t, wuzapi())
	r.w.Bucket = newBucket(t)
	r.checkCoverage(t)
	for _, mount := range r.mounts {
		t.Run("at "+mount+"/", func(t *testing.T) {
			for _, c := range r.cases {
				t.Run(c.operation, func(t *testing.T) { r.checkDocumented(t, c, mount) })
			}
		})
	}
	t.Run("variants", func(t *testing.T) {
		for name, c := range r.variants {
			t.Run(name, func(t *testing.T) { r.checkDocumented(t, c, r.mounts[0]) })
		}
	})
	t.Run("by calls", func(t *testing.T) {
		for _, c := range r.cases {
			t.Run(c.operation, func(t *testing.T) { r.checkCalls(t, c) })
		}
	})
	e2etest.CheckNetwork(t, r.w.Network)
	t.Run("errors", r.checkUnprovoked)
	t.Run("honest", func(t *testing.T) { checkHonestErrors(t, r) })
	t.Run("description", r.checkDescribed)
	t.Run("lower case", func(t *testing.T) { r.checkSpellings(t, strings.ToLower) })
	t.Run("snake case", func(t *testing.T) { r.checkSpellings(t, snakeCase) })
	t.Run("labels", func(t *testing.T) {
		r.checkContentTypes(t, "POST /user/check", resttest.Values{"Phone": []string{r.w.Peer.Number}})
	})
	t.Run("credentials", func(t *testing.T) { r.checkCredentials(t, "GET /session/status") })
	t.Run("routes", r.checkRoutes)
	t.Run("heads", r.checkHead)
	before := r.w.snapshot(t)
	t.Run("sizes", r.checkBodyLimits)
	r.w.unchanged(t, before)
	t.Run("bad input", r.checkBadInput)
}
