package rest

import (
	"net/http"
	"testing"

	"github.com/waystation/waystation/server/rest/resttest"
)

// TestWaakgRefusesBadInput sends bad requests for each field of the served operations of the dialect waakg, and valid requests with the token of
// another session.
func TestWaakgRefusesBadInput(t *testing.T) {
	waakg(t).checkBadInput(t)
}

// waakg returns the run of the dialect, whose cases are valid requests of the served operations for the caller's session and group.
func waakg(t *testing.T) *restRun {
	t.Helper()
	r := newRestRun(t, &restDialect{
		name: "waakg", world: "digigo", mounts: []string{"/waakg/api"}, header: "X-API-Key", names: waakgNames,
		foreign:  func(answer *resttest.Answer) bool { return answer.Status == http.StatusForbidden },
		badPaths: map[string][]string{"jid": {"no address", "15550600002@s.whatsapp.net"}, "filename": {"a..b", `a\b`}},
		tolerated: map[string]string{
			"POST /sessions/{id}/{action}: *":      "the body is not read",
			"PUT /groups/*/picture: cut":           "only the end of the last boundary is cut off",
			"PUT /groups/*/picture: more after it": "text after the last boundary is ignored, as RFC 2046 has it",
			"PUT /groups/*/picture: no UTF-8":      "only JSON is changed, so that it is the good body",
		},
	})
	for _, o := range r.catalogue.Operations {
		r.cases = append(r.cases, restCase{operation: o.Name(), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{values: resttest.Values{
				"sessionId": w.Caller.ID, "id": w.Caller.ID, "jid": w.Group, "subject": "Pier", "action": "start", "filename": w.Caller.ID + "-none.jpg",
			}}
		}})
	}
	return r
}

// waakgNames reports whether an error names a field. A body that has no file is named as a whole: the bad requests for a file are in JSON.
func waakgNames(answer map[string]any, field string) bool {
	return wuzapiNames(answer, field) || field == "file" && wuzapiNames(answer, "body")
}
