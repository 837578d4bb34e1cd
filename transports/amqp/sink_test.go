package amqp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

// Queues are declared as events need them, and messages have the documented properties.
func TestMessage(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.RoutingKey = "whatsapp.{user_id}.{event_type}"
	s := open(t, cfg)
	d := event("shop", 7)
	s.must(t, d)
	d.Replay = true
	s.must(t, d)
	s.must(t, event("other", 1))
	c := channel(t, server)
	queue := name(t, "") + "shop.Message"
	m := get(t, c, queue)
	if string(m.Body) != string(d.Body) || m.MessageId != "id-shop-7" || m.Type != "Message" || m.ContentType != "application/json" ||
		m.DeliveryMode != 2 || m.RoutingKey != "whatsapp.shop.Message" || m.Exchange != cfg.Exchange {
		t.Errorf("%+v", m)
	}
	for header, want := range map[string]any{"session": "shop", "offset": int64(7), "id": "id-shop-7", "time": "2026-01-01T00:00:00.123Z", "replay": nil} {
		if m.Headers[header] != want {
			t.Errorf("%s: %v, want %v", header, m.Headers[header], want)
		}
	}
	var body map[string]any
	m = get(t, c, queue)
	if err := json.Unmarshal(m.Body, &body); err != nil || body["replay"] != true || m.Headers["replay"] != true {
		t.Errorf("a replay is not marked: %s %v", m.Body, m.Headers)
	}
	st := s.Stats()
	if want := []string{name(t, "") + "other.Message", queue}; !slices.Equal(st.Queues, want) || st.Published != 3 || !st.Connected || st.LastPublish.IsZero() {
		t.Errorf("%+v", st)
	}
}

// Every type of exchange brings an event to the queue of its session and type alone.
func TestExchangeTypes(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	c := channel(t, server)
	for kind, both := range map[string]bool{"topic": false, "direct": false, "headers": false, "fanout": true, "": false} {
		t.Run(kind, func(t *testing.T) {
			cfg := config(t, server.URL())
			if cfg.ExchangeType = kind; kind == "" {
				cfg.Exchange, cfg.ExchangeType = "", "direct"
			}
			s := open(t, cfg)
			s.must(t, event("b", 1))
			s.must(t, event("a", 1))
			if m := get(t, c, name(t, "")+"a.Message"); m.MessageId != "id-a-1" {
				t.Errorf("%+v", m)
			}
			q, err := c.QueueDeclarePassive(name(t, "")+"b.Message", true, false, false, false, nil)
			if want := map[bool]int{false: 1, true: 2}[both]; err != nil || q.Messages != want {
				t.Errorf("%d messages, want %d (%v)", q.Messages, want, err)
			}
		})
	}
}

// The broker applies the queue settings.
func TestQueues(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	c := channel(t, server)
	if err := c.ExchangeDeclare(name(t, "dlx"), "fanout", false, true, false, false, nil); err != nil {
		t.Fatal(err)
	}
	dead, err := c.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = c.QueueBind(dead.Name, "", name(t, "dlx"), false, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	for what, set := range map[string]func(*Settings){
		"quorum":    func(s *Settings) { s.QueueType = "quorum" },
		"stream":    func(s *Settings) { s.QueueType, s.MaxLengthBytes = "stream", 1<<20 },
		"exclusive": func(s *Settings) { s.Exclusive, s.Durable = true, false },
		"going":     func(s *Settings) { s.AutoDelete = true },
		"by hand": func(s *Settings) {
			s.QueueArguments = map[string]any{"x-max-length": float64(5), "x-single-active-consumer": true}
		},
	} {
		t.Run(what, func(t *testing.T) {
			cfg := config(t, server.URL())
			set(&cfg.Settings)
			s := open(t, cfg)
			s.must(t, event("shop", 1))
		})
	}
	t.Run("ends", func(t *testing.T) {
		cfg := config(t, server.URL())
		cfg.MessageTTL, cfg.DeadLetterRoutingKey = 0.05, "expired"
		cfg.DeadLetterExchange = "TestQueues.dlx"
		s := open(t, cfg)
		s.must(t, event("shop", 1))
		if m := get(t, c, dead.Name); m.RoutingKey != "expired" || m.MessageId != "id-shop-1" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("full", func(t *testing.T) {
		cfg := config(t, server.URL())
		cfg.MaxLength, cfg.QueueArguments = 2, map[string]any{"x-overflow": "reject-publish"}
		s := open(t, cfg)
		s.must(t, event("shop", 1))
		s.must(t, event("shop", 2))
		brokertest.Eventually(t, "a refusal", func() bool {
			_, err := s.try(t, event("shop", 3))
			return brokertest.Meaning(err) == "refused" && errors.Is(err, errRefused) && s.Stats().Reason == broker.ReasonNotReady
		})
		if _, err := channel(t, server).QueueDelete(name(t, "")+"shop.Message", false, false, false); err != nil {
			t.Error(err)
		}
	})
}

// More routes than a sink remembers are declared again and again, and all messages arrive.
func TestMaxRoutes(t *testing.T) {
	const most, sessions = 2, 5
	cfg := config(t, brokertest.RabbitMQ(t).URL())
	cfg.Exclusive, cfg.Durable, cfg.MaxRoutes = true, false, most
	s := open(t, cfg)
	for offset := range uint64(3) {
		for i := range sessions {
			s.must(t, event(fmt.Sprint("shop-", i), offset+1))
			if n := len(s.Stats().Queues); n < 1 || n > most {
				t.Fatalf("%d queues are remembered", n)
			}
		}
	}
	if st := s.Stats(); st.Published != 3*sessions || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// A message that no queue takes is an error, and a queue that was deleted under the sink comes back.
func TestUnroutable(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Queue = ""
	s := open(t, cfg)
	var all sync.WaitGroup
	for i := range uint64(50) {
		all.Go(func() {
			if code, err := s.try(t, event("shop", i+1)); code != amqp.NoRoute || brokertest.Meaning(err) != "retry" {
				t.Errorf("%d, %s: %v", code, brokertest.Meaning(err), err)
			}
		})
	}
	all.Wait()
	if st := s.Stats(); st.Unroutable != 50 || st.Published != 0 || st.Failed != 50 {
		t.Errorf("%+v", st)
	}

	cfg.Queue, cfg.Exchange = name(t, "queue"), cfg.Exchange+"2"
	s = open(t, cfg)
	s.must(t, event("shop", 1))
	if _, err := channel(t, server).QueueDelete(cfg.Queue, false, false, false); err != nil {
		t.Fatal(err)
	}
	if code, err := s.try(t, event("shop", 2)); code != amqp.NoRoute || err == nil {
		t.Errorf("%d: %v", code, err)
	}
	s.must(t, event("shop", 2))
}

// Changed arguments of a queue that exists are refused by the broker: the events wait, the other queues go on.
func TestChangedArguments(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Queue = name(t, "queue")
	open(t, cfg).must(t, event("shop", 1))
	changed := cfg
	changed.MaxLength = 5
	s := open(t, changed)
	for range 2 {
		code, err := s.try(t, event("shop", 2))
		if code != 406 || brokertest.Meaning(err) != "refused" || !strings.Contains(err.Error(), "(406 ") {
			t.Fatalf("%d, %s: %v", code, brokertest.Meaning(err), err)
		}
	}
	if st := s.Stats(); !st.Connected || !strings.Contains(st.LastError, "other arguments") {
		t.Errorf("%+v", st)
	}
	if report, err := s.Test(t.Context(), "shop"); err == nil || !report.QueueExists || !report.ExchangeExists {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := channel(t, server).QueueDelete(cfg.Queue, false, false, false); err != nil {
		t.Fatal(err)
	}
	s.must(t, event("shop", 2))
}

func TestConnectionTest(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Queue = name(t, "queue")
	s := open(t, cfg)
	report, err := s.Test(t.Context(), "shop")
	if err != nil || report.ExchangeExists || report.QueueExists || report.Host != "127.0.0.1" || report.Port != server.Port || strings.Contains(report.Address, "guest@") {
		t.Errorf("%+v, %v", report, err)
	}
	s.must(t, event("shop", 1))
	if report, err = s.Test(t.Context(), "shop"); err != nil || !report.ExchangeExists || !report.QueueExists || report.Took == 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestTLS(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.TLSURL())
	if _, err := open(t, cfg).try(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
	cfg.TLS.CAFile = server.CAFile
	open(t, cfg).must(t, event("shop", 1))
}

func TestRefusals(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	for what, c := range map[string]struct {
		url    string
		code   int
		reason broker.Reason
	}{
		"wrong password":  {"amqp://guest:s3cret@" + server.Addr() + "/", 403, broker.ReasonCredentials},
		"no virtual host": {"amqp://guest:guest@" + server.Addr() + "/nowhere", 530, broker.ReasonRefused},
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t, config(t, c.url))
			code, err := s.try(t, event("shop", 1))
			if brokertest.Meaning(err) != "unreachable" || code != c.code || broker.ReasonOf(err) != c.reason || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%d, %s: %v", code, brokertest.Meaning(err), err)
			}
			if _, err := s.Test(t.Context(), "shop"); brokertest.Meaning(err) != "unreachable" || broker.ReasonOf(err) != c.reason {
				t.Errorf("%v", err)
			}
			if st := s.Stats(); st.Connected || st.LastError == "" || st.Reason != c.reason {
				t.Errorf("%+v", st)
			}
		})
	}
}

// A broker that stands still costs its own lanes the time of a publish, and another sink nothing.
func TestStall(t *testing.T) {
	const timeout = 300 * time.Millisecond
	server := brokertest.RabbitMQ(t)
	proxy := brokertest.NewProxy(t, server.Addr())
	cfg := config(t, server.URLAt(proxy.Addr))
	cfg.PublishTimeout = timeout.Seconds()
	other := open(t, config(t, server.URL()))
	stalled := open(t, cfg)
	brokertest.Eventually(t, "a connection", func() bool { _, err := stalled.try(t, event("shop", 1)); return err == nil })
	other.must(t, event("shop", 1))
	proxy.Stall()
	var all sync.WaitGroup
	for i := range uint64(20) {
		all.Go(func() {
			began := time.Now()
			_, err := stalled.try(t, event("shop", i+2))
			if took := time.Since(began); brokertest.Meaning(err) != "unreachable" || took > 9*time.Second { // shorter than the timeout of try
				t.Errorf("after %v %s: %v", took, brokertest.Meaning(err), err)
			}
		})
	}
	other.must(t, event("shop", 2))
	all.Wait()
	proxy.Flow()
	brokertest.Eventually(t, "the end of the stall", func() bool { _, err := stalled.try(t, event("shop", 50)); return err == nil })
}

// A peer that reads and sends no data blocks no caller.
func TestBlackHole(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	proxy := brokertest.NewProxy(t, server.Addr())
	proxy.Stall()
	cfg := config(t, server.URLAt(proxy.Addr))
	cfg.PublishTimeout, cfg.ConnectTimeout = 0.2, 500*time.Millisecond
	s := open(t, cfg)
	began := time.Now()
	if _, err := s.try(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || time.Since(began) > 9*time.Second {
		t.Errorf("after %v %v", time.Since(began), err)
	}
	if _, err := s.Test(t.Context(), "shop"); brokertest.Meaning(err) != "unreachable" {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	proxy := brokertest.NewProxy(t, "127.0.0.1:1")
	proxy.Refuse()
	s := open(t, config(t, "amqp://guest:guest@"+proxy.Addr+"/"))
	if _, err := s.try(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || s.Stats().Connected {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
}

// A broker that is out of memory says so: events are held without waiting for the deadline each time, and go on after it.
func TestMemoryAlarm(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.PublishTimeout = 0.3
	s := open(t, cfg)
	s.must(t, event("shop", 1))
	server.Control(t, "set_vm_memory_high_watermark", "absolute", "1")
	brokertest.Eventually(t, "the alarm", func() bool {
		_, err := s.try(t, event("shop", 2))
		return brokertest.Meaning(err) == "unreachable" && strings.Contains(err.Error(), "takes no messages now") && s.Stats().Blocked != ""
	})
	server.Control(t, "set_vm_memory_high_watermark", "0.4")
	brokertest.Eventually(t, "the end of the alarm", func() bool { _, err := s.try(t, event("shop", 2)); return err == nil })
}

func TestValidate(t *testing.T) {
	good := func(change func(*Settings)) Settings {
		s := DefaultSettings()
		s.URL = "amqp://guest:guest@localhost:5672/"
		change(&s)
		return s
	}
	for field, changes := range map[string][]func(*Settings){
		"url": {
			func(s *Settings) { s.URL = "" }, func(s *Settings) { s.URL = "http://u:s3cret@h" }, func(s *Settings) { s.URL = "amqp://u:s3cret@h:x" },
			func(s *Settings) { s.URL = "amqps://h?cacertfile=/etc/passwd" }, func(s *Settings) { s.URL = "amqp://u:s3%cret@h" },
		},
		"exchange":                {func(s *Settings) { s.Exchange, s.Queue = "", "" }, func(s *Settings) { s.Exchange = "a\x00" }},
		"exchange_type":           {func(s *Settings) { s.ExchangeType = "x-delayed" }, func(s *Settings) { s.ExchangeType = "" }},
		"queue":                   {func(s *Settings) { s.Queue = "{nobody}" }, func(s *Settings) { s.Queue = "amq.mine" }, func(s *Settings) { s.Queue = strings.Repeat("q", 256) }},
		"queue_type":              {func(s *Settings) { s.QueueType = "fast" }},
		"routing_key":             {func(s *Settings) { s.RoutingKey = "a}" }},
		"durable":                 {func(s *Settings) { s.Queue, s.QueueType, s.Durable = "q", "quorum", false }},
		"exclusive":               {func(s *Settings) { s.Queue, s.QueueType, s.Exclusive = "q", "quorum", true }},
		"auto_delete":             {func(s *Settings) { s.Queue, s.QueueType, s.AutoDelete = "q", "stream", true }},
		"message_ttl_seconds":     {func(s *Settings) { s.MessageTTL = -1 }, func(s *Settings) { s.MessageTTL = 1 << 40 }, func(s *Settings) { s.Queue, s.QueueType, s.MessageTTL = "q", "stream", 5 }},
		"max_length":              {func(s *Settings) { s.MaxLength = -1 }},
		"delivery_mode":           {func(s *Settings) { s.DeliveryMode = 3 }, func(s *Settings) { s.DeliveryMode = 0 }},
		"dead_letter_routing_key": {func(s *Settings) { s.DeadLetterRoutingKey = "k" }},
		"publish_timeout_seconds": {func(s *Settings) { s.PublishTimeout = 0 }, func(s *Settings) { s.PublishTimeout = 301 }},
		"worker_count":            {func(s *Settings) { s.WorkerCount = -1 }},
		"queue_arguments":         {func(s *Settings) { s.QueueArguments = map[string]any{"": 1} }, func(s *Settings) { s.QueueArguments = map[string]any{"x": struct{}{}} }},
	} {
		for i, change := range changes {
			s := good(change)
			err := s.Validate()
			if got := brokertest.Problems(err); len(got) != 1 || !got[field] {
				t.Errorf("%s %d: %v", field, i, err)
			} else if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats the password: %v", err)
			}
		}
	}
	// The documented request, in the names and units of calls.
	s := DefaultSettings()
	s.URL = "amqp://guest:guest@localhost:5672/"
	if err := json.Unmarshal([]byte(`{"exchange":"whatsapp.events","exchange_type":"topic",
		"queue":"user_{user_id}_event_{event_type}","queue_type":"classic","routing_key":"whatsapp.{user_id}.{event_type}","durable":true,"auto_delete":false,
		"exclusive":false,"no_wait":false,"delivery_mode":2,"dead_letter_exchange":"dlx.whatsapp","dead_letter_routing_key":"dlq.events","message_ttl_seconds":86400,
		"max_length":100000,"max_length_bytes":104857600,"queue_arguments":{"x-overflow":"reject-publish","x-queue-master-locator":"min-masters"},
		"exchange_arguments":{},"pool_size":50,"worker_count":100,"buffer_size":100000,"batch_size":1000,"batch_timeout_seconds":0.1,
		"publish_timeout_seconds":5,"max_retries":3,"retry_delay_seconds":1}`), &s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil || s.WorkerCount != 100 || s.MessageTTL != 86400 {
		t.Errorf("%v, %+v", err, s)
	}
}
