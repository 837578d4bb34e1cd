package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
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
		foreign:  func(answer *resttest.Answer) bool { return answer.Status >= http.StatusForbidden },
		ofServer: []string{"GET /sessions"},
		badPaths: map[string][]string{"jid": {"no address"}, "filename": {"a..b", `a\b`}},
		tolerated: map[string]string{
			"PUT /groups/*/picture: cut":           "only the end of the last boundary is cut off",
			"PUT /groups/*/picture: more after it": "text after the last boundary is ignored, as RFC 2046 has it",
			"PUT /groups/*/picture: no UTF-8":      "only JSON is changed, so that it is the good body",
		},
	})
	for _, o := range r.catalogue.Operations {
		r.cases = append(r.cases, restCase{operation: o.Name(), prepare: func(t *testing.T, w *restWorld) restAct {
			return restAct{values: w.waakgValues(t, o)}
		}})
	}
	return r
}

// waakgValues returns the values of a valid request for an operation.
func (w *restWorld) waakgValues(t *testing.T, o *resttest.Operation) resttest.Values {
	values := resttest.Values{
		"sessionId": w.Caller.ID, "id": w.Caller.ID, "jid": w.Peer.JID(), "subject": "Pier", "action": "start", "filename": w.Caller.ID + "-none.jpg", "labelId": "1",
		"participants": []string{w.Peer.JID()}, "numbers": []string{w.Peer.Number}, "fromJid": w.Peer.JID(), "toJids": []string{w.Peer.JID()}, "mentions": []string{w.Peer.JID()},
		"messageId": "3EB0F00D", "messageIds": []string{"3EB0F00D"}, "q": "invoice", "labelIds": []string{"1"}, "url": w.Receiver.URL + "/bad", "events": []string{"message.received"},
		"secret": "0123456789abcdef", "quality": 50, "contacts": []object{{"displayName": "Zoe", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Zoe\nEND:VCARD"}},
		"mediaUrl": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 15)),
	}
	switch {
	case strings.HasPrefix(o.Path, "/groups/"):
		values["jid"], values["action"] = w.Group, "add"
	case strings.HasPrefix(o.Path, "/labels/"):
		values["action"] = "add"
	case strings.HasPrefix(o.Path, "/webhooks/"):
		values["id"] = "none"
	}
	return values
}

// waakgNames reports whether an error names a field. A body that has no file is named as a whole: the bad requests for a file are in JSON.
func waakgNames(answer map[string]any, field string) bool {
	return wuzapiNames(answer, field) || field == "file" && wuzapiNames(answer, "body")
}
