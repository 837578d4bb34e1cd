package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestGlobalTransportsThroughChaos delivers events to Redis Streams, RabbitMQ, an SQS queue and an HTTP receiver, while each of them in
// turn is killed, restarted, stalled, cut and refused and the server itself is killed. At the end each has every event of
// every session at least once, in the order of its session, few of them twice, and there is no dead letter. The SQS server restarts
// with its queues, and once without them after they were drained.
func TestGlobalTransportsThroughChaos(t *testing.T) {
	if !testkit.FullSize() {
		t.Run("small", func(t *testing.T) { outletChaos(t, 6, 600, 1, 8) })
		return
	}
	t.Run("load", func(t *testing.T) { outletChaos(t, 50, 20_000, 5, 16) })
}

func outletChaos(t *testing.T, sessions, messages, kills, rounds int) {
	redisServer := brokertest.Redis(t, brokertest.RedisOptions{Persist: true})
	rabbit := brokertest.RabbitMQ(t)
	queues := brokertest.SQS(t)
	rights := brokertest.NewSQSFront(t, queues)
	toRedis, toRabbit, toQueues := brokertest.NewProxy(t, redisServer.Addr()), brokertest.NewProxy(t, rabbit.Addr()), brokertest.NewProxy(t, rights.Addr)
	receiver := newHooks(t)
	receiver.start(t)

	network, root := e2etest.StartSandbox(t)
	addr, dataDir := testkit.FreeAddress(t), t.TempDir()
	database := filepath.Join(dataDir, "waystation.db")
	sqsOptions := fmt.Sprintf(`{"endpoint":"http://%s","region":"us-east-1","access_key":"test","secret_key":"test-secret","create":true,"timeout_ms":2000}`, toQueues.Addr)
	settings := append([]string{
		"-global-webhook-enabled", "-global-webhook-url", receiver.url("all"),
		"-global-redis-enabled", "-global-redis-url", "redis://" + toRedis.Addr, "-global-redis-stream", "chaos:{session}",
		"-global-rabbitmq-enabled", "-global-rabbitmq-url", rabbit.URLAt(toRabbit.Addr), "-global-rabbitmq-exchange", "chaos", "-global-rabbitmq-queue", "chaos",
		"-global-rabbitmq-options", `{"durable":true,"delivery_mode":2}`,
		"-global-sqs-enabled", "-global-sqs-url", "chaos-{session}.fifo", "-global-sqs-options", sqsOptions,
		"-delivery-max-age", "10m",
	}, e2etest.HookSettings...)
	begin := func() *e2etest.Process {
		return e2etest.StartServer(t, addr, network, root, dataDir, database, settings...)
	}
	server := begin()
	for i := range sessions {
		pairQuietly(t, server, network, hookSession(i), hookNumber(i))
	}

	const phase = 1500 * time.Millisecond
	fromQueues := queueReader(t, queues, sessionQueues("chaos", sessions)...)
	troubles := []func(){
		func() { receiver.kill(); pause(phase); receiver.start(t) },
		func() {
			redisServer.Kill()
			queues.Kill()
			pause(phase)
			redisServer.Start(t)
			queues.Start(t)
		},
		func() { toRabbit.Cut(); toQueues.Cut(); pause(phase) },
		func() {
			toRedis.Stall()
			toRabbit.Stall()
			rights.Deny("chaos-")
			pause(phase)
			toRedis.Flow()
			toRabbit.Flow()
			rights.Allow()
		},
		func() {
			toQueues.Refuse()
			receiver.setMood(failing)
			pause(phase)
			toQueues.Accept(t)
			receiver.setMood(well)
		},
		func() { rabbit.Kill(); rabbit.Start(t) },
		func() {
			toQueues.Stall()
			receiver.setMood(hanging)
			pause(phase)
			toQueues.Flow()
			receiver.setMood(well)
		},
		func() {
			toQueues.Refuse()
			fromQueues() // accepted messages are read before they are lost
			queues.Kill()
			toQueues.Accept(t)
			toRedis.Refuse()
			toRabbit.Refuse()
			pause(phase)
			toRedis.Accept(t)
			toRabbit.Accept(t)
			queues.Forget(t)
			queues.Start(t)
		},
	}
	letters := newTraffic(t, network, sessions)
	letters.writeDuring(t, messages, rounds, kills, phase, troubles, func() {
		server.Kill()
		server = begin()
	})

	journals, total := letters.journals(t, server)
	redisNames := e2etest.CheckDelivered(t, "Redis")
	for transport, read := range map[string]func() map[string][]delivery{
		"webhook": func() map[string][]delivery { return receiver.bySession("all") },
		"redis":   func() map[string][]delivery { return streams(t, redisServer, journals, redisNames) },
		"amqp":    rabbitReader(t, rabbit, "chaos"),
		"sqs":     fromQueues,
	} {
		var got map[string][]delivery
		testkit.Within(t, 2*time.Minute, transport+" has everything", func() bool {
			got = read()
			for name, journal := range journals {
				if distinct(got[name]) < len(journal) {
					return false
				}
			}
			return true
		})
		repeats := 0
		for name, journal := range journals {
			repeats += inOrder(t, transport+" of "+name, got[name], journal)
		}
		t.Logf("%s: %d events of %d sessions, %d came twice (%.2f %%)", transport, total, sessions, repeats, 100*float64(repeats)/float64(total))
		// A kill or a cut repeats one event of a session at most, which is more than 1 % of a short run.
		if repeats >= max(total/100, 3*sessions) {
			t.Errorf("%s: %d of %d events came twice", transport, repeats, total)
		}
	}
	var dead struct{ Total int }
	e2etest.MustCall(t, server.Addr, "archive.list", object{"status": "dead_letter"}, &dead)
	if dead.Total != 0 {
		t.Errorf("%d dead letters of targets that came back", dead.Total)
	}
	e2etest.CheckNetwork(t, network)
}

// parseDelivery returns the session, id and offset of a delivered event.
func parseDelivery(t *testing.T, body []byte) (session string, one delivery) {
	t.Helper()
	var e struct {
		ID, Session string
		Offset      uint64
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Session == "" {
		t.Fatalf("%v in %.200s", err, body)
	}
	return e.Session, delivery{id: e.ID, offset: e.Offset}
}

// streams reads the stream of each session and checks the names in its entries.
func streams(t *testing.T, server *brokertest.RedisServer, sessions map[string][]e2etest.Event, names *e2etest.DeliveredNames) map[string][]delivery {
	t.Helper()
	db := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer db.Close()
	out := map[string][]delivery{}
	for name := range sessions {
		entries, err := db.XRange(t.Context(), "chaos:"+name, "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			offset, err := strconv.ParseUint(fmt.Sprint(entry.Values["offset"]), 10, 64)
			if err != nil {
				t.Fatalf("%v in %v", err, entry.Values)
			}
			names.Add("chaos:"+name, []byte(fmt.Sprint(entry.Values["payload"])))
			out[name] = append(out[name], delivery{id: fmt.Sprint(entry.Values["id"]), offset: offset})
		}
	}
	return out
}

// rabbitReader returns a function that reads a queue on from its last call and returns all events so far.
func rabbitReader(t *testing.T, server *brokertest.RabbitMQServer, queue string) func() map[string][]delivery {
	names := e2etest.CheckDelivered(t, "RabbitMQ "+queue)
	out := map[string][]delivery{}
	var from <-chan amqp091.Delivery
	return func() map[string][]delivery {
		if from == nil {
			conn, err := amqp091.Dial(server.URL())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			channel, err := conn.Channel()
			if err != nil {
				t.Fatal(err)
			}
			if from, err = channel.Consume(queue, "", true, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
		}
		for {
			select {
			case d := <-from:
				session, one := parseDelivery(t, d.Body)
				names.Add(queue, d.Body)
				out[session] = append(out[session], one)
			case <-time.After(100 * time.Millisecond):
				return out
			}
		}
	}
}

// sessionQueues returns the names of the sessions' FIFO queues under a prefix.
func sessionQueues(prefix string, sessions int) (queues []string) {
	for i := range sessions {
		queues = append(queues, prefix+"-"+hookSession(i)+".fifo")
	}
	return queues
}

// queueReader returns a function that receives and deletes the messages of the existing SQS queues and returns all events so far.
func queueReader(t *testing.T, server *brokertest.SQSServer, queues ...string) func() map[string][]delivery {
	db := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), Credentials: credentials.NewStaticCredentialsProvider("test", "test-secret", ""),
	})
	names := e2etest.CheckDelivered(t, "SQS")
	out := map[string][]delivery{}
	page := func(queue string) (more bool) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		found, err := db.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
		if missing := new(types.QueueDoesNotExist); errors.As(err, &missing) {
			return false // the queue does not exist before its session's next event
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: found.QueueUrl, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return false
		}
		done := &sqs.DeleteMessageBatchInput{QueueUrl: found.QueueUrl}
		for i, m := range got.Messages {
			session, one := parseDelivery(t, []byte(*m.Body))
			names.Add(queue, []byte(*m.Body))
			out[session] = append(out[session], one)
			done.Entries = append(done.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
		deleted, err := db.DeleteMessageBatch(ctx, done)
		if err != nil || len(deleted.Failed) > 0 {
			t.Fatalf("%v, %+v", err, deleted)
		}
		return true
	}
	return func() map[string][]delivery {
		for _, queue := range queues {
			for more := true; more; {
				more = page(queue)
			}
		}
		return out
	}
}
