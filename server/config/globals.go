package config

import "strings"

// Globals are the global transports: they receive the events of every session that is not left out of them. They can
// be reloaded without a restart (see Reread). Options that only one transport has are given as JSON, with the keys of
// transport.updateSettings; an option with a variable of its own is overridden by that variable.
type Globals struct {
	WebhookEnabled bool     `section:"Global transports" flag:"global-webhook-enabled" doc:"Send the events of all sessions to one webhook." why:"Sessions have their own."`
	WebhookURL     string   `flag:"global-webhook-url" unit:"URL" secret:"true" doc:"Its http or https address." why:"None."`
	WebhookEvents  []string `flag:"global-webhook-events" unit:"event,..." default:"All" doc:"Names of the events it gets; All = every one that has an offset." why:"Receivers pick what they know."`
	WebhookFormat  string   `flag:"global-webhook-format" unit:"format" default:"native" enum:"native|waakg|wuzapi|wuzapi_json|wwebjs" doc:"Shape of the body." why:"The object that sockets get."`
	WebhookFiles   string   `flag:"global-webhook-files" unit:"mode" default:"none" enum:"none|inline|multipart" doc:"How the files of messages are sent: inline is base64 in the JSON (formats native, wuzapi, wuzapi_json; wwebjs: the event media follows), multipart a part file of multipart/form-data (formats wuzapi, wuzapi_json)." why:"Receivers download what they need."`
	WebhookSecret  string   `flag:"global-webhook-secret" unit:"key" secret:"true" doc:"Key of the HMAC-SHA256 signature, 16 to 256 bytes." why:"Not signed."`

	WebhookRequests int `flag:"global-webhook-requests" unit:"requests" default:"50" min:"1" max:"10000" doc:"Requests to it at a time. One session may have a quarter of them under way." why:"Its receiver is made for all sessions."`

	RabbitMQEnabled      bool     `flag:"global-rabbitmq-enabled" doc:"Send the events of all sessions to RabbitMQ." why:"There may be none."`
	RabbitMQURL          string   `flag:"global-rabbitmq-url" unit:"URL" secret:"true" doc:"amqp:// or amqps:// with user, password, host, port and virtual host." why:"None."`
	RabbitMQEvents       []string `flag:"global-rabbitmq-events" unit:"event,..." default:"All" doc:"Names of the events; All = every one that has an offset." why:"Consumers pick by routing key."`
	RabbitMQExchange     string   `flag:"global-rabbitmq-exchange" unit:"name" doc:"Exchange." why:"whatsapp.events."`
	RabbitMQExchangeType string   `flag:"global-rabbitmq-exchange-type" unit:"type" doc:"Its type: topic, direct, fanout or headers." why:"topic."`
	RabbitMQQueue        string   `flag:"global-rabbitmq-queue" unit:"pattern" doc:"Queue that is declared and bound; {session} and {event_type} make many." why:"Whoever consumes binds queues, before events come."`
	RabbitMQQueueType    string   `flag:"global-rabbitmq-queue-type" unit:"type" doc:"classic, quorum or stream." why:"classic."`
	RabbitMQRoutingKey   string   `flag:"global-rabbitmq-routing-key" unit:"pattern" doc:"Routing key." why:"whatsapp.{session}.{event_type}."`
	RabbitMQOptions      string   `flag:"global-rabbitmq-options" unit:"JSON" secret:"true" doc:"Further options of amqp." why:"See the chapter Transports."`

	RedisEnabled bool     `flag:"global-redis-enabled" doc:"Send the events of all sessions to Redis." why:"There may be none."`
	RedisURL     string   `flag:"global-redis-url" unit:"URL" secret:"true" doc:"redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster://, with user and password." why:"None."`
	RedisEvents  []string `flag:"global-redis-events" unit:"event,..." default:"All" doc:"Names of the events; All = every one that has an offset." why:"Entries have the name in a field."`
	RedisStream  string   `flag:"global-redis-stream" unit:"pattern" doc:"Stream, with {session} and {event_type}." why:"waystation:{session}, unless there is a channel."`
	RedisChannel string   `flag:"global-redis-channel" unit:"pattern" doc:"Channel for PUBLISH, beside or in the place of the stream." why:"A channel keeps nothing for who is away."`
	RedisOptions string   `flag:"global-redis-options" unit:"JSON" secret:"true" doc:"Further options of redis." why:"See the chapter Transports."`

	SQSEnabled bool     `flag:"global-sqs-enabled" doc:"Send the events of all sessions to Amazon SQS or a server like it." why:"There may be none."`
	SQSURL     string   `flag:"global-sqs-url" unit:"URL" secret:"true" doc:"Address or name of the queue, with {session} and {event_type}." why:"None."`
	SQSEvents  []string `flag:"global-sqs-events" unit:"event,..." default:"All" doc:"Names of the events; All = every one that has an offset." why:"The body has the name."`
	SQSOptions string   `flag:"global-sqs-options" unit:"JSON" secret:"true" doc:"Options of sqs, the region and the keys among them." why:"See the chapter Transports."`

	WebSocketEnabled bool `flag:"global-websocket-enabled" default:"true" doc:"Sockets and event streams with the admin token may follow all sessions at once." why:"They show their token, and sessions can stay out (skip_global)."`
}

// globalPrefix begins the names of the settings in Globals.
const globalPrefix = "global-"

// GlobalVariables returns the explanation of each variable of Globals.
func GlobalVariables() map[string]string {
	list := map[string]string{}
	for _, f := range fieldList(&Config{}) {
		if name, ok := f.documented(); ok && strings.HasPrefix(f.name, globalPrefix) {
			list[name] = f.doc
		}
	}
	return list
}

// documented returns the variable without the prefix, the name in the documents of other servers.
func (f *field) documented() (name string, ok bool) {
	if !strings.HasPrefix(f.name, globalPrefix) && f.name != "echo-api-messages-enabled" {
		return "", false
	}
	return strings.TrimPrefix(f.env(), Prefix), true
}

// Known reports whether a setting with this name exists.
func Known(name string) bool { return fieldNamed(&Config{}, name) != nil }
