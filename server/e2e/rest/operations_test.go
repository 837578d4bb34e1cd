package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestOperations checks the dialect operations: each documented request is answered as documented and has its effect, under both mounts and
// through JSON-RPC; each documented error can be provoked.
func TestOperations(t *testing.T) {
	r := newRestRun(t, operations())
	r.checkCoverage(t)
	for _, mount := range r.mounts {
		t.Run("at "+mount+"/", func(t *testing.T) {
			for _, c := range r.cases {
				t.Run(c.operation, func(t *testing.T) { r.checkDocumented(t, c, mount) })
			}
		})
	}
	t.Run("by calls", func(t *testing.T) {
		for _, c := range r.cases {
			t.Run(c.operation, func(t *testing.T) { r.checkCalls(t, c) })
		}
	})
	t.Run("errors", r.checkUnprovoked)
	t.Run("flows", func(t *testing.T) { checkReportForms(t, r) })
	e2etest.CheckNetwork(t, r.w.Network)
	t.Run("description", r.checkDescribed)
	t.Run("labels", func(t *testing.T) { checkOperationsLabels(t, r) })
	t.Run("credentials", func(t *testing.T) { checkOperationsCredentials(t, r) })
	t.Run("unknown sessions", func(t *testing.T) { checkUnknownSessions(t, r) })
	t.Run("routes", r.checkRoutes)
	t.Run("heads", r.checkHead)
	before := r.w.snapshot(t)
	t.Run("sizes", r.checkBodyLimits)
	r.w.unchanged(t, before)
	t.Run("bad input", r.checkBadInput)
}

const ofSessions = "/api/v1/sessions/{session_id}"

// operations describes the dialect for the tests.
func operations() *restDialect {
	return &restDialect{
		name: "operations", world: "digigo", mounts: []string{"/operations", ""}, header: "Authorization", scheme: "Bearer ",
		rules:    resttest.Rules{Literal: []string{"success", ".error"}},
		failures: resttest.Rules{Extra: []string{"fields"}},
		unserved: struct{ kind, text string }{"text/plain", "404 page not found"},
		content:  func(answer any) any { return answer },
		cases:    operationsCases(), errors: operationsErrors(),
		unprovoked: map[string]string{
			"*: Forbidden":                          "every token that the server knows is admitted, to its own session",
			"GET *: Internal error: *":              "the database would have to fail",
			"DELETE *: Internal error: *":           "the database would have to fail",
			"* *reconnect: Client not connected":    "settings need no connection",
			"* *history-sync: Client not connected": "settings need no connection",
		},
		refuses: refusesOperation,
		foreign: func(answer *resttest.Answer) bool { return answer.Status == http.StatusNotFound },
		names:   func(answer map[string]any, field string) bool { return wuzapiNames(answer, field) },
		outOfRange: map[string][]any{
			"from_jid": {"no address", "12345@nowhere.net"}, "participant_jid": {"no address", "120363000000000001@g.us"}, "group_jid": {"no address", "15550600002@s.whatsapp.net"},
			"message_timestamp": {0, -1, 1e15}, "jids": {[]string{"no address"}, []string{"120363000000000001@g.us"}},
		},
		badPaths: map[string][]string{"jid": {"no address", "a@b@c", "120363000000000001@g.us", strings.Repeat("9", 8000)}},
	}
}

// inSession adds the session of the caller to the values of cases.
func inSession(param string, cases []restCase) []restCase {
	for i := range cases {
		prepare := cases[i].prepare
		cases[i].prepare = func(t *testing.T, w *restWorld) restAct {
			act := prepare(t, w)
			act.values = act.values.With(resttest.Values{param: w.who(act).ID})
			return act
		}
	}
	return cases
}

// refusesOperation returns what is wrong with the answer to a bad request.
func refusesOperation(r *restRun, answer *resttest.Answer, bad resttest.BadRequest) string {
	text := string(answer.Body)
	switch {
	case answer.Status == http.StatusBadRequest && answer.ContentType() == "application/json":
		body, _ := answer.JSON().(map[string]any)
		failure, _ := body["error"].(map[string]any)
		if body["success"] != false || failure["code"] != 400.0 || e2etest.TextOf(failure["message"]) == "" {
			return "has another form"
		}
		if !r.names(body, bad.Field) {
			return "does not name the field"
		}
	case answer.ContentType() != "text/plain":
		return "is neither JSON nor text"
	case answer.Status == http.StatusBadRequest:
		if bad.Field != "" || !strings.HasPrefix(text, "Failed to parse the request body as JSON: ") {
			return "is not that of a body that is no JSON"
		}
	case answer.Status == http.StatusUnprocessableEntity:
		field := bad.Field[strings.LastIndexByte(bad.Field, '.')+1:]
		if !strings.HasPrefix(text, "Failed to deserialize the JSON body into the target type: ") || !strings.Contains(text, field) {
			return "does not name the field"
		}
	default:
		return "has another status"
	}
	return ""
}

func operationsErrors() []provocation {
	refused := object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1}
	return []provocation{
		{"", "Unauthorized", func(t *testing.T, p *provoked) {
			request, err := p.operation.Request(0, p.values)
			if err != nil {
				t.Fatal(err)
			}
			if answer := p.run.send(t, p.run.mounts[0], "", request); answer.Status != 401 {
				t.Errorf("status %d without a token", answer.Status)
			}
			p.as.Token = "nobody-has-this-token"
		}},
		{"", "Failed to parse *", body(`{"skip":`)},
		{"", "Expected request with *", func(_ *testing.T, p *provoked) { p.label = "text/plain" }},
		{"", "Failed to deserialize *", body(`{}`)},
		{"", "Invalid JID*", func(_ *testing.T, p *provoked) {
			p.values = p.values.With(resttest.Values{"from_jid": "no address", "jids": []string{"no address"}})
		}},
		{"", "Client not connected", func(_ *testing.T, p *provoked) {
			p.as = p.run.w.Idle
			p.values = p.values.With(resttest.Values{"session_id": p.as.ID})
		}},
		{"", "Internal error: *", withFault(refused)},
	}
}

// checkOperationsLabels checks that a body needs the label of JSON.
func checkOperationsLabels(t *testing.T, r *restRun) {
	o := r.operation(t, "PUT "+ofSessions+"/history-sync")
	for label, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "APPLICATION/JSON": 200, "": 415, "text/plain": 415,
		"application/x-www-form-urlencoded": 415, "no type at all": 415, "multipart/form-data; boundary=x": 415,
	} {
		request, err := o.Request(0, resttest.Values{"session_id": r.w.Caller.ID, "skip": false})
		if err != nil {
			t.Fatal(err)
		}
		if request.Header.Del("Content-Type"); label != "" {
			request.Header.Set("Content-Type", label)
		}
		if answer := r.send(t, r.mounts[0], r.w.Caller.Token, request); answer.Status != status {
			t.Errorf("%q: %d %.200s", label, answer.Status, answer.Body)
		}
	}
}

// checkOperationsCredentials sends the token in each way that callers use.
func checkOperationsCredentials(t *testing.T, r *restRun) {
	token := r.w.Caller.Token
	for what, c := range map[string]struct {
		header http.Header
		query  string
		status int
	}{
		"bearer":               {http.Header{"Authorization": {"Bearer " + token}}, "", 200},
		"bearer in lower case": {http.Header{"Authorization": {"bearer " + token}}, "", 200},
		"bare":                 {http.Header{"Authorization": {token}}, "", 200},
		"admin":                {http.Header{"Authorization": {"Bearer " + e2etest.AdminToken}}, "", 200},
		"another scheme":       {http.Header{"Authorization": {"Basic " + token}}, "", 401},
		"another field":        {http.Header{"Token": {token}, "X-Api-Key": {token}}, "", 401},
		"query":                {http.Header{}, token, 401},
		"unknown":              {http.Header{"Authorization": {"Bearer nobody"}}, "", 401},
	} {
		request, err := r.operation(t, "GET "+ofSessions+"/reconnect").Request(0, resttest.Values{"session_id": r.w.Caller.ID})
		if err != nil {
			t.Fatal(err)
		}
		request.Header = c.header
		if c.query != "" {
			request.Query = map[string][]string{"token": {c.query}}
		}
		if answer := r.send(t, r.mounts[0], "", request); answer.Status != c.status {
			t.Errorf("%s: %d %.200s", what, answer.Status, answer.Body)
		}
	}
}

// checkUnknownSessions checks that sessions that do not exist, and those of other tokens, are not found by any operation.
func checkUnknownSessions(t *testing.T, r *restRun) {
	for _, c := range r.cases {
		o := r.operation(t, c.operation)
		act := c.prepare(t, r.w)
		for what, who := range map[string]struct{ session, token string }{
			"unknown": {"no-such-session", e2etest.AdminToken}, "unknown to a session": {"no-such-session", r.w.Peer.Token}, "of another": {r.w.who(act).ID, r.w.Peer.Token},
			"a path": {"../" + r.w.Caller.ID, r.w.Peer.Token},
		} {
			request, err := o.Request(act.example, act.values.With(resttest.Values{"session_id": who.session}))
			if err != nil {
				t.Fatal(err)
			}
			answer := r.send(t, r.mounts[0], who.token, request)
			failure, _ := e2etest.ValueAt(answer.JSON(), "error").(map[string]any)
			if answer.Status != http.StatusNotFound || failure["code"] != 404.0 || failure["message"] != "Session not found" {
				t.Errorf("%s, %s: %d %.200s", c.operation, what, answer.Status, answer.Body)
			}
		}
	}
}

// pairPhone creates the account of a session and pairs them.
func (w *restWorld) pairPhone(t *testing.T, s e2etest.Session) {
	t.Helper()
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "push_name": s.ID}, nil)
	w.link(t, s)
}

// link pairs a session with the account of its number.
func (w *restWorld) link(t *testing.T, s e2etest.Session) {
	t.Helper()
	e2etest.MustCall(t, w.Server.Addr, "session.connect", object{"session": s.ID}, nil)
	testkit.Within(t, e2etest.FeedWait, "the QR code is there and scanned", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil) == nil
	})
	w.AwaitState(t, s, "connected")
}
