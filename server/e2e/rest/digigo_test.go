package rest

import (
	"slices"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/brokertest"
)

// TestDigigo checks the dialect digigo: each documented request of the served groups is answered as documented and has its effect,
// under both mounts and through JSON-RPC; each documented error can be provoked.
func TestDigigo(t *testing.T) {
	d, rabbit := digigo(), brokertest.RabbitMQ(t)
	d.flags = []string{
		// An event type that these tests never cause, so that only the webhooks of sessions get events.
		"-global-webhook-enabled", "-global-webhook-url", "{receiver}/global", "-global-webhook-events", "ClientOutdated",
		"-global-rabbitmq-enabled", "-global-rabbitmq-url", rabbit.URL(), "-global-rabbitmq-queue", "digigo-global", "-global-rabbitmq-events", "ClientOutdated",
	}
	r := newRestRun(t, d)
	r.w.Rabbit, r.w.Bucket = rabbit.URL(), newBucket(t)
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
	t.Run("other forms", func(t *testing.T) { digigoForms(t, r) })
	t.Run("forms of newsletters", func(t *testing.T) { digigoNewsletterForms(t, r) })
	t.Run("forms of groups", func(t *testing.T) { digigoGroupForms(t, r) })
	t.Run("labels of a business", func(t *testing.T) { digigoLabelForms(t, r) })
	t.Run("description", r.checkDescribed)
	t.Run("snake case", func(t *testing.T) { r.checkSpellings(t, snakeCase) })
	t.Run("labels", func(t *testing.T) {
		r.checkContentTypes(t, "POST /session/skipgroups/config", resttest.Values{"enabled": false})
	})
	t.Run("credentials", func(t *testing.T) { r.checkCredentials(t, "GET /session/skipgroups/config") })
	t.Run("routes", r.checkRoutes)
	t.Run("heads", r.checkHead)
	before := r.w.snapshot(t)
	t.Run("sizes", r.checkBodyLimits)
	r.w.unchanged(t, before)
	t.Run("bad input", r.checkBadInput)
}

// digigo describes the dialect for the tests.
func digigo() *restDialect {
	return &restDialect{
		name: "digigo", mounts: []string{"/digigo", ""}, header: "Token", admin: "Authorization",
		rules:    resttest.Rules{Literal: []string{".code", ".success", "error", "Details", "details"}},
		failures: resttest.Rules{Extra: []string{"fields", "reason", "details"}},
		unserved: struct{ kind, text string }{"text/plain", "404 page not found"},
		content: func(answer any) any {
			envelope, _ := answer.(map[string]any)
			if envelope["code"] == nil {
				return answer
			}
			switch data := envelope["data"].(type) {
			case map[string]any, []any:
				return data
			}
			return answer
		},
		cases: digigoCases(), errors: slices.Concat(digigoCommunityErrors(), digigoBusinessErrors(), digigoErrors()), unprovoked: digigoUnprovoked(),
		names: digigoNames,
		outOfRange: map[string][]any{
			"GroupJID": {"no address", "15550600002@s.whatsapp.net"}, "groupJID": {"no address"}, "Code": {"no code"},
			"business_link": {"https://example.com/message/A"}, "bot_jids": {[]string{"no address"}},
			"parent_jid": {"no address", "15550600002@s.whatsapp.net"}, "child_jid": {"no address"}, "community_jid": {"no address"}, "group_jid": {"no address"},
			"initial_groups": {[]string{"no address"}}, "participants": {[]string{"no address"}},
			"webhookurl": {"not an address", "ftp://example.net"}, "from_date": {"yesterday"}, "to_date": {"yesterday"}, "since_time": {"yesterday"},
			"Phone": {"no address", "12345@nowhere.net"}, "phone": {"no address"}, "Chat": {"no address"}, "chat_jid": {"no address"}, "Sender": {"no address"},
			"sender_jid": {"no address"}, "call_from": {"no address"}, "FileLength": {-1, 0}, "Url": {"not an address"},
			"endpoint": {"not an address"}, "url": {"not an address"}, "retention_days": {-1}, "message_ttl": {-1}, "max_retries": {-1}, "since_id": {-1}, "id": {"x", 0, -1}, "event_id": {0, -1},
		},
		tolerated: map[string]string{
			"*: user_id too long":                                                "nobody has that id, so there is nothing",
			"GET /admin/events/*: session too long":                              "the admin token counts",
			"POST /admin/events/session: deep":                                   "keys that are not known are ignored, whatever they hold",
			"POST /admin/events/*: no body":                                      "the body is optional",
			"POST /sync/full-history: no body":                                   "the body is optional",
			"POST /admin/events/session: session too long":                       "the admin token counts",
			"POST /admin/events/session: filters.user_id too long":               "404: there is no such session",
			"POST /admin/users: s3Config.*[A-Z]* *":                              "the same key in snake case, which the request also has, counts",
			"GET /admin/instances/status: ids too long":                          "no session has that id, so there is nothing",
			"POST /session/connect: Subscribe string":                            "one name is a list of one, as the schema says",
			"POST /session/refresh: no body":                                     "the body is optional",
			"POST /chat/markread: Id string":                                     "one id is a list of one",
			"POST /chat/*: last_message_* *":                                     "hints count only when there is an id and a time",
			"DELETE /admin/archive: status [mne]*":                               "any one of the four filters is enough, as the text says",
			"POST /chat/send/buttons: *.url missing":                             "without a file there is no address either",
			"POST /chat/send/buttons: buttons[[]].items[[]].amount_offset [mn]*": "its text calls it optional",
			"POST /chat/send/buttons: id range":                                  "a message id may be any text",
			"POST /status/send/*: id range":                                      "a message id may be any text",
			"POST /chat/send/buttons: buttons[[]].phone range":                   "a button of another type than call does not use it",
			"POST /newsletter/send: filename too long":                           "only documents have a name",
			"POST /newsletter/create: name too long":                             "longer names are cut",
			"POST /newsletter/reaction: reaction empty":                          "it removes the reaction",
			"POST /user/status: status empty":                                    "an empty text removes the one that was set",
			"POST /user/check: Phone [sr]*":                                      "the answer says of each text that it is no number",
			"POST /privacy/settings: users *":                                    "users has no effect, as documented",
		},
	}
}

// digigoNames reports whether an error names a field.
func digigoNames(answer map[string]any, field string) bool {
	if answer["only_text"] == true {
		return textNames(answer, field)
	}
	return wuzapiNames(answer, field)
}

// digigoRefused sends all kinds of wrong tokens; the last one is unknown.
func digigoRefused(t *testing.T, p *provoked) {
	request, err := p.operation.Request(0, p.values)
	if err != nil {
		t.Fatal(err)
	}
	wrong := e2etest.AdminToken
	if p.operation.Auth == "admin" {
		wrong = p.run.w.Caller.Token
	}
	for _, token := range []string{"", wrong} {
		if answer := p.run.send(t, p.run.mounts[0], token, request); answer.Status != 401 {
			t.Errorf("status %d with the token %q", answer.Status, token)
		}
	}
	p.as.Token = "nobody-has-this-token"
}

func body(text string) func(*testing.T, *provoked) {
	return func(_ *testing.T, p *provoked) { p.body = []byte(text) }
}

// replayOrphan replays an entry whose webhook was deleted.
func replayOrphan(field string) func(*testing.T, *provoked) {
	return func(t *testing.T, p *provoked) {
		w := p.run.w
		hook := w.archive(t, "dead_letter")
		withValue(field, w.archived(t, "dead_letter"))(t, p)
		w.Call(t, w.Caller, "webhook.delete", object{"webhook_id": hook})
		delete(w.Archives, "dead_letter")
	}
}

func digigoErrors() []provocation {
	const nothing = 999999999
	return append(newsletterErrors(), []provocation{
		{"", "[uU]nauthorized*", digigoRefused},
		{"", "status 401", digigoRefused},
		{"", "user not found", withValue("id", "unknown")},
		{"", "invalid limit parameter", withValue("limit", "abc")},
		{"POST /session/refresh", "no JID found*", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"POST /session/refresh", "Failed to refresh connection", withFault(object{"kind": "temporary_ban", "delay_seconds": 3600})},
		{"POST /session/*/test", "status 400", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "invalid JSON", body(`{"event_type":`)},
		{"POST /sync/*", "status 400", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "status 400", body(`{"enabled":`)},
		{"", "no fields provided", body(`{"skip_global_fax":true}`)},
		{"", "invalid reject_type*", withValue("reject_type", "never")},
		{"", "invalid date format*", withValue("from_date", "yesterday")},
		{"", "confirm=true*", withValue("confirm", resttest.Absent)},
		{"", "event not found in DLQ", withValue("id", nothing)},
		{"", "id is required", withValue("id", resttest.Absent)},
		{"", "failed to replay event", replayOrphan("id")},
		{"", "invalid status filter", withValue("status", "lost")},
		{"", "bulk deletion requires*", body(`{"limit":5}`)},
		{"", "invalid event ID", withValue("id", "x")},
		{"POST *", "archive event not found", withValue("event_id", nothing)},
		{"", "archive event not found", withValue("id", nothing)},
		{"", "failed to replay archive event", replayOrphan("event_id")},
		{"", "Invalid filter: invalid since_id*", withValue("since_id", "abc")},
		{"", "Invalid filter: invalid limit*", withValue("limit", "abc")},
		{"", "Invalid body", withValue("retention_hours", -1)},
		{"", "call_id and call_from are required", withValue("call_id", resttest.Absent)},
		{"", "invalid call_from JID*", withValue("call_from", "no address")},
		{"", "client not connected", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "failed to reject call*", withFault(object{"kind": "cut", "tag": "call"})},
		{"", "missing phone in payload", withValue("phone", resttest.Absent)},
		{"", "failed to delete chat", withFault(object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})},
		{"POST /chat/send/*", "no session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "no session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "could not decode payload", body(`{"status":`)},
		{"", "push name cannot be empty", withValue("push_name", resttest.Absent)},
		{"", "missing Image in Payload", withValue("Image", resttest.Absent)},
		{"", "Invalid presence type*", withValue("type", "busy")},
		{"", "Name cannot be empty", withValue("name", "")},
		{"", "Token already in use", func(_ *testing.T, p *provoked) {
			p.values = p.values.With(resttest.Values{"token": p.run.w.Caller.Token})
		}},
		{"", "missing phone numbers in payload*", withValue("Phone", resttest.Absent)},
		{"", "could not resolve LID to phone number*", withValue("phone", "999999999@lid")},
		{"", "phone number cannot be empty", withValue("phone", resttest.Absent)},
		{"", "invalid phone/JID format", withValue("phone", "no address")},
		{"", "invalid LID format", withValue("lid", "no address")},
		{"", "device ID is required", withValue("device_id", resttest.Absent)},
		{"", "user JIDs are required", withValue("jids", resttest.Absent)},
		{"", "missing setting or value in payload", withValue("setting", resttest.Absent)},
		{"", "missing timer in payload", withValue("timer", resttest.Absent)},
		{"", "missing action or users in payload", withValue("users", resttest.Absent)},
		{"POST /privacy/*", "failed to *", withFault(object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})},
		{"GET /privacy/*", "failed to *", withFault(object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})},
		{"", "User token requires user_id filter", func(t *testing.T, p *provoked) {
			w := p.run.w
			token := w.Call(t, *admins(), "delivery.createWatchToken", object{"filter": object{"session_ids": []string{w.Caller.ID}}})["token"]
			p.as.Token, p.values = "", p.values.With(resttest.Values{"session": token, "user_id": resttest.Absent})
		}},
	}...)
}

// digigoUnprovoked returns the documented errors that need a server with internal failures, or that do not apply to this server.
func digigoUnprovoked() map[string]string {
	const ill = "the database would have to fail"
	return map[string]string{
		"*: status 500": ill, "*: database error": ill, "*: problem accessing DB": ill, "* /session/*: failed to update*": ill, "* /session/*: failed to get*": ill, "*: failed to load*": ill,
		"* /admin/*: failed to retrieve*": ill, "*: failed to delete archive event": ill, "GET /health: ERROR": ill,
		"*: Event monitoring is disabled": "it cannot be switched off",
		"*: failed to execute prune":      ill, "*: manual prune not supported*": "it always is",
		"* /admin/global/s3-retention/*: S3 retention manager*":               "it runs as long as the server does",
		"*: License information not available":                                "the setting license-reporting would have to be off, as in the test of server.getLicense",
		"*: client not initialized":                                           "a session always has a client",
		"POST /sync/*: status 404":                                            "a token belongs to a session",
		"GET /chat/list: status 404":                                          "a token belongs to a session",
		"POST /admin/events/session: Invalid filter*":                         "JSON has numbers: one that is out of range is named as such",
		"POST /chat/send/carousel: Missing required field: Name or StartTime": "it is the text of an event; fields that a carousel lacks are named",
		"*: Failed to update profile: database error":                         ill,
		"POST /device/users*: failed to *":                                    "the devices of people are kept, and not asked for each time",
		"POST /device/platform: failed to *":                                  "the platform is known without a request",
		"*: request timeout while retrieving devices":                         "it takes the whole limit of device.list",
	}
}
