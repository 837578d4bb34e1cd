package rest

import (
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
	t.Run("bad input", r.checkBadRequests)
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
		cases: digigoCases(), errors: digigoErrors(), unprovoked: digigoUnprovoked(),
		names: wuzapiNames,
		outOfRange: map[string][]any{
			"webhookurl": {"not an address", "ftp://example.net"}, "from_date": {"yesterday"}, "to_date": {"yesterday"}, "since_time": {"yesterday"},
			"endpoint": {"not an address"}, "url": {"not an address"}, "retention_days": {-1}, "message_ttl": {-1}, "max_retries": {-1}, "since_id": {-1}, "id": {"x", 0, -1}, "event_id": {0, -1},
		},
		tolerated: map[string]string{
			"*: user_id too long":                                  "nobody has that id, so there is nothing",
			"GET /admin/events/*: session too long":                "the admin token counts",
			"POST /admin/events/session: deep":                     "keys that are not known are ignored, whatever they hold",
			"POST /admin/events/*: no body":                        "the body is optional",
			"POST /admin/events/session: session too long":         "the admin token counts",
			"POST /admin/events/session: filters.user_id too long": "404: there is no such session",
			"DELETE /admin/archive: status [mne]*":                 "any one of the four filters is enough, as the text says",
		},
	}
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
	return []provocation{
		{"", "[uU]nauthorized*", digigoRefused},
		{"", "status 401", digigoRefused},
		{"POST /session/*/test", "status 400", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "invalid JSON", body(`{"event_type":`)},
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
		{"", "User token requires user_id filter", func(t *testing.T, p *provoked) {
			w := p.run.w
			token := w.Call(t, *admins(), "delivery.createWatchToken", object{"filter": object{"session_ids": []string{w.Caller.ID}}})["token"]
			p.as.Token, p.values = "", p.values.With(resttest.Values{"session": token, "user_id": resttest.Absent})
		}},
	}
}

// digigoUnprovoked returns the documented errors that need a server with internal failures, or that do not apply to this server.
func digigoUnprovoked() map[string]string {
	const ill = "the database would have to fail"
	return map[string]string{
		"*: status 500": ill, "*: database error": ill, "*: failed to update*": ill, "*: failed to get*": ill, "*: failed to load*": ill,
		"*: failed to retrieve*": ill, "*: failed to delete archive event": ill, "GET /health: ERROR": ill,
		"*: Event monitoring is disabled": "it cannot be switched off",
		"*: failed to execute prune":      ill, "*: manual prune not supported*": "it always is",
		"* /admin/global/s3-retention/*: S3 retention manager*": "it runs as long as the server does",
		"POST /admin/events/session: Invalid filter*":           "JSON has numbers: one that is out of range is named as such",
	}
}
