package digigo

import (
	"encoding/json"

	"github.com/waystation/waystation/server/rest"
)

func globalRoutes() []rest.Route {
	global := rest.Family(familyGlobal)
	return []rest.Route{
		rest.Pass[rest.None, globalFigures]("GET", "/admin/global/stats", "transport.getGlobalStats", global),
		rest.Pass[rest.None, trials]("POST", "/admin/global/test", "transport.testGlobal", global),
		rest.Pass[rest.None, globalSettings]("GET", "/admin/global/config", "transport.getGlobalSettings", global),
		rest.Pass[rest.None, reloaded]("POST", "/admin/global/config/reload", "transport.getGlobalStats", rest.First[rest.None]("transport.reloadGlobal", nil, nil), global),
		rest.Pass[testEventRequest, testEventAnswer]("POST", "/admin/global/event/test", "transport.sendTestEvent", rest.NeedsBody(), global, rest.BodyText("invalid JSON"),
			rest.With(rest.Params{"event": "TestEvent", "session_id": "admin-test"})),
	}
}

type globalFigures struct {
	Enabled  bool          `json:"enabled" from:"/enabled"`
	Webhook  webhookOutlet `json:"webhook" from:"/transports/webhook"`
	RabbitMQ rabbitOutlet  `json:"rabbitmq" from:"/transports/amqp"`
}

type webhookOutlet struct {
	Enabled        bool       `json:"enabled" from:"/enabled"`
	URL            string     `json:"url" from:"/url"`
	Events         subscribed `json:"events" from:"/events"`
	Timeout        span       `json:"timeout" from:"/timeout_seconds"`
	MaxRetries     int        `json:"maxRetries" from:"/max_retries"`
	MaxConcurrency int        `json:"maxConcurrency" from:"/max_concurrency"`
	Active         int        `json:"activeRequests" from:"/active_requests"`
	Available      int        `json:"availableSlots" from:"/available_slots"`
}

type rabbitOutlet struct {
	Enabled   bool       `json:"enabled" from:"/enabled"`
	Connected bool       `json:"connected" from:"/connected"`
	URL       string     `json:"url" from:"/url"`
	Exchange  string     `json:"exchange" from:"/exchange"`
	Queue     string     `json:"queue" from:"/queue"`
	Events    subscribed `json:"events" from:"/events"`
}

type reloaded struct {
	Success bool          `json:"success" from:"=true"`
	Message string        `json:"message" from:"=Global configurations reloaded successfully"`
	Stats   globalFigures `json:"stats"`
}

type trials struct {
	Webhook struct {
		Enabled      bool    `json:"enabled" from:"/enabled"`
		Success      bool    `json:"success" from:"/ok"`
		Error        *string `json:"error" from:"/error"`
		ResponseTime span    `json:"responseTime" from:"/duration_seconds"`
		HTTPStatus   int     `json:"httpStatus" from:"/http_status"`
	} `json:"webhook" from:"/transports/webhook"`
	RabbitMQ struct {
		Enabled        bool    `json:"enabled" from:"/enabled"`
		Success        bool    `json:"success" from:"/ok"`
		Error          *string `json:"error" from:"/error"`
		Connection     string  `json:"connectionStatus" from:"/connection_status"`
		ExchangeExists bool    `json:"exchangeExists" from:"/exchange_exists"`
		QueueExists    bool    `json:"queueExists" from:"/queue_exists"`
	} `json:"rabbitmq" from:"/transports/amqp"`
}

type globalSettings struct {
	Webhook struct {
		Enabled        bool       `json:"enabled" from:"/enabled"`
		URL            string     `json:"url" from:"/url"`
		Events         subscribed `json:"events" from:"/events"`
		Timeout        span       `json:"timeout" from:"/timeout_seconds"`
		RetryCount     int        `json:"retryCount" from:"/max_retries"`
		MaxConcurrency int        `json:"maxConcurrency" from:"/max_concurrency"`
	} `json:"webhook" from:"/transports/webhook"`
	RabbitMQ struct {
		Enabled bool       `json:"enabled" from:"/enabled"`
		URL     string     `json:"url" from:"/url"`
		Events  subscribed `json:"events" from:"/events"`
		routing `from:"/options"`
	} `json:"rabbitmq" from:"/transports/amqp"`
	Environment map[string]string `json:"environment_variables" from:"/environment"`
}

type testEventRequest struct {
	Event *string         `rest:"event_type,param=/event"`
	User  *string         `rest:"user_id,param=/session_id"`
	Token *string         `rest:"user_token,param=/session_token"`
	Data  json.RawMessage `rest:"data,param=/data"`
}

type testEventAnswer struct {
	Success bool            `json:"success" from:"=true"`
	Message string          `json:"message" from:"=Test event dispatched to global systems"`
	Event   string          `json:"eventType" from:"/event"`
	User    string          `json:"userID" from:"/session_id"`
	Token   string          `json:"userToken" from:"/session_token"`
	Data    json.RawMessage `json:"data" from:"/data"`
	// Errors is an extension: the reasons of transports that did not send the event.
	Errors []string `json:"errors,omitempty" from:"/errors"`
}
