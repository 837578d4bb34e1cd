package digigo

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// amqp is what methods call RabbitMQ.
const amqp = "amqp"

func rabbitRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/session/rabbitmq/config", "transport.updateSettings", setRabbit, rest.NeedsBody()),
		rest.Row("GET", "/session/rabbitmq/config", "transport.getSettings", getRabbit),
		rest.Pass[rest.None, done]("DELETE", "/session/rabbitmq/config", "transport.deleteSettings", rest.With(rest.Params{"transport": amqp}), rest.OnError(ignoreUnset),
			rest.Says("RabbitMQ configuration deleted successfully")),
		rest.Row("POST", "/session/rabbitmq/test", "transport.test transport.getSettings", testRabbit),
	}
}

// rabbitRequest has the options under their own names; times are in milliseconds here, and in seconds in params.
type rabbitRequest struct {
	Enabled              *bool           `rest:"enabled,param=/enabled"`
	URL                  *string         `rest:"url,param=/url"`
	Events               *eventNames     `rest:"events,param=/events" doc:"names of events between commas, or All"`
	Exchange             *string         `rest:"exchange,param=/options/exchange"`
	ExchangeType         *string         `rest:"exchange_type,param=/options/exchange_type" enum:"topic|direct|fanout|headers"`
	Queue                *string         `rest:"queue,param=/options/queue" doc:"{user_id} and {event_type} stand for the session and the name of the event"`
	QueueType            *string         `rest:"queue_type,param=/options/queue_type" enum:"classic|quorum|stream"`
	RoutingKey           *string         `rest:"routing_key,param=/options/routing_key"`
	Durable              *bool           `rest:"durable,param=/options/durable"`
	AutoDelete           *bool           `rest:"auto_delete,param=/options/auto_delete"`
	Exclusive            *bool           `rest:"exclusive,param=/options/exclusive"`
	NoWait               *bool           `rest:"no_wait,param=/options/no_wait"`
	DeliveryMode         *int            `rest:"delivery_mode,param=/options/delivery_mode" doc:"1 or 2"`
	DeadLetterExchange   *string         `rest:"dead_letter_exchange,param=/options/dead_letter_exchange"`
	DeadLetterRoutingKey *string         `rest:"dead_letter_routing_key,param=/options/dead_letter_routing_key"`
	MessageTTL           *inMilliseconds `rest:"message_ttl,param=/options/message_ttl_seconds" doc:"milliseconds"`
	MaxLength            *int            `rest:"max_length,param=/options/max_length"`
	MaxLengthBytes       *int            `rest:"max_length_bytes,param=/options/max_length_bytes"`
	QueueArguments       json.RawMessage `rest:"queue_arguments,param=/options/queue_arguments"`
	ExchangeArguments    json.RawMessage `rest:"exchange_arguments,param=/options/exchange_arguments"`
	PoolSize             *int            `rest:"connection_pool_size,param=/options/pool_size"`
	WorkerCount          *int            `rest:"worker_count,param=/options/worker_count"`
	BufferSize           *int            `rest:"queue_buffer_size,param=/options/buffer_size"`
	BatchSize            *int            `rest:"batch_size,param=/options/batch_size"`
	BatchTimeout         *inMilliseconds `rest:"batch_timeout_ms,param=/options/batch_timeout_seconds"`
	PublishTimeout       *inMilliseconds `rest:"publish_timeout_ms,param=/options/publish_timeout_seconds"`
	MaxRetries           *int            `rest:"max_retries,param=/options/max_retries"`
	RetryDelay           *inMilliseconds `rest:"retry_delay_ms,param=/options/retry_delay_seconds"`
}

// inMilliseconds is a time that is in seconds among params.
type inMilliseconds int

// Param implements rest.Param.
func (ms inMilliseconds) Param() any { return float64(ms) / 1000 }

// eventNames are names between commas.
type eventNames string

// Param implements rest.Param.
func (text eventNames) Param() any {
	names := []string{}
	for name := range strings.SplitSeq(string(text), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return native(names)
}

// params are the given fields, and the tables of arguments.
func (in *rabbitRequest) params() (rest.Params, error) {
	p := rest.Given(in)
	options, _ := p["options"].(rest.Params)
	if options == nil {
		options = rest.Params{}
	}
	for name, table := range map[string]json.RawMessage{"queue_arguments": in.QueueArguments, "exchange_arguments": in.ExchangeArguments} {
		if table == nil {
			continue
		}
		var object map[string]any
		if json.Unmarshal(argumentTable(table), &object) != nil {
			return nil, rest.Bad(name, "", "must be an object")
		}
		options[name] = object
	}
	p["transport"], p["options"] = amqp, options
	return p, nil
}

// onlySwitchesOff tells whether the request says nothing but that RabbitMQ is off.
func (in *rabbitRequest) onlySwitchesOff() bool {
	others := *in
	others.Enabled = nil
	return in.Enabled != nil && !*in.Enabled && reflect.ValueOf(others).IsZero()
}

// argumentTable takes a table as text too, which is how answers have it.
func argumentTable(raw json.RawMessage) json.RawMessage {
	var inText string
	if json.Unmarshal(raw, &inText) == nil {
		return json.RawMessage(inText)
	}
	return raw
}

func setRabbit(x *rest.Exchange, in *rabbitRequest) (*saved, error) {
	p, err := in.params()
	if err != nil {
		return nil, err
	}
	var r struct{ Settings broker }
	err = x.Call("transport.updateSettings", p, &r)
	if in.onlySwitchesOff() && has(err, rpc.CodeInvalidParams) {
		err = nil // there are no settings, which is what the method says by asking for an address
	}
	return &saved{"RabbitMQ configuration saved successfully", r.Settings.Enabled}, err
}

// broker is what the dialect reads of a transport's settings.
type broker struct {
	Enabled bool
	URL     string
	Events  []string
	Options brokerOptions
}

// routing is what the document shows of every RabbitMQ.
type routing struct {
	Exchange     string `json:"exchange"`
	ExchangeType string `json:"exchange_type"`
	Queue        string `json:"queue"`
	QueueType    string `json:"queue_type"`
	RoutingKey   string `json:"routing_key"`
	Durable      bool   `json:"durable"`
	AutoDelete   bool   `json:"auto_delete"`
	DeliveryMode int    `json:"delivery_mode"`
}

// queueOptions are alike in settings and in the document.
type queueOptions struct {
	routing
	Exclusive            bool   `json:"exclusive"`
	NoWait               bool   `json:"no_wait"`
	DeadLetterExchange   string `json:"dead_letter_exchange"`
	DeadLetterRoutingKey string `json:"dead_letter_routing_key"`
	MaxLength            int    `json:"max_length"`
	MaxLengthBytes       int    `json:"max_length_bytes"`
}

type brokerOptions struct {
	queueOptions
	MessageTTL        float64         `json:"message_ttl_seconds"`
	QueueArguments    json.RawMessage `json:"queue_arguments"`
	ExchangeArguments json.RawMessage `json:"exchange_arguments"`
}

type rabbitAnswer struct {
	Config rabbitConfig `json:"config"`
	Stats  rabbitStats  `json:"stats"`
}

type rabbitConfig struct {
	Enabled bool   `json:"enabled"`
	URL     string `json:"url"`
	Events  string `json:"events"`
	queueOptions
	MessageTTL        int    `json:"message_ttl"`
	QueueArguments    string `json:"queue_arguments"`
	ExchangeArguments string `json:"exchange_arguments"`
}

type rabbitStats struct {
	Queues      []string `json:"active_queues"`
	Published   int      `json:"total_published"`
	LastPublish *string  `json:"last_publish" doc:"null = none yet"`
}

// milliseconds of a time in seconds; that of 1001 is a little less than 1.001 seconds.
func milliseconds(seconds float64) int { return int(math.Round(seconds * 1000)) }

// tableText is a table of arguments as text.
func tableText(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return "{}"
	}
	return string(raw)
}

func getRabbit(x *rest.Exchange, _ *rest.None) (*rabbitAnswer, error) {
	var r struct {
		Settings broker
		Stats    struct {
			Queues      []string
			Published   int     `json:"published_count"`
			LastPublish *string `json:"last_published_at"`
		}
	}
	if err := x.Call("transport.getSettings", rest.Params{"transport": amqp}, &r); err != nil && !unset(err) {
		return nil, err
	}
	s, o := &r.Settings, &r.Settings.Options
	return &rabbitAnswer{
		rabbitConfig{
			Enabled: s.Enabled, URL: s.URL, Events: strings.Join(documented(s.Events), ","), queueOptions: o.queueOptions,
			MessageTTL: milliseconds(o.MessageTTL), QueueArguments: tableText(o.QueueArguments), ExchangeArguments: tableText(o.ExchangeArguments),
		},
		rabbitStats{append([]string{}, r.Stats.Queues...), r.Stats.Published, r.Stats.LastPublish},
	}, nil
}

// unset tells that there are no settings, which the document has no error for.
func unset(err error) bool { return has(err, rpc.CodeNotFound) }

// has tells whether a method failed with a code.
func has(err error, code int) bool {
	var problem *rpc.Error
	return errors.As(err, &problem) && problem.Code == code
}

// ignoreUnset leaves out the error of settings that there are not.
func ignoreUnset(err error) error {
	if unset(err) {
		return nil
	}
	return err
}

type rabbitTested struct {
	Details  string
	Host     string
	Port     int
	Exchange string
}

func testRabbit(x *rest.Exchange, _ *rest.None) (*rabbitTested, error) {
	var now struct{ Settings broker }
	if err := x.Call("transport.getSettings", rest.Params{"transport": amqp}, &now); err != nil && !unset(err) {
		return nil, err
	}
	if !now.Settings.Enabled {
		return nil, rest.Bad("enabled", "RabbitMQ is not enabled", "must be true for a test")
	}
	var r struct {
		OK      bool
		Error   *string
		Details struct {
			Host, Exchange *string
			Port           *int
		}
	}
	if err := x.Call("transport.test", rest.Params{"transport": amqp}, &r); err != nil {
		return nil, err
	}
	if !r.OK {
		return nil, broken("RabbitMQ connection test failed", rest.Deref(r.Error))
	}
	return &rabbitTested{"RabbitMQ connection test successful", rest.Deref(r.Details.Host), rest.Deref(r.Details.Port), rest.Deref(r.Details.Exchange)}, nil
}
