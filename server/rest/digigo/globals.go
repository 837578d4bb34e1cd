package digigo

import (
	"encoding/json"
	"maps"

	"github.com/waystation/waystation/server/rest"
)

func globalRoutes() []rest.Route {
	global := rest.Family(familyGlobal)
	return []rest.Route{
		rest.Row("GET", "/admin/global/stats", "transport.getGlobalStats", globalStats, global),
		rest.Row("POST", "/admin/global/test", "transport.testGlobal", testGlobals, global),
		rest.Row("GET", "/admin/global/config", "transport.getGlobalSettings", globalConfig, global),
		rest.Row("POST", "/admin/global/config/reload", "transport.reloadGlobal transport.getGlobalStats", reloadGlobals, global),
		rest.Row("POST", "/admin/global/event/test", "transport.sendTestEvent", sendTestEvent, rest.NeedsBody(), global, rest.BodyText("invalid JSON")),
	}
}

// outlet is what the dialect reads of a global transport's figures.
type outlet struct {
	Enabled, Connected bool
	URL                string
	Events             []string
	Timeout            float64 `json:"timeout_seconds"`
	MaxRetries         int     `json:"max_retries"`
	MaxConcurrency     int     `json:"max_concurrency"`
	Active             int     `json:"active_requests"`
	Available          int     `json:"available_slots"`
	Exchange, Queue    string
}

// systems are the global transports that the document knows.
type systems[T any] struct {
	Enabled    bool
	Transports struct {
		Webhook  T
		RabbitMQ T `json:"amqp"`
	}
}

type globalFigures struct {
	Enabled  bool          `json:"enabled"`
	Webhook  webhookOutlet `json:"webhook"`
	RabbitMQ rabbitOutlet  `json:"rabbitmq"`
}

type webhookOutlet struct {
	Enabled        bool     `json:"enabled"`
	URL            string   `json:"url"`
	Events         []string `json:"events"`
	Timeout        string   `json:"timeout"`
	MaxRetries     int      `json:"maxRetries"`
	MaxConcurrency int      `json:"maxConcurrency"`
	Active         int      `json:"activeRequests"`
	Available      int      `json:"availableSlots"`
}

type rabbitOutlet struct {
	Enabled   bool     `json:"enabled"`
	Connected bool     `json:"connected"`
	URL       string   `json:"url"`
	Exchange  string   `json:"exchange"`
	Queue     string   `json:"queue"`
	Events    []string `json:"events"`
}

func readGlobalStats(x *rest.Exchange) (*globalFigures, error) {
	var s systems[outlet]
	err := x.Call("transport.getGlobalStats", nil, &s)
	w, r := &s.Transports.Webhook, &s.Transports.RabbitMQ
	return &globalFigures{
		s.Enabled,
		webhookOutlet{w.Enabled, w.URL, documented(w.Events), span(w.Timeout), w.MaxRetries, w.MaxConcurrency, w.Active, w.Available},
		rabbitOutlet{r.Enabled, r.Connected, r.URL, r.Exchange, r.Queue, documented(r.Events)},
	}, err
}

func globalStats(x *rest.Exchange, _ *rest.None) (*globalFigures, error) { return readGlobalStats(x) }

type reloaded struct {
	Success bool           `json:"success"`
	Message string         `json:"message"`
	Stats   *globalFigures `json:"stats"`
}

func reloadGlobals(x *rest.Exchange, _ *rest.None) (*reloaded, error) {
	if err := x.Call("transport.reloadGlobal", nil, nil); err != nil {
		return nil, err
	}
	figures, err := readGlobalStats(x)
	return &reloaded{true, "Global configurations reloaded successfully", figures}, err
}

// trial is what the dialect reads of the trial of a global transport.
type trial struct {
	Enabled, OK    bool
	Error          *string
	Seconds        float64 `json:"duration_seconds"`
	HTTPStatus     int     `json:"http_status"`
	Connection     string  `json:"connection_status"`
	ExchangeExists bool    `json:"exchange_exists"`
	QueueExists    bool    `json:"queue_exists"`
}

type trials struct {
	Webhook struct {
		Enabled      bool    `json:"enabled"`
		Success      bool    `json:"success"`
		Error        *string `json:"error"`
		ResponseTime string  `json:"responseTime"`
		HTTPStatus   int     `json:"httpStatus"`
	} `json:"webhook"`
	RabbitMQ struct {
		Enabled        bool    `json:"enabled"`
		Success        bool    `json:"success"`
		Error          *string `json:"error"`
		Connection     string  `json:"connectionStatus"`
		ExchangeExists bool    `json:"exchangeExists"`
		QueueExists    bool    `json:"queueExists"`
	} `json:"rabbitmq"`
}

func testGlobals(x *rest.Exchange, _ *rest.None) (*trials, error) {
	var s systems[trial]
	err := x.Call("transport.testGlobal", nil, &s)
	w, r, out := &s.Transports.Webhook, &s.Transports.RabbitMQ, &trials{}
	out.Webhook.Enabled, out.Webhook.Success, out.Webhook.Error = w.Enabled, w.OK, w.Error
	out.Webhook.ResponseTime, out.Webhook.HTTPStatus = span(w.Seconds), w.HTTPStatus
	out.RabbitMQ.Enabled, out.RabbitMQ.Success, out.RabbitMQ.Error = r.Enabled, r.OK, r.Error
	out.RabbitMQ.Connection, out.RabbitMQ.ExchangeExists, out.RabbitMQ.QueueExists = r.Connection, r.ExchangeExists, r.QueueExists
	return out, err
}

// configured is what the dialect reads of a global transport's settings.
type configured struct {
	outlet
	Options brokerOptions
}

type globalSettings struct {
	Webhook struct {
		Enabled        bool     `json:"enabled"`
		URL            string   `json:"url"`
		Events         []string `json:"events"`
		Timeout        string   `json:"timeout"`
		RetryCount     int      `json:"retryCount"`
		MaxConcurrency int      `json:"maxConcurrency"`
	} `json:"webhook"`
	RabbitMQ struct {
		Enabled bool     `json:"enabled"`
		URL     string   `json:"url"`
		Events  []string `json:"events"`
		routing
	} `json:"rabbitmq"`
	Environment map[string]string `json:"environment_variables"`
}

func globalConfig(x *rest.Exchange, _ *rest.None) (*globalSettings, error) {
	var s struct {
		systems[configured]
		Environment map[string]string
	}
	err := x.Call("transport.getGlobalSettings", nil, &s)
	w, r, out := &s.Transports.Webhook, &s.Transports.RabbitMQ, &globalSettings{Environment: s.Environment}
	hook, rabbit := &out.Webhook, &out.RabbitMQ
	hook.Enabled, hook.URL, hook.Events = w.Enabled, w.URL, documented(w.Events)
	hook.Timeout, hook.RetryCount, hook.MaxConcurrency = span(w.Timeout), w.MaxRetries, w.MaxConcurrency
	rabbit.Enabled, rabbit.URL, rabbit.Events, rabbit.routing = r.Enabled, r.URL, documented(r.Events), r.Options.routing
	return out, err
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
