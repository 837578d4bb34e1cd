package digigo

import (
	"encoding/json"
	"maps"

	"github.com/waystation/waystation/server/rest"
)

func globalRoutes() []rest.Route {
	global := rest.Family(familyGlobal)
	return []rest.Route{
		rest.Pass[rest.None, globalFigures]("GET", "/admin/global/stats", "transport.getGlobalStats", global),
		rest.Pass[rest.None, trials]("POST", "/admin/global/test", "transport.testGlobal", global),
		rest.Pass[rest.None, globalSettings]("GET", "/admin/global/config", "transport.getGlobalSettings", global),
		rest.Row("POST", "/admin/global/config/reload", "transport.reloadGlobal transport.getGlobalStats", reloadGlobals, global),
		rest.Row("POST", "/admin/global/event/test", "transport.sendTestEvent", sendTestEvent, rest.NeedsBody(), global, rest.BodyText("invalid JSON")),
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
	Success bool           `json:"success"`
	Message string         `json:"message"`
	Stats   *globalFigures `json:"stats"`
}

func reloadGlobals(x *rest.Exchange, _ *rest.None) (*reloaded, error) {
	if err := x.Call("transport.reloadGlobal", nil, nil); err != nil {
		return nil, err
	}
	figures := new(globalFigures)
	err := x.Read("transport.getGlobalStats", nil, figures)
	return &reloaded{true, "Global configurations reloaded successfully", figures}, err
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
		Enabled      bool       `json:"enabled" from:"/enabled"`
		URL          string     `json:"url" from:"/url"`
		Events       subscribed `json:"events" from:"/events"`
		Exchange     string     `json:"exchange" from:"/options/exchange"`
		ExchangeType string     `json:"exchange_type" from:"/options/exchange_type"`
		Queue        string     `json:"queue" from:"/options/queue"`
		QueueType    string     `json:"queue_type" from:"/options/queue_type"`
		RoutingKey   string     `json:"routing_key" from:"/options/routing_key"`
		Durable      bool       `json:"durable" from:"/options/durable"`
		AutoDelete   bool       `json:"auto_delete" from:"/options/auto_delete"`
		DeliveryMode int        `json:"delivery_mode" from:"/options/delivery_mode"`
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
	Success bool            `json:"success"`
	Message string          `json:"message"`
	Event   string          `json:"eventType"`
	User    string          `json:"userID"`
	Token   string          `json:"userToken"`
	Data    json.RawMessage `json:"data"`
	// Errors are ours: why some did not take it.
	Errors []string `json:"errors,omitempty"`
}

func sendTestEvent(x *rest.Exchange, in *testEventRequest) (*testEventAnswer, error) {
	p := rest.Params{"event": "TestEvent", "session_id": "admin-test"}
	maps.Copy(p, rest.Given(in))
	if in.Data != nil {
		p["data"] = in.Data
	}
	var r struct {
		Event  string
		User   string `json:"session_id"`
		Token  string `json:"session_token"`
		Data   json.RawMessage
		Errors []string
	}
	err := x.Call("transport.sendTestEvent", p, &r)
	return &testEventAnswer{true, "Test event dispatched to global systems", r.Event, r.User, r.Token, r.Data, r.Errors}, err
}
