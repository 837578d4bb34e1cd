package rest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// TestWwebjs checks the dialect wwebjs: each documented request of the served groups is answered as documented and has its effect,
// under both mounts and through JSON-RPC; each documented error can be provoked, and a session's token reaches no other session.
func TestWwebjs(t *testing.T) {
	r := newRestRun(t, wwebjs())
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
	t.Run("other forms of sessions", func(t *testing.T) { wwebjsSessionForms(t, r) })
	t.Run("other forms of clients", func(t *testing.T) { wwebjsClientForms(t, r) })
	t.Run("other forms of contacts", func(t *testing.T) { wwebjsContactForms(t, r) })
	t.Run("other forms of groups", func(t *testing.T) { wwebjsGroupForms(t, r) })
	t.Run("other forms of chats", func(t *testing.T) { wwebjsChatForms(t, r) })
	t.Run("other forms of channels", func(t *testing.T) { wwebjsChannelForms(t, r) })
	t.Run("other forms of sends", func(t *testing.T) { wwebjsSendForms(t, r) })
	t.Run("description", r.checkDescribed)
	t.Run("snake case", func(t *testing.T) { r.checkSpellings(t, snakeCase) })
	t.Run("labels", func(t *testing.T) {
		r.checkContentTypes(t, "POST /client/setStatus/{sessionId}", resttest.Values{"sessionId": r.w.Caller.ID, "status": "sailing"})
	})
	t.Run("credentials", func(t *testing.T) { wwebjsCredentials(t, r) })
	t.Run("isolation", func(t *testing.T) { wwebjsIsolation(t, r) })
	t.Run("routes", r.checkRoutes)
	t.Run("heads", r.checkHead)
	before := r.w.snapshot(t)
	t.Run("sizes", r.checkBodyLimits)
	r.w.unchanged(t, before)
	t.Run("bad input", r.checkBadInput)
}

// wwebjs describes the dialect for the tests.
func wwebjs() *restDialect {
	return &restDialect{
		name: "wwebjs", flags: []string{"-webhook-test-rate", "1000"}, world: "digigo", mounts: []string{"/wwebjs", ""}, header: "X-Api-Key",
		rules: resttest.Rules{Literal: []string{".success", ".error", ".message"}, Extra: wwebjsBeside},
		// The bad fields of a request.
		failures:   resttest.Rules{Extra: []string{"fields"}},
		unserved:   struct{ kind, text string }{"text/html", "<!DOCTYPE html>"},
		brokenBody: "text/html",
		changing:   []string{"GET /session/start/*", "GET /session/terminate*", "GET /session/restart/*"},
		content:    func(answer any) any { return answer },
		cases:      inPath(wwebjsSession(), wwebjsClient(), wwebjsContact(), wwebjsGroup(), wwebjsChat(), wwebjsMessage(), wwebjsSend(), wwebjsFork()),
		errors:     wwebjsErrors(), unprovoked: wwebjsUnprovoked(),
		names:    wuzapiNames,
		foreign:  func(answer *resttest.Answer) bool { return e2etest.ValueAt(answer.JSON(), "success") == false },
		ofServer: []string{"POST /localCallbackExample"},
		outOfRange: map[string][]any{
			"chatId": {"no address"}, "channelId": {"no address"}, "userId": {"no address"}, "contactId": {"no address"}, "inviteCode": {"no code"}, "unmuteDate": {"yesterday", "2020-01-31", 1, true},
			"participants": {[]string{"no address"}}, "chatIds": {[]string{"no address"}}, "contactIds": {[]string{"no address"}}, "page": {-1}, "limit": {-1, 101},
		},
		tolerated: map[string]string{
			"POST /client/setProfilePicture/*: pictureData too long": "the file is of another type than pictureMimetype, which is named",
			"POST /client/muteChat/*: unmuteDate integer":            "a number is in seconds",
			"POST /client/sendMessage/*: content.* *":                "the example is a text; wwebjsBadContents has the other types",
			"POST /client/sendMessage/*: contentType *":              "404, as documented",
			"POST /client/sendMessage/*: no body":                    "404, as documented: the content type is missing",
			"POST /client/sendMessage/*: deep":                       "404, as documented: the content type is missing",
			"POST /client/getChats/*: no body":                       "all chats are listed without a filter",
			"POST /client/getChats/*: deep":                          "unknown keys of the filter are not used",
			"POST /localCallbackExample: no body":                    "an event may be empty",
			"POST /client/sendMessage/*: content string":             "the content of the example is a text",
			"POST /ch*/fetchMessages/*: searchOptions.limit range":   "more than a call returns are all that it returns",
		},
	}
}

// wwebjsBeside are the keys of whatsapp-web.js that the catalogue lacks, as they are in some messages only.
var wwebjsBeside = []string{"*.pollName", "*.pollOptions", "*.allowMultipleAnswers", "*.selectedButtonId", "*.selectedRowId", "*.groupMetadata"}

// inPath adds the session of an act to the values of its request.
func inPath(groups ...[]restCase) []restCase {
	cases := slices.Concat(groups...)
	for i := range cases {
		prepare := cases[i].prepare
		cases[i].prepare = func(t *testing.T, w *restWorld) restAct {
			act := prepare(t, w)
			if id := w.who(act).ID; id != "" {
				act.values = resttest.Values{"sessionId": id}.With(act.values)
			}
			return act
		}
	}
	return cases
}

// wwebjsAs sends the valid request for another session.
func wwebjsAs(session func(w *restWorld) e2etest.Session) func(*testing.T, *provoked) {
	return func(_ *testing.T, p *provoked) {
		p.as = session(p.run.w)
		p.values = p.values.With(resttest.Values{"sessionId": p.as.ID})
	}
}

func wwebjsErrors() []provocation {
	idle := wwebjsAs(func(w *restWorld) e2etest.Session { return w.Idle })
	refused := withFault(object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})
	return slices.Concat(wwebjsForkErrors(), wwebjsSessionErrors(), wwebjsClientErrors(), wwebjsMessageErrors(), []provocation{
		{"", "The chat is not a group", withValue("chatId", "15550600003@c.us")},
		{"", "Contact not Found", withValue("contactId", "120363000000000001@g.us")},
		{"", "Invalid API key", func(t *testing.T, p *provoked) {
			request, err := p.operation.Request(0, p.values)
			if err != nil {
				t.Fatal(err)
			}
			if answer := p.run.send(t, p.run.mounts[0], "", request); answer.Status != http.StatusForbidden {
				t.Errorf("status %d without a token", answer.Status)
			}
			p.as.Token = "nobody-has-this-token"
		}},
		{"", "Session should be alphanumerical or -", withValue("sessionId", "a.b")},
		{"", "session_not_found", withValue("sessionId", "unknown")},
		{"", "session_not_connected", idle},
		{"", "<exception text>", refused},
	})
}

// wwebjsUnprovoked returns the documented errors that need a server with internal failures, or that do not apply to this server.
func wwebjsUnprovoked() map[string]string {
	const ill, kept = "the database would have to fail", "the answer is stored here, so that only the database could fail"
	all := map[string]string{
		"GET /session/*: <exception text>":                     ill,
		"GET /session/*: Timeout waiting for nested object":    "there is no browser to wait for",
		"GET /client/*: <exception text>":                      kept,
		"POST /client/sendPresence*: <exception text>":         "WhatsApp does not answer a presence",
		"POST /client/createGroup/*: <exception text>":         "a refusal has the answer that the document has for it",
		"POST /client/getChat*: <exception text>":              kept,
		"POST /client/getContactById/*: <exception text>":      kept,
		"POST /client/getLabels/*: <exception text>":           kept,
		"POST /client/searchMessages/*: <exception text>":      kept,
		"POST /contact/getC*: <exception text>":                kept,
		"POST /contact/getFormattedNumber/*: <exception text>": kept,
	}
	maps.Copy(all, wwebjsMessageUnprovoked())
	return all
}

// wwebjsCredentials sends the token in each way that callers use.
func wwebjsCredentials(t *testing.T, r *restRun) {
	caller, path := r.w.Caller, "/session/status/"+r.w.Caller.ID
	for _, c := range []struct {
		what   string
		header http.Header
		query  url.Values
		status int
	}{
		{"session", http.Header{"X-Api-Key": {caller.Token}}, nil, 200},
		{"admin", http.Header{"X-Api-Key": {e2etest.AdminToken}}, nil, 200},
		{"nothing", http.Header{}, nil, 403},
		{"a wrong one", http.Header{"X-Api-Key": {"nobody"}}, nil, 403},
		{"another header", http.Header{"Authorization": {"Bearer " + caller.Token}}, nil, 403},
		{"query", http.Header{}, url.Values{"x-api-key": {caller.Token}}, 403},
	} {
		answer := r.send(t, r.mounts[0], "", &resttest.Request{Method: "GET", Path: path, Header: c.header, Query: c.query})
		if answer.Status != c.status {
			t.Errorf("%s: %d %.200s", c.what, answer.Status, answer.Body)
		}
	}
	if answer := r.send(t, r.mounts[1], "", &resttest.Request{Method: "GET", Path: "/ping"}); answer.Status != 200 {
		t.Errorf("ping: %d %.200s", answer.Status, answer.Body)
	}
}

// wwebjsIsolation sends each request for a session with the token of another one.
func wwebjsIsolation(t *testing.T, r *restRun) {
	for _, o := range r.catalogue.Operations {
		if !strings.Contains(o.Path, "{sessionId}") {
			continue
		}
		request, err := o.Request(0, resttest.Values{"sessionId": r.w.Caller.ID})
		if err != nil {
			t.Fatal(err)
		}
		answer := r.send(t, r.mounts[0], r.w.Peer.Token, request)
		body, _ := answer.JSON().(map[string]any)
		text := e2etest.TextOf(body["error"]) + e2etest.TextOf(body["message"])
		if body["success"] != false || text != "session_not_found" && !(answer.Status == http.StatusForbidden && text == "Invalid API key") {
			t.Errorf("%s: %d %.200s", o.Name(), answer.Status, answer.Body)
		}
	}
}
