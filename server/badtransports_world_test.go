package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
)

// secretOfTest is the wrong password of a transport; no log may contain it.
const secretOfTest = "hunter2hunter2"

// faultWorld is the servers that cause the faults.
type faultWorld struct {
	t        *testing.T
	cache    *brokertest.RedisServer
	away     *brokertest.RedisServer // that is down at first
	rabbit   *brokertest.RabbitMQServer
	queues   *brokertest.SQSServer
	http     *http.Client
	followed atomic.Bool // a redirect of a receiver was followed
}

func newBadWorld(t *testing.T) *faultWorld {
	w := &faultWorld{
		t: t, cache: brokertest.Redis(t, brokertest.RedisOptions{User: "root", Password: "root"}), away: brokertest.Redis(t, brokertest.RedisOptions{}),
		rabbit: brokertest.RabbitMQ(t), queues: brokertest.SQS(t), http: &http.Client{Transport: &http.Transport{}},
	}
	t.Cleanup(w.http.CloseIdleConnections)
	w.away.Kill()
	return w
}

func (w *faultWorld) troubles() []transportFault {
	return slices.Concat(w.redisTroubles(), w.rabbitTroubles(), w.queueTroubles(), w.hookTroubles())
}

func (w *faultWorld) redisTroubles() []transportFault {
	const rights = "on >limited resetkeys -@all +@connection ~* "
	w.cache.Do(w.t, "ACL SETUSER changed on >other ~* +@all")
	w.cache.Do(w.t, "ACL SETUSER limited "+rights)
	as := func(user, password string) string { return "redis://" + user + ":" + password + "@" + w.cache.Addr() }
	list := []transportFault{
		{
			name: "redis-away", settings: object{"url": w.away.URL()}, text: "cannot be reached", reason: "unreachable", meaning: "unreachable",
			mend: func() { w.away.Start(w.t) },
		},
		{
			name: "redis-credentials", settings: object{"url": as("changed", secretOfTest)}, text: "WRONGPASS", reason: "credentials", meaning: "unreachable",
			mend: func() { w.cache.Do(w.t, "ACL SETUSER changed >"+secretOfTest) },
		},
		{
			name: "redis-rights", settings: object{"url": as("limited", "limited")}, text: "NOPERM", reason: "credentials", meaning: "refused",
			mend: func() { w.cache.Do(w.t, "ACL SETUSER limited "+rights+"+xadd") },
		},
		{
			name: "redis-oversized", settings: object{"url": as("root", "root"), "options": object{"max_bytes": 1000}},
			event: `{"text":"` + strings.Repeat("x", 2000) + `"}`, text: `"truncated_count":2`, // since the restart
			check: func(a arrival) error {
				if !a.Truncated || len(a.raw) > 1000 {
					return fmt.Errorf("%d bytes, truncated: %t", len(a.raw), a.Truncated)
				}
				return nil
			},
		},
		{
			name: "redis-utf8", settings: object{"url": as("root", "root"), "events": []string{"Message"}}, stranger: "no \xff\xfe UTF-8", text: `"published_count":3`,
			check: func(a arrival) error {
				if !strings.Contains(a.raw, "no \ufffd UTF-8") {
					return errors.New("nothing shows that something was there: " + a.raw)
				}
				return nil
			},
		},
	}
	for i := range list {
		c := &list[i]
		at := w.cache
		c.transport = "redis"
		if c.name == "redis-away" {
			at = w.away
		}
		options, _ := c.settings["options"].(object)
		if options == nil {
			options = object{}
		}
		options["stream"], c.settings["options"] = c.name, options
		c.inbox = func() []arrival { return w.stream(at, c.name) }
	}
	return list
}

// stream reads the whole of a stream; empty while its server is down.
func (w *faultWorld) stream(at *brokertest.RedisServer, name string) (list []arrival) {
	options, err := redis.ParseURL(at.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	options.DisableIdentity, options.MaxRetries = true, -1
	client := redis.NewClient(options)
	defer client.Close()
	entries, _ := client.XRange(w.t.Context(), name, "-", "+").Result()
	for _, e := range entries {
		list = append(list, arrived(e.Values["payload"].(string)))
	}
	return list
}

func (w *faultWorld) rabbitTroubles() []transportFault {
	door := brokertest.NewProxy(w.t, w.rabbit.Addr())
	door.Refuse()
	all := brokertest.Rights{Configure: brokertest.All, Write: brokertest.All, Read: brokertest.All}
	w.rabbit.SetUser(w.t, "changed", all)
	w.rabbit.SetUser(w.t, "limited", brokertest.Rights{Configure: brokertest.None, Write: brokertest.All, Read: brokertest.All})
	conn, err := amqp091.Dial(w.rabbit.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err = channel.QueueDeclare("amqp-arguments", true, false, false, false, amqp091.Table{"x-max-length": int64(7)}); err != nil {
		w.t.Fatal(err)
	}
	as := func(user, password string) string {
		return "amqp://" + user + ":" + password + "@" + w.rabbit.Addr() + "/"
	}
	list := []transportFault{
		{
			name: "amqp-away", settings: object{"url": w.rabbit.URLAt(door.Addr)}, text: "cannot be reached", reason: "unreachable", meaning: "unreachable",
			mend: func() { door.Accept(w.t) },
		},
		{
			name: "amqp-credentials", settings: object{"url": as("changed", secretOfTest)}, text: "403", reason: "credentials", meaning: "unreachable",
			mend: func() {
				w.rabbit.Control(w.t, "eval", `rabbit_auth_backend_internal:change_password(<<"changed">>, <<"`+secretOfTest+`">>, <<"test">>).`)
			},
		},
		{
			name: "amqp-rights", settings: object{"url": as("limited", "limited")}, text: "403", reason: "credentials", meaning: "refused",
			mend: func() { w.rabbit.SetUser(w.t, "limited", all) },
		},
		{
			name: "amqp-arguments", settings: object{"url": w.rabbit.URL()}, text: "406", reason: "refused", meaning: "refused",
			mend: func() {
				if _, err := channel.QueueDelete("amqp-arguments", false, false, false); err != nil {
					w.t.Fatal(err)
				}
			},
		},
	}
	for i := range list {
		c := &list[i]
		c.transport = "amqp"
		w.t.Cleanup(func() { // other runs share the server
			if _, err := channel.QueueDelete(c.name, false, false, false); err != nil {
				w.t.Error(err)
			}
		})
		c.settings["options"] = object{"exchange": "troubles", "queue": c.name, "routing_key": c.name}
		var all []arrival
		c.inbox = func() []arrival {
			channel, err := conn.Channel()
			if err != nil {
				w.t.Fatal(err)
			}
			defer channel.Close()
			for { // a queue that does not exist is empty
				m, ok, err := channel.Get(c.name, true)
				if err != nil || !ok {
					return all
				}
				all = append(all, arrived(string(m.Body)))
			}
		}
	}
	return list
}

func (w *faultWorld) queueTroubles() []transportFault {
	door := brokertest.NewProxy(w.t, w.queues.Addr())
	door.Refuse()
	keys, withKeys := w.guarded("UnrecognizedClientException", "The security token included in the request is invalid")
	rights, withRights := w.guarded("AccessDeniedException", "User: arn:aws:iam::123456789012:user/way is not authorized to perform: sqs:sendmessage")
	list := []transportFault{
		{name: "sqs-away", settings: object{"endpoint": "http://" + door.Addr}, text: "cannot be reached", reason: "unreachable", meaning: "unreachable", mend: func() { door.Accept(w.t) }},
		{name: "sqs-credentials", settings: object{"endpoint": keys}, text: "does not know the access key", reason: "credentials", meaning: "unreachable", mend: withKeys},
		{name: "sqs-rights", settings: object{"endpoint": rights}, text: "AccessDenied", reason: "credentials", meaning: "refused", mend: withRights},
	}
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(w.queues.URL()), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), HTTPClient: w.http,
	})
	for i := range list {
		c := &list[i]
		c.transport = "sqs"
		queue := c.name + ".fifo"
		options := c.settings
		options["region"], options["access_key"], options["secret_key"], options["create"] = "us-east-1", "key", secretOfTest, true
		c.settings = object{"url": queue, "options": options}
		var all []arrival
		c.inbox = func() []arrival {
			url, err := client.GetQueueUrl(w.t.Context(), &sqs.GetQueueUrlInput{QueueName: &queue})
			if err != nil { // not made yet
				return nil
			}
			batch, err := client.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, MaxNumberOfMessages: 10})
			if err != nil {
				w.t.Fatal(err)
			}
			for _, m := range batch.Messages {
				all = append(all, arrived(*m.Body))
				if _, err = client.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: m.ReceiptHandle}); err != nil {
					w.t.Fatal(err)
				}
			}
			return all
		}
	}
	return list
}

// guarded is a server in front of the queues that rejects every request, like SQS, until it is opened.
func (w *faultWorld) guarded(code, text string) (address string, open func()) {
	to, err := url.Parse(w.queues.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	var opened atomic.Bool
	pass := &httputil.ReverseProxy{Transport: w.http.Transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if opened.Load() {
			pass.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
		rw.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(rw, `{"__type":"com.amazon.coral.service#%s","message":"%s"}`, code, text)
	}))
	w.t.Cleanup(front.Close)
	return front.URL, func() { opened.Store(true) }
}

func (w *faultWorld) hookTroubles() []transportFault {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.followed.Store(true) }))
	w.t.Cleanup(elsewhere.Close)
	nobody := httptest.NewServer(http.NotFoundHandler())
	address := nobody.Listener.Addr().String()
	nobody.Close()
	var late, sent webhookReceiver
	var well atomic.Bool
	moved := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !well.Load() {
			http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		sent.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(moved.Close)
	return []transportFault{
		{
			name: "webhook-away", transport: "webhook", settings: object{"url": "http://" + address}, text: "refused", meaning: "unreachable", inbox: late.all,
			mend: func() {
				l, err := net.Listen("tcp", address)
				if err != nil {
					w.t.Fatal(err)
				}
				server := httptest.NewUnstartedServer(&late)
				_ = server.Listener.Close()
				server.Listener = l
				server.Start()
				w.t.Cleanup(server.Close)
			},
		},
		{
			name: "webhook-redirect", transport: "webhook", settings: object{"url": moved.URL}, text: "redirects are not followed", meaning: "permanent",
			dead: true, inbox: sent.all, mend: func() { well.Store(true) },
		},
	}
}

// webhookReceiver is a receiver of webhooks.
type webhookReceiver struct {
	mu   sync.Mutex
	list []arrival
}

// ServeHTTP implements http.Handler.
func (m *webhookReceiver) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	_, _ = io.Copy(&body, r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, arrived(body.String()))
}

func (m *webhookReceiver) all() []arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}
