package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

// optionMeanings explains the options of each broker.
var optionMeanings = map[string]map[string]string{
	"redis": {
		"stream":            "stream of an event; empty with a channel = none",
		"channel":           "channel of an event; empty = none. With both, an event is delivered when both have it",
		"max_len":           "entries that a stream keeps, roughly; negative = all",
		"max_bytes":         "largest payload, bytes; larger events are sent by reference",
		"replicas":          "replicas that must have an event before it counts as delivered; see [failover](#failover)",
		"timeout_ms":        "time for a connection attempt, and for each answer",
		"sentinel_user":     "user of the sentinels themselves",
		"sentinel_password": "password of the sentinels themselves",
	},
	"amqp": {
		"exchange":                "exchange, declared unless its name begins with amq.; empty = the default exchange, which needs `queue`",
		"exchange_type":           "topic, direct, fanout or headers",
		"queue":                   "queue that is declared and bound for an event; empty = none",
		"queue_type":              "classic, quorum or stream",
		"routing_key":             "key of an event",
		"durable":                 "exchange and queues outlive a restart of the broker",
		"auto_delete":             "they are deleted with their last binding or consumer",
		"exclusive":               "queues belong to the server's connection and end with it",
		"delivery_mode":           "1 = in memory, 2 = on disk",
		"dead_letter_exchange":    "exchange that gets what queues drop; it is not declared",
		"dead_letter_routing_key": "key of what is dropped; empty = the message's own",
		"message_ttl_seconds":     "time a message may be in a queue; 0 = no limit",
		"max_length":              "messages of a queue; 0 = no limit",
		"max_length_bytes":        "bytes of a queue; 0 = no limit",
		"queue_arguments":         "arguments of queues; they win over the options above",
		"exchange_arguments":      "arguments of the exchange",
		"publish_timeout_seconds": "time until a message is confirmed",
		"no_wait":                 "accepted, no effect: declarations wait for their answer",
		"pool_size":               "accepted, no effect: one connection carries all sessions",
		"worker_count":            "accepted, no effect: events of a session are sent in order",
		"buffer_size":             "accepted, no effect: events wait in the journal",
		"batch_size":              "accepted, no effect: the server chooses its windows",
		"batch_timeout_seconds":   "accepted, no effect: the server chooses its windows",
		"max_retries":             "accepted, no effect: `-delivery-attempts` decides",
		"retry_delay_seconds":     "accepted, no effect: `-delivery-backoff` decides",
	},
	"sqs": {
		"region":            "region of the queue",
		"endpoint":          "address of an SQS server, instead of that of the queue's URL or the region",
		"access_key":        "key id",
		"secret_key":        "secret of the key",
		"session_token":     "token of temporary credentials",
		"profile":           "profile of the shared files; global transport only",
		"instance_metadata": "ask the machine's metadata service for credentials; global transport only",
		"create":            "create a queue that does not exist",
		"max_bytes":         "largest message, bytes, at most 1 MiB; larger events are sent by reference",
		"requests":          "requests at a time",
		"timeout_ms":        "time of a request",
	},
}

// tlsMeanings are options of brokers that speak TLS.
var tlsMeanings = map[string]string{
	"tls_ca_file":     "certificates to trust instead of the machine's (PEM); global transport only",
	"tls_cert_file":   "certificate of the client (PEM); global transport only",
	"tls_key_file":    "its key (PEM); global transport only",
	"tls_server_name": "name in the broker's certificate; empty = the host of the address",
	"tls_skip_verify": "accept any certificate; for tests only",
}

// The pages of the brokers have every option with its default.
func TestReferenceOfTransportOptions(t *testing.T) {
	s := startServer(t, "-allow-hosts", "127.0.0.1:*")
	s.call("session.create", object{"session_id": "demo"})
	for transport, url := range map[string]string{"redis": "redis://127.0.0.1:1/0", "amqp": "amqp://127.0.0.1:1/", "sqs": "demo"} {
		options := object{}
		if transport == "sqs" {
			options = object{"region": "eu-west-1", "access_key": "AKIDEXAMPLE", "secret_key": "a-secret", "endpoint": "http://127.0.0.1:1"}
		}
		s.call("transport.updateSettings", object{"session": "demo", "transport": transport, "url": url, "events": []string{"Message"}, "options": options})
		settings, _ := s.call("transport.getSettings", object{"session": "demo", "transport": transport})["settings"].(object)
		shown, _ := settings["options"].(object)
		meanings := maps.Clone(optionMeanings[transport])
		if transport != "sqs" {
			maps.Copy(meanings, tlsMeanings)
		}
		var out strings.Builder
		out.WriteString("| option | default | meaning |\n|---|---|---|\n")
		for _, name := range slices.Sorted(maps.Keys(shown)) {
			if meanings[name] == "" {
				t.Errorf("%s: the option %s has no meaning", transport, name)
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", name, defaultOf(t, options, name, shown[name]), meanings[name])
		}
		for name := range meanings {
			if _, known := shown[name]; !known {
				t.Errorf("%s has no option %s", transport, name)
			}
		}
		page := map[string]string{"amqp": "rabbitmq"}[transport]
		if page == "" {
			page = transport
		}
		doctest.CheckSection(t, "docs/transports/"+page+".md", "options of "+transport, out.String())
	}
}

// defaultOf writes a value that was not given.
func defaultOf(t *testing.T, given object, name string, value any) string {
	t.Helper()
	if _, ok := given[name]; ok || value == "" || value == nil {
		return ""
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.Trim(string(raw), `"`) + "`"
}
