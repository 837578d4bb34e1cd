package digigo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// amqp is the methods' name of RabbitMQ.
const amqp = "amqp"

const rabbitSaved = "RabbitMQ configuration saved successfully"

func rabbitRoutes() []rest.Route {
	ofAMQP := rest.With(rest.Params{"transport": amqp})
	return []rest.Route{
		rest.Row("POST", "/session/rabbitmq/config", "transport.updateSettings", setRabbit, rest.NeedsBody(), rest.Reads[saved]("transport.updateSettings"),
			rest.With(rest.Params{"transport": amqp, "options": rest.Params{}}), rest.Says(rabbitSaved)),
		rest.Pass[rest.None, rabbitAnswer]("GET", "/session/rabbitmq/config", "transport.getSettings", ofAMQP, rest.OnError(ignoreUnset)),
		rest.Pass[rest.None, done]("DELETE", "/session/rabbitmq/config", "transport.deleteSettings", ofAMQP, rest.OnError(ignoreUnset),
			rest.Says("RabbitMQ configuration deleted successfully")),
		rest.Pass[rest.None, rabbitTested]("POST", "/session/rabbitmq/test", "transport.test", ofAMQP,
			rest.First[rabbitEnabled]("transport.getSettings", rest.Params{"transport": amqp}, ignoreUnset)),
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
	QueueArguments       argumentTable   `rest:"queue_arguments,param=/options/queue_arguments"`
	ExchangeArguments    argumentTable   `rest:"exchange_arguments,param=/options/exchange_arguments"`
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

// ToParam implements rest.Converter.
func (ms inMilliseconds) ToParam(string) (any, error) { return float64(ms) / 1000, nil }

// eventNames are names between commas.
type eventNames string

// ToParam implements rest.Converter.
func (text eventNames) ToParam(string) (any, error) {
	names := []string{}
	for name := range strings.SplitSeq(string(text), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return nativeNames(names), nil
}

// onlySwitchesOff reports whether the request only switches RabbitMQ off.
func (in *rabbitRequest) onlySwitchesOff() bool {
	others := *in
	others.Enabled = nil
	return in.Enabled != nil && !*in.Enabled && reflect.ValueOf(others).IsZero()
}

// argumentTable is a table of arguments: an object, or its text, as answers have it.
type argumentTable json.RawMessage

// ToParam implements rest.Converter.
func (raw argumentTable) ToParam(field string) (any, error) {
	var inText string
	if json.Unmarshal(raw, &inText) == nil {
		raw = argumentTable(inText)
	}
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		return nil, rest.Bad(field, "", "must be an object")
	}
	return object, nil
}

func setRabbit(x *rest.Exchange, in *rabbitRequest) (*saved, error) {
	p, err := x.Params()
	if err != nil {
		return nil, err
	}
	answer := &saved{}
	err = x.Read("transport.updateSettings", p, answer)
	if in.onlySwitchesOff() && has(err, rpc.CodeInvalidParams) {
		return &saved{Details: rabbitSaved}, nil // without settings the method asks for an address
	}
	return answer, err
}

// routing has the options that the document shows of every RabbitMQ.
type routing struct {
	Exchange     string `json:"exchange" from:"/exchange"`
	ExchangeType string `json:"exchange_type" from:"/exchange_type"`
	Queue        string `json:"queue" from:"/queue"`
	QueueType    string `json:"queue_type" from:"/queue_type"`
	RoutingKey   string `json:"routing_key" from:"/routing_key"`
	Durable      bool   `json:"durable" from:"/durable"`
	AutoDelete   bool   `json:"auto_delete" from:"/auto_delete"`
	DeliveryMode int    `json:"delivery_mode" from:"/delivery_mode"`
}

// rabbitOptions has the options of the RabbitMQ of a session. Arguments is the form of tables: tableText or tableObject.
type rabbitOptions[Arguments any] struct {
	routing
	Exclusive            bool           `json:"exclusive" from:"/exclusive"`
	NoWait               bool           `json:"no_wait" from:"/no_wait"`
	DeadLetterExchange   string         `json:"dead_letter_exchange" from:"/dead_letter_exchange"`
	DeadLetterRoutingKey string         `json:"dead_letter_routing_key" from:"/dead_letter_routing_key"`
	MaxLength            int            `json:"max_length" from:"/max_length"`
	MaxLengthBytes       int            `json:"max_length_bytes" from:"/max_length_bytes"`
	MessageTTL           asMilliseconds `json:"message_ttl" from:"/message_ttl_seconds"`
	QueueArguments       Arguments      `json:"queue_arguments" from:"/queue_arguments"`
	ExchangeArguments    Arguments      `json:"exchange_arguments" from:"/exchange_arguments"`
}

// shownRabbit has the settings of the RabbitMQ of a session; without any it is not enabled.
type shownRabbit[Arguments any] struct {
	Enabled                  bool       `json:"enabled" from:"/enabled"`
	URL                      string     `json:"url" from:"/url"`
	Events                   joinedList `json:"events" from:"/events"`
	rabbitOptions[Arguments] `from:"/options"`
}

// rabbitWithPools also has the options of the connection.
type rabbitWithPools struct {
	shownRabbit[tableObject]
	rabbitPools `from:"/options"`
}

type rabbitPools struct {
	PoolSize       int            `json:"connection_pool_size" from:"/pool_size"`
	WorkerCount    int            `json:"worker_count" from:"/worker_count"`
	BufferSize     int            `json:"queue_buffer_size" from:"/buffer_size"`
	BatchSize      int            `json:"batch_size" from:"/batch_size"`
	BatchTimeout   asMilliseconds `json:"batch_timeout_ms" from:"/batch_timeout_seconds"`
	PublishTimeout asMilliseconds `json:"publish_timeout_ms" from:"/publish_timeout_seconds"`
	MaxRetries     int            `json:"max_retries" from:"/max_retries"`
	RetryDelay     asMilliseconds `json:"retry_delay_ms" from:"/retry_delay_seconds"`
}

type rabbitAnswer struct {
	Config shownRabbit[tableText] `json:"config" from:"/settings"`
	Stats  struct {
		Queues      []string `json:"active_queues" from:"/queues"`
		Published   int      `json:"total_published" from:"/published_count"`
		LastPublish *string  `json:"last_publish" from:"/last_published_at" doc:"null = none yet"`
	} `json:"stats" from:"/stats"`
}

// joinedList are names of events between commas.
type joinedList string

// UnmarshalJSON reads the names of methods.
func (l *joinedList) UnmarshalJSON(raw []byte) error {
	var events subscribed
	err := events.UnmarshalJSON(raw)
	*l = joinedList(strings.Join(events, ","))
	return err
}

// asMilliseconds is a time in milliseconds that results have in seconds.
type asMilliseconds int

// UnmarshalJSON reads seconds.
func (ms *asMilliseconds) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	*ms = asMilliseconds(milliseconds(seconds))
	return nil
}

// milliseconds of a time in seconds; that of 1001 is a little less than 1.001 seconds.
func milliseconds(seconds float64) int { return int(math.Round(seconds * 1000)) }

// tableText is a table of arguments as text; absent ones are {}.
type tableText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *tableText) UnmarshalJSON(raw []byte) error {
	*t = tableText(raw)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (t tableText) MarshalText() ([]byte, error) { return []byte(cmp.Or(t, "{}")), nil }

// tableObject is a table of arguments as an object; absent ones are {}.
type tableObject json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (t *tableObject) UnmarshalJSON(raw []byte) error {
	*t = append((*t)[:0], raw...)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (t tableObject) MarshalJSON() ([]byte, error) {
	if len(t) == 0 {
		return []byte("{}"), nil
	}
	return t, nil
}

// has reports whether a method failed with a code.
func has(err error, code int) bool {
	var problem *rpc.Error
	return errors.As(err, &problem) && problem.Code == code
}

// ignoreUnset drops the error of settings that do not exist, for which the document has none.
func ignoreUnset(err error) error {
	if has(err, rpc.CodeNotFound) {
		return nil
	}
	return err
}

// rabbitEnabled is the condition of a test.
type rabbitEnabled struct {
	Enabled bool `from:"/settings/enabled"`
}

// FinishAnswer implements rest.Finisher.
func (r *rabbitEnabled) FinishAnswer() error {
	if !r.Enabled {
		return rest.Bad("enabled", "RabbitMQ is not enabled", "must be true for a test")
	}
	return nil
}

type rabbitTested struct {
	tested
	Details  string `from:"=RabbitMQ connection test successful"`
	Host     string `from:"/details/host"`
	Port     int    `from:"/details/port"`
	Exchange string `from:"/details/exchange"`
}

// FinishAnswer implements rest.Finisher.
func (t *rabbitTested) FinishAnswer() error { return t.failed("RabbitMQ connection test failed") }
