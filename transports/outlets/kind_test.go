package outlets

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/refusal"
)

// Bad options of each broker are refused by their own names, as settings have them.
func TestOptionsOfBrokers(t *testing.T) {
	for _, c := range []struct{ transport, url, options, field string }{
		{"redis", "redis://h/", `{"stream": "{x}"}`, "options/stream"},
		{"redis", "http://h/", `{}`, "url"},
		{"redis", "redis://h/", `{"timeout_ms": -1}`, "options/timeout_ms"},
		{"redis", "redis://h/", `{"timeout_ms": 60001}`, "options/timeout_ms"},
		{"redis", "redis://h/", `{"timeout_ms": 99999999999999999}`, "options/timeout_ms"},
		{"redis", "redis://h/", `{"timeout_ms": -9223372036854775807}`, "options/timeout_ms"},
		{"sqs", "queue", `{"region": "r", "access_key": "a", "secret_key": "s", "timeout_ms": 60001}`, "options/timeout_ms"},
		{"amqp", "redis://h/", `{}`, "url"},
		{"amqp", "amqp://h/", `{"exchange_type": "x"}`, "options/exchange_type"},
		{"amqp", "amqp://h/", `{"queue_type": "x"}`, "options/queue_type"},
		{"amqp", "amqp://h/", `{"routing_key": "{x}"}`, "options/routing_key"},
		{"amqp", "amqp://h/", `{"message_ttl_seconds": -1}`, "options/message_ttl_seconds"},
		{"amqp", "amqp://h/", `{"message_ttl_seconds": 1e300}`, "options/message_ttl_seconds"},
		{"amqp", "amqp://h/", `{"publish_timeout_seconds": 0}`, "options/publish_timeout_seconds"},
		{"amqp", "amqp://h/", `{"batch_timeout_seconds": -1}`, "options/batch_timeout_seconds"},
		{"amqp", "amqp://h/", `{"retry_delay_seconds": -1}`, "options/retry_delay_seconds"},
		{"amqp", "amqp://h/", `{"pool_size": -1}`, "options/pool_size"},
		{"amqp", "amqp://h/", `{"buffer_size": -1}`, "options/buffer_size"},
		{"amqp", "amqp://h/", `{"delivery_mode": 3}`, "options/delivery_mode"},
		{"amqp", "amqp://h/", `{"queue_arguments": []}`, "options/queue_arguments"},
		{"amqp", "amqp://h/", `{"tls_key_file": "/etc/passwd"}`, "options/tls_key_file"},
		{"sqs", "queue", `{"region": "eu-west-1"}`, "options/access_key"},
		{"sqs", "queue", `{"access_key": "a", "secret_key": "s"}`, "options/region"},
		{"sqs", "que ue", `{"region": "r", "access_key": "a", "secret_key": "s"}`, "url"},
		{"sqs", "queue", `{"region": "r", "access_key": "a"}`, "options/secret_key"},
		{"sqs", "queue", `{"region": "r", "access_key": "a", "secret_key": "s", "profile": "p"}`, "options/profile"},
		{"sqs", "queue", `{"region": "r", "access_key": "a", "secret_key": "s", "instance_metadata": true}`, "options/instance_metadata"},
		{"sqs", "queue", `{"region": "r", "access_key": "a", "secret_key": "s", "endpoint": "x"}`, "options/endpoint"},
	} {
		kind := Kinds()[c.transport]
		set := Settings{URL: c.url}
		if err := json.Unmarshal([]byte(c.options), &set.Options); err != nil {
			t.Fatal(err)
		}
		conn, err := kind.openConnection(&set, Access{})
		var p refusal.Problems
		if !errors.As(err, &p) || len(p) != 1 || p[0].Field != c.field {
			t.Errorf("%s %s %s: %v, want %s", c.transport, c.url, c.options, err, c.field)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// Options are shown with defaults for those that are not set; documented names are present, secrets are not.
func TestShownOptions(t *testing.T) {
	for transport, c := range map[string]struct{ url, shown, given, names string }{
		"amqp": {
			"amqp://me:hunter2@h:5672/v", "amqp://me:***@h:5672/v", `{"queue": "q.{session_id}.{event}", "queue_arguments": {"x-max-priority": 3}}`,
			"exchange exchange_type queue queue_type routing_key durable auto_delete exclusive no_wait delivery_mode dead_letter_exchange " +
				"dead_letter_routing_key message_ttl_seconds max_length max_length_bytes queue_arguments exchange_arguments pool_size worker_count " +
				"buffer_size batch_size batch_timeout_seconds publish_timeout_seconds max_retries retry_delay_seconds",
		},
		"redis": {"redis://me:hunter2@h/", "redis://me:***@h/", `{"sentinel_password": "hunter2"}`, "stream channel max_len sentinel_password"},
		"sqs": {
			"events-{session}", "events-{session}", `{"region": "r", "access_key": "hunter2", "secret_key": "hunter2", "session_token": "hunter2"}`,
			"region endpoint access_key secret_key session_token",
		},
	} {
		kind := Kinds()[transport]
		set := Settings{URL: c.url}
		if err := json.Unmarshal([]byte(c.given), &set.Options); err != nil {
			t.Fatal(err)
		}
		shown, err := kind.shownOptions(&set)
		if err != nil {
			t.Fatal(err)
		}
		if stream := string(shown.Options["stream"]); transport == "redis" && stream != `"waystation:{session}"` {
			t.Errorf("redis: the stream is shown as %s, want the one that is used", stream)
		}
		text, _ := json.Marshal(shown)
		if strings.Contains(string(text), "hunter2") || shown.URL != c.shown {
			t.Errorf("%s shows %s", transport, text)
		}
		has := slices.Collect(maps.Keys(shown.Options))
		for name := range strings.FieldsSeq(c.names) {
			if !slices.Contains(has, name) {
				t.Errorf("%s: %v lacks %s", transport, has, name)
			}
		}
		conn, err := kind.openConnection(&set, Access{Operator: true})
		if err != nil {
			t.Errorf("%s: %v", transport, err)
			continue
		}
		if err := conn.Close(); err != nil {
			t.Errorf("%s: %v", transport, err)
		}
	}
}
