package rest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wuzapi describes the dialect for the tests.
func wuzapi() *restDialect {
	return &restDialect{
		name: "wuzapi", flags: []string{"-root-dialect", "wuzapi"}, mounts: []string{"/wuzapi", ""}, header: "Token", admin: "Authorization",
		rules: resttest.Rules{
			Literal: []string{"code", "success", "error", "Details", "details"},
			// Added by later versions.
			Extra: []string{"data.connected", "data.loggedIn", "data.jid", "data.Participants[].PhoneNumber", "data.Groups[].Participants[].PhoneNumber"},
		},
		// The document's texts are often unspecific; these two keys name the field and the reason.
		failures: resttest.Rules{Extra: []string{"fields", "reason"}},
		unserved: struct{ kind, text string }{"text/plain", "404 page not found"},
		beside:   map[string]string{"/user/avatar": "POST"}, // served by the real server
		content: func(answer any) any {
			envelope, _ := answer.(map[string]any)
			return envelope["data"]
		},
		cases: wuzapiCases(), variants: wuzapiVariants(), errors: wuzapiErrors(), unprovoked: wuzapiUnprovoked(),
		names: wuzapiNames,
		outOfRange: map[string][]any{
			"Phone": {"no address", "12345@nowhere.net"}, "GroupJID": {"no address", "15550600002@s.whatsapp.net"}, "Chat": {"no address"}, "Sender": {"no address"},
			"Participant": {"no address"}, "Latitude": {90.5, -91}, "Longitude": {180.5, -181}, "FileLength": {-1, 0}, "webhookURL": {"not an address", "ftp://example.net"},
			"Url": {"not an address"},
		},
		tolerated: map[string]string{
			"POST /webhook: webhookURL empty":                     "an empty address switches the webhook off",
			"POST /session/connect: Subscribe enum":               "unknown names are left out, as documented",
			"POST /user/check: Phone string":                      "each number is answered by itself, as WhatsApp does",
			"POST /user/check: Phone range":                       "each number is answered by itself, as WhatsApp does",
			"POST /chat/markread: Id string":                      "one id is a list of one",
			"POST /chat/send/template: Footer missing":            "a template without a footer is sent, as the real server does",
			"POST /chat/send/template: Footer null":               "as missing",
			"POST /chat/send/template: Footer empty":              "as missing",
			"POST /chat/send/template: Buttons[[]].Type enum":     "any other type is a quick reply",
			"POST /chat/send/template: Buttons[[]].Type too long": "any other type is a quick reply",
		},
	}
}

// withSession sends the valid request with another session.
func withSession(session func(t *testing.T, w *restWorld) e2etest.Session) func(*testing.T, *provoked) {
	return func(t *testing.T, p *provoked) { p.as = session(t, p.run.w) }
}

// withValue sets a field of the valid request.
func withValue(field string, value any) func(*testing.T, *provoked) {
	return func(_ *testing.T, p *provoked) { p.values = p.values.With(resttest.Values{field: value}) }
}

// withFault injects a network fault for the calling session.
func withFault(fault object) func(*testing.T, *provoked) {
	return func(t *testing.T, p *provoked) { p.run.w.Fault(t, p.as, fault) }
}

// withFileField sets the field that holds a file; %s in text is the media type of the valid file.
func withFileField(text string) func(*testing.T, *provoked) {
	return func(t *testing.T, p *provoked) {
		for _, f := range p.operation.Body.Fields {
			if f.Type.Format == "data-url" {
				kind, _, _ := strings.Cut(e2etest.TextOf(p.values[f.Path]), ";")
				withValue(f.Path, strings.Replace(text, "%s", strings.TrimPrefix(kind, "data:"), 1))(t, p)
				return
			}
		}
		t.Fatal("no field holds a file")
	}
}

// withoutField removes the field that the documented text names.
func withoutField(_ *testing.T, p *provoked) {
	words := strings.Fields(p.text) // Missing X in Payload, Missing X in ContextInfo
	field := words[1]
	if words[3] != "Payload" {
		field = words[3] + "." + field
	}
	p.values = p.values.With(resttest.Values{field: resttest.Absent})
}

func wuzapiErrors() []provocation {
	refused := object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1}
	return append(wuzapiMoreErrors(refused), []provocation{
		{"", "Unauthorized", digigoRefused},
		{"", "No session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "Could not decode Payload", func(_ *testing.T, p *provoked) { p.body = []byte(`{"Phone":`) }},
		{"", "Missing * in *", withoutField},
		{"", "Could not parse Phone", withValue("Phone", "no address")},
		{"POST /chat/react", "Could not parse Group JID", withValue("Phone", "no address")},
		{"", "Could not parse Group JID", withValue("GroupJID", "no address")},
		{"", "Could not decode base64 *", withFileField("data:%s;base64,####")},
		{"POST /chat/send/video", "Data should start *", withFileField("just text")},
		{"POST /chat/send/sticker", "Data should start *", withFileField("just text")},
		{"", "* data should start *", withFileField("data:text/html;base64,PGI+")},
		{"", "Error sending message: *", withFault(object{"kind": "refuse_send", "code": 403, "times": -1})},
		{"", "Failed to upload file: *", withFault(object{"kind": "media_upload", "code": 500, "times": -1})},
		{"", "Failed to download *", withFault(object{"kind": "media_download", "code": 404, "times": -1})},
		{"", "Failed to check if *", withFault(refused)},
		{"", "Failed to get avatar: *", withFault(refused)},
		{"", "No avatar found", func(t *testing.T, p *provoked) { withValue("Phone", p.run.w.Stranger)(t, p) }},
		{"POST /session/connect", "Already Connected", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Caller })},
		{"POST /session/connect", "Failed to Connect", withFault(object{"kind": "temporary_ban", "delay_seconds": 60})},
		{"POST /session/disconnect", "Cannot disconnect because it is not logged in", withSession(pairingSession)},
		{"POST /session/logout", "Could not perform logout", withFault(refused)},
		{"POST /session/logout", "Could not disconnect as it was not logged in", withSession(pairingSession)},
		{"POST /session/logout", "Could not disconnect as it was not connected", withSession(offlineSession)},
		{"GET /session/qr", "Not connected", withSession(offlineSession)},
		{"GET /session/qr", "Already Loggedin", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Caller })},
	}...)
}

// wuzapiUnprovoked returns the documented errors that this server does not return, with reasons.
func wuzapiUnprovoked() map[string]string {
	return map[string]string{
		"* /user/info: ": "a failure with success true in it is an error of the real server",
		"* /group/*: ":   "a failure with success true in it is an error of the real server",
		"POST /webhook: Could not set webhook: *":                                "a body that is no JSON is the caller's fault: 400 with this text",
		"GET /user/contacts: <store error>":                                      "the database would have to fail",
		"GET /webhook: Could not get webhook: *":                                 "the database would have to fail",
		"POST /chat/send/template: Missing Footer in Payload":                    "a template without a footer is sent, as the real server does",
		"POST /chat/presence: Failure sending chat presence to Whatsapp servers": "WhatsApp does not answer chat states",
		"POST /chat/markread: Failure marking messages as read":                  "WhatsApp does not answer receipts",
	}
}

func pairingSession(t *testing.T, w *restWorld) e2etest.Session { return w.NewPairingSession(t) }

// offlineSession returns a linked session that cannot connect because WhatsApp refuses its login.
func offlineSession(t *testing.T, w *restWorld) e2etest.Session {
	s := w.NewLinkedSession(t)
	w.Fault(t, s, object{"kind": "refuse_login", "times": -1})
	e2etest.MustCall(t, w.Network.Addr, "sandbox.cut", object{"account": s.Number}, nil)
	testkit.Within(t, e2etest.FeedWait, "the session is offline", func() bool { return w.State(t, s) != "connected" })
	return s
}

// wuzapiNames reports whether an error names a field, or any field if the argument is empty. Underscores do not distinguish fields.
func wuzapiNames(answer map[string]any, field string) bool {
	field = strings.ReplaceAll(field, "_", "")
	list, _ := answer["fields"].([]any)
	for _, item := range list {
		bad, _ := item.(map[string]any)
		name := strings.ReplaceAll(indexed.ReplaceAllString(e2etest.TextOf(bad["field"]), "[]"), "_", "")
		if (field == "" || strings.EqualFold(name, field) || strings.EqualFold(name, field+"[]")) && name != "" && e2etest.TextOf(bad["problem"]) != "" {
			return true
		}
	}
	return false
}

var indexed = regexp.MustCompile(`\[\d+\]`)

// checkHonestErrors checks that operations whose failures the real server answers with success return errors.
func checkHonestErrors(t *testing.T, r *restRun) {
	for _, c := range r.cases {
		o := r.operation(t, c.operation)
		if r.reasonNotProvoked(o, "") == "" {
			continue
		}
		t.Run(c.operation, func(t *testing.T) {
			act := c.prepare(t, r.w)
			request, err := o.Request(act.example, act.values)
			if err != nil {
				t.Fatal(err)
			}
			r.w.Fault(t, r.w.Caller, object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})
			answer := r.send(t, r.mounts[0], r.w.Caller.Token, request)
			body, _ := answer.JSON().(map[string]any)
			if answer.Status != 500 || body["success"] != false || body["code"] != 500.0 || e2etest.TextOf(body["error"]) == "" || body["data"] != nil {
				t.Errorf("%d %.300s", answer.Status, answer.Body)
			}
		})
	}
}
