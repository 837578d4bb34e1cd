package rest

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

const restBucket = "media"

// newBucket starts an object storage with one bucket.
func newBucket(t *testing.T) (address string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(restBucket); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return server.URL
}

func (w *restWorld) storage() object {
	return object{"enabled": true, "endpoint": w.Bucket, "region": "us-east-1", "bucket": restBucket, "access_key": "key", "secret_key": "hunter2hunter2", "path_style": true}
}

// configureStorage configures an object storage for the caller until the test ends.
func (w *restWorld) configureStorage(t *testing.T) {
	t.Helper()
	w.Call(t, w.Caller, "storage.updateSettings", w.storage())
	w.checkNoStorage(t)
}

func (w *restWorld) checkNoStorage(t *testing.T) {
	t.Cleanup(func() { w.Call(t, w.Caller, "storage.deleteSettings", nil) })
}

func digigoStorage() []restCase {
	return []restCase{
		{operation: "POST /session/s3/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.checkNoStorage(t)
			values := resttest.Values{"public_url": ""}
			for name, value := range w.storage() {
				values[name] = value
			}
			return restAct{values: values, calls: []restCall{{"storage.updateSettings", w.storage()}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "Enabled", "0/settings/enabled")
				e2etest.CheckSame(t, "test", object{"ok": true, "bucket": restBucket}, map[string]any(w.Call(t, w.Caller, "storage.test", nil)))
			}}
		}},
		{operation: "GET /session/s3/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.configureStorage(t)
			return restAct{calls: []restCall{{"storage.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, w.Bucket, "endpoint", "0/settings/endpoint")
				out.is(t, "***", "access_key", "0/settings/access_key")
			}}
		}},
		{operation: "DELETE /session/s3/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.configureStorage(t)
			return restAct{calls: []restCall{{"storage.deleteSettings", nil}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "settings", object{"enabled": false, "bucket": ""}, w.Call(t, w.Caller, "storage.getSettings", nil)["settings"])
			}}
		}},
		{operation: "POST /session/s3/test", prepare: func(t *testing.T, w *restWorld) restAct {
			w.configureStorage(t)
			return restAct{calls: []restCall{{"storage.test", nil}}, effect: func(t *testing.T, out outcome) { out.is(t, restBucket, "Bucket", "0/bucket") }}
		}},
		{operation: "GET /admin/global/s3-retention/stats", prepare: func(t *testing.T, w *restWorld) restAct {
			before := w.cycles(t)
			w.Call(t, *admins(), "storage.runRetention", nil)
			testkit.Within(t, e2etest.FeedWait, "a cycle has run", func() bool { return w.cycles(t) > before })
			return restAct{as: admins(), calls: []restCall{{"storage.getRetentionStats", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, w.cycles(t), "cycle_count", "0/cycle_count")
				out.is(t, true, "running", "0/running")
			}}
		}},
		{operation: "POST /admin/global/s3-retention/trigger", prepare: func(t *testing.T, w *restWorld) restAct {
			before := w.cycles(t)
			return restAct{as: admins(), calls: []restCall{{"storage.runRetention", nil}}, effect: func(t *testing.T, _ outcome) {
				testkit.Within(t, e2etest.FeedWait, "a cycle has run", func() bool { return w.cycles(t) > before })
			}}
		}},
	}
}

func (w *restWorld) cycles(t *testing.T) float64 {
	t.Helper()
	n, _ := w.Call(t, *admins(), "storage.getRetentionStats", nil)["cycle_count"].(float64)
	return n
}

func (w *restWorld) broker() object {
	return object{
		"transport": "amqp", "enabled": true, "url": w.Rabbit, "events": []string{"Message"},
		"options": object{"exchange": "digigo", "queue": "digigo_{user_id}_{event_type}"},
	}
}

func (w *restWorld) checkNoBroker(t *testing.T) {
	t.Cleanup(func() {
		_ = e2etest.CallMethod(w.Server.Addr, "transport.deleteSettings", object{"session": w.Caller.ID, "transport": "amqp"}, nil)
	})
}

// publishedCount returns the number of events that the caller's RabbitMQ accepted.
func (w *restWorld) publishedCount(t *testing.T) float64 {
	t.Helper()
	n, _ := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "transport.getSettings", object{"transport": "amqp"})), "stats/published_count").(float64)
	return n
}

func digigoRabbit() []restCase {
	publishes := func(t *testing.T, w *restWorld) {
		t.Helper()
		before := w.publishedCount(t)
		w.Receive(t, w.Peer.Number, object{"type": "text", "text": "for RabbitMQ"})
		testkit.Within(t, e2etest.FeedWait, "RabbitMQ has the event", func() bool { return w.publishedCount(t) > before })
	}
	brokered := func(t *testing.T, w *restWorld) {
		t.Helper()
		w.Call(t, w.Caller, "transport.updateSettings", w.broker())
		w.checkNoBroker(t)
	}
	named := object{"transport": "amqp"}
	return []restCase{
		{operation: "POST /session/rabbitmq/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.checkNoBroker(t)
			return restAct{
				values: resttest.Values{
					"url": w.Rabbit, "exchange": "digigo.rest", "queue": "digigo_rest_{user_id}_{event_type}", "events": "Message", "queue_arguments": object{"x-overflow": "reject-publish"},
					"connection_pool_size": 1, "worker_count": 2,
				},
				calls: []restCall{{"transport.updateSettings", w.broker()}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "Enabled", "0/settings/enabled")
					publishes(t, w)
				},
			}
		}},
		{operation: "GET /session/rabbitmq/config", prepare: func(t *testing.T, w *restWorld) restAct {
			brokered(t, w)
			publishes(t, w)
			return restAct{calls: []restCall{{"transport.getSettings", named}}, effect: func(t *testing.T, out outcome) {
				queues := []string{"digigo_" + w.Caller.ID + "_Message"}
				out.is(t, queues, "stats/active_queues", "0/stats/queues")
				out.is(t, "digigo_{user_id}_{event_type}", "config/queue", "0/settings/options/queue")
			}}
		}},
		{operation: "DELETE /session/rabbitmq/config", prepare: func(t *testing.T, w *restWorld) restAct {
			brokered(t, w)
			return restAct{calls: []restCall{{"transport.deleteSettings", named}}, effect: func(t *testing.T, _ outcome) {
				if e2etest.CallMethod(w.Server.Addr, "transport.getSettings", object{"session": w.Caller.ID, "transport": "amqp"}, nil) == nil {
					t.Error("the settings are still there")
				}
			}}
		}},
		{operation: "POST /session/rabbitmq/test", prepare: func(t *testing.T, w *restWorld) restAct {
			brokered(t, w)
			return restAct{calls: []restCall{{"transport.test", named}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "digigo", "Exchange", "0/details/exchange")
				out.is(t, "127.0.0.1", "Host", "0/details/host")
			}}
		}},
	}
}

func digigoGlobals() []restCase {
	return []restCase{
		{operation: "GET /admin/global/stats", prepare: func(*testing.T, *restWorld) restAct {
			return restAct{as: admins(), calls: []restCall{{"transport.getGlobalStats", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "webhook/enabled", "0/transports/webhook/enabled")
				out.is(t, "digigo-global", "rabbitmq/queue", "0/transports/amqp/queue")
			}}
		}},
		{operation: "POST /admin/global/test", prepare: func(*testing.T, *restWorld) restAct {
			return restAct{as: admins(), calls: []restCall{{"transport.testGlobal", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, 200, "webhook/httpStatus", "0/transports/webhook/http_status")
				out.is(t, true, "rabbitmq/success", "0/transports/amqp/ok")
			}}
		}},
		{operation: "GET /admin/global/config", rules: extra("environment_variables"), prepare: func(*testing.T, *restWorld) restAct {
			return restAct{as: admins(), calls: []restCall{{"transport.getGlobalSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "topic", "rabbitmq/exchange_type", "0/transports/amqp/options/exchange_type")
				out.is(t, []string{"ClientOutdated"}, "webhook/events", "0/transports/webhook/events")
			}}
		}},
		{operation: "POST /admin/global/config/reload", rules: extra("stats"), prepare: func(*testing.T, *restWorld) restAct {
			return restAct{as: admins(), calls: []restCall{{"transport.reloadGlobal", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "stats/webhook/enabled", "0/transports/webhook/enabled")
			}}
		}},
		{operation: "POST /admin/global/event/test", rules: resttest.Rules{Absent: []string{"data.timestamp"}, Extra: []string{"data.session_token"}}, prepare: func(_ *testing.T, w *restWorld) restAct {
			marker := w.MessageID()
			data := object{"test": true, "message": marker}
			return restAct{
				as: admins(), values: resttest.Values{"data": data}, calls: []restCall{{"transport.sendTestEvent", object{"event": "AdminTest", "session_id": "admin-test", "data": data}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, "AdminTest", "eventType", "0/event")
					w.Receiver.AwaitRequest(t, "/global", marker)
				},
			}
		}},
	}
}
