package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// ownBroker is the broker of one session besides the global transports. Its settings name one of two places, and
// change to the other during deliveries.
type ownBroker struct {
	name    string
	session string
	use     func(t *testing.T, place int)
	remove  func(t *testing.T)
	places  [2]func() map[string][]delivery // each call reads on
}

// TestOwnBrokers configures a RabbitMQ and an SQS queue of sessions, by calls and over DIGIGO's routes: each gets the events of its
// session only, all of them in order, also if the session skips the global transports, which get the events of the
// other sessions at the same time. Frequent changes of settings lose no event; deletion stops deliveries at once.
func TestOwnBrokers(t *testing.T) {
	const messages, changes, duration = 800, 12, 6 * time.Second
	w := startOwnWorld(t)
	brokers := w.brokers(t)
	for _, b := range brokers {
		for _, place := range []int{1, 0} { // both exist and can be read
			b.use(t, place)
		}
	}
	for i := range ownSessions {
		link(t, w.server, w.network, hookSession(i), hookNumber(i))
	}
	letters := newTraffic(t, w.network, ownSessions)
	written := letters.write(t, messages, duration)
	for change := range changes {
		pause(duration / (changes + 1))
		for _, b := range brokers {
			b.use(t, (change+1)%2)
		}
	}
	written()
	journals, total := letters.journals(t, w.server)
	for _, b := range brokers {
		t.Run(b.name+" of "+b.session, func(t *testing.T) { b.hasAll(t, journals[b.session], changes) })
	}
	globals := map[string]func() map[string][]delivery{
		"RabbitMQ": rabbitReader(t, w.rabbit, "everybody"), "SQS": queueReader(t, w.queues, sessionQueues("everybody", ownSessions)[1:]...),
	}
	for name, read := range globals {
		t.Run("global "+name, func(t *testing.T) {
			got := awaitAll(t, read, journals, 1, 2, 3)
			if len(got[hookSession(0)]) > 0 {
				t.Errorf("%d events of the session that skips it", len(got[hookSession(0)]))
			}
			for i := 1; i < ownSessions; i++ {
				inOrder(t, hookSession(i), got[hookSession(i)], journals[hookSession(i)])
			}
		})
	}

	before := map[*ownBroker]int{}
	for _, b := range brokers {
		b.remove(t)
		before[b] = b.count()
	}
	letters.write(t, 10*ownSessions, time.Second)()
	journals, _ = letters.journals(t, w.server)
	t.Run("deleted", func(t *testing.T) {
		awaitAll(t, globals["RabbitMQ"], journals, 1, 2, 3)
		awaitAll(t, globals["SQS"], journals, 1, 2, 3)
		for _, b := range brokers {
			if now := b.count(); now != before[b] {
				t.Errorf("%s of %s: %d more events", b.name, b.session, now-before[b])
			}
		}
	})
	var dead struct{ Total int }
	e2etest.MustCall(t, w.server.Addr, "archive.list", object{"status": "dead_letter"}, &dead)
	if dead.Total != 0 {
		t.Errorf("%d dead letters", dead.Total)
	}
	t.Logf("%d events of %d sessions, settings changed %d times", total, ownSessions, changes*len(brokers))
	e2etest.CheckNetwork(t, w.network)
}

// ownWorld is a server with global transports, of which the first session skips both.
type ownWorld struct {
	network, server *e2etest.Process
	rabbit          *brokertest.RabbitMQServer
	queues          *brokertest.SQSServer
	access          object // to queues
	tokens          [ownSessions]string
}

const ownSessions = 4

func startOwnWorld(t *testing.T) *ownWorld {
	t.Helper()
	w := &ownWorld{rabbit: brokertest.RabbitMQ(t), queues: brokertest.SQS(t)}
	w.access = object{"endpoint": w.queues.URL(), "region": "us-east-1", "access_key": "test", "secret_key": "test-secret", "create": true}
	access, err := json.Marshal(w.access)
	if err != nil {
		t.Fatal(err)
	}
	network, root := e2etest.StartSandbox(t)
	dir := t.TempDir()
	w.network = network
	w.server = e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"), append([]string{
		"-global-rabbitmq-enabled", "-global-rabbitmq-url", w.rabbit.URL(), "-global-rabbitmq-exchange", "everybody", "-global-rabbitmq-queue", "everybody",
		"-global-sqs-enabled", "-global-sqs-url", "everybody-{session}.fifo", "-global-sqs-options", string(access),
	}, e2etest.HookSettings...)...)
	for i := range ownSessions {
		settings := object{}
		if i == 0 {
			settings["skip_global"] = []string{"amqp", "sqs"}
		}
		var created struct{ Token string }
		e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": hookSession(i), "settings": settings}, &created)
		w.tokens[i] = created.Token
	}
	return w
}

// ownQueue and ownExchange name a place; a queue stays bound to the exchange it had.
func ownQueue(session string, place int) string { return fmt.Sprintf("own-%s-%d", session, place) }
func ownExchange(place int) string              { return fmt.Sprintf("own-%d", place) }

func (w *ownWorld) brokers(t *testing.T) (all []*ownBroker) {
	t.Helper()
	places := func(reader func(queue string) func() map[string][]delivery, session, suffix string) [2]func() map[string][]delivery {
		return [2]func() map[string][]delivery{reader(ownQueue(session, 0) + suffix), reader(ownQueue(session, 1) + suffix)}
	}
	onRabbit := func(queue string) func() map[string][]delivery { return rabbitReader(t, w.rabbit, queue) }
	onQueues := func(queue string) func() map[string][]delivery { return queueReader(t, w.queues, queue) }
	byCall := func(i int, transport string, settings func(place int) object) *ownBroker {
		named := object{"session": hookSession(i), "transport": transport}
		return &ownBroker{
			name: transport + " by calls", session: hookSession(i),
			use: func(t *testing.T, place int) {
				e2etest.MustCall(t, w.server.Addr, "transport.updateSettings", e2etest.MergeObjects(named, settings(place)), nil)
			},
			remove: func(t *testing.T) { e2etest.MustCall(t, w.server.Addr, "transport.deleteSettings", named, nil) },
		}
	}
	for _, i := range []int{0, 2} {
		b := byCall(i, "amqp", func(place int) object {
			return object{"url": w.rabbit.URL(), "options": object{"exchange": ownExchange(place), "queue": ownQueue("{session}", place)}}
		})
		b.places = places(onRabbit, b.session, "")
		q := byCall(i, "sqs", func(place int) object {
			return object{"url": ownQueue("{session}", place) + ".fifo", "options": w.access}
		})
		q.places = places(onQueues, q.session, ".fifo")
		all = append(all, b, q)
	}
	const route = "/digigo/session/rabbitmq/config"
	return append(all, &ownBroker{
		name: "amqp by DIGIGO's routes", session: hookSession(1), places: places(onRabbit, hookSession(1), ""),
		use: func(t *testing.T, place int) {
			digigoCall(t, w.server, w.tokens[1], http.MethodPost, route, object{
				"enabled": true, "url": w.rabbit.URL(), "events": "All", "exchange": ownExchange(place), "queue": ownQueue("{user_id}", place),
				"publish_timeout_ms": 4000 + place,
			})
		},
		remove: func(t *testing.T) { digigoCall(t, w.server, w.tokens[1], http.MethodDelete, route, nil) },
	})
}

// read returns the events of each place so far.
func (b *ownBroker) read() (out [2]map[string][]delivery) {
	for i, read := range b.places {
		out[i] = read()
	}
	return out
}

func (b *ownBroker) count() (n int) {
	for _, place := range b.read() {
		for _, list := range place {
			n += len(list)
		}
	}
	return n
}

// hasAll waits for every event of the session's journal in one of the places, and checks that there are no others, that
// each place has them in order, and that a change of settings repeats only deliveries in progress.
func (b *ownBroker) hasAll(t *testing.T, journal []e2etest.Event, changes int) {
	t.Helper()
	var got [2]map[string][]delivery
	testkit.Within(t, time.Minute, "everything has come", func() bool {
		got = b.read()
		return distinct(slices.Concat(got[0][b.session], got[1][b.session])) >= len(journal)
	})
	total := 0
	for i, place := range got {
		if others := slices.DeleteFunc(slices.Collect(maps.Keys(place)), func(name string) bool { return name == b.session }); len(others) > 0 {
			t.Errorf("place %d has events of %v", i, others)
		}
		newest, seen := uint64(0), map[uint64]bool{}
		for _, one := range place[b.session] {
			switch {
			case one.offset == 0 || one.offset > uint64(len(journal)) || journal[one.offset-1].ID != one.id:
				t.Errorf("place %d has the event %s at offset %d, which the journal does not", i, one.id, one.offset)
			case one.offset < newest && !seen[one.offset]:
				t.Errorf("place %d has offset %d after %d", i, one.offset, newest)
			}
			newest, seen[one.offset] = max(newest, one.offset), true
		}
		if len(place[b.session]) < len(journal)/4 {
			t.Errorf("place %d has %d of %d events", i, len(place[b.session]), len(journal))
		}
		total += len(place[b.session])
	}
	if repeats := total - len(journal); repeats > 3*changes {
		t.Errorf("%d events came twice", repeats)
	} else {
		t.Logf("%d events, %d twice", len(journal), repeats)
	}
}

// awaitAll waits until all events of the sessions' journals have arrived.
func awaitAll(t *testing.T, read func() map[string][]delivery, journals map[string][]e2etest.Event, sessions ...int) (got map[string][]delivery) {
	t.Helper()
	testkit.Within(t, time.Minute, "everything has come", func() bool {
		got = read()
		return !slices.ContainsFunc(sessions, func(i int) bool { return distinct(got[hookSession(i)]) < len(journals[hookSession(i)]) })
	})
	return got
}

// link creates the account of a session and links the two.
func link(t *testing.T, server, network *e2etest.Process, session, number string) {
	t.Helper()
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
	e2etest.MustCall(t, server.Addr, "session.connect", object{"session": session}, nil)
	testkit.Within(t, e2etest.FeedWait, "the QR code is there and scanned", func() bool {
		return e2etest.CallMethod(server.Addr, "sandbox.scanQrCode", object{"account": number, "session": session}, nil) == nil
	})
	testkit.Within(t, e2etest.FeedWait, session+" is connected", func() bool { return e2etest.IsConnected(server, session) })
}

// digigoCall makes a request as a client of DIGIGO does.
func digigoCall(t *testing.T, server *e2etest.Process, token, method, path string, body object) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+server.Addr+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("token", token)
	response, err := e2etest.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, strings.TrimSpace(string(answer)))
	}
}
