package sqs

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

func TestStandard(t *testing.T) {
	server := brokertest.SQS(t)
	s := created(t, "way-{session}-{event_type}", server.URL())
	d := event("shop", 7)
	s.must(t, d)
	d.Replay = true
	s.must(t, d)
	var bodies []string
	brokertest.Eventually(t, "two messages", func() bool {
		for _, m := range s.receive(t, "way-shop-Message") {
			bodies = append(bodies, *m.Body)
		}
		return len(bodies) == 2
	})
	replays := 0
	for _, text := range bodies {
		var body map[string]any
		if err := json.Unmarshal([]byte(text), &body); err != nil || body["id"] != "id-shop-7" || body["session"] != "shop" || body["offset"] != 7.0 {
			t.Errorf("%s, %v", text, err)
		}
		if body["replay"] == true {
			replays++
		}
	}
	if st := s.Stats(); replays != 1 || st.Published != 2 || !st.Connected {
		t.Errorf("%d marked as replays, %+v", replays, st)
	}
}

// In a FIFO queue sessions are groups; an attempt that is repeated is dropped, a replay is not.
func TestFIFO(t *testing.T) {
	server := brokertest.SQS(t)
	s := created(t, "way.fifo", server.URL())
	long := strings.Repeat("ü", 100)
	for _, d := range []string{"a", "b", long} {
		e := event(d, 1)
		e.Event.ID = fmt.Sprintf("id-%x", d[:1])
		s.must(t, e)
		s.must(t, e)
	}
	again := event("b", 1)
	again.Event.ID, again.Replay = "id-62", true
	s.must(t, again)
	got := map[string]int{}
	total := 0
	brokertest.Eventually(t, "four messages", func() bool {
		for _, m := range s.receive(t, "way.fifo") {
			got[m.Attributes["MessageGroupId"]]++
			total++
		}
		return total >= 4
	})
	if more := s.receive(t, "way.fifo"); total != 4 || len(more) != 0 || got["a"] != 1 || got["b"] != 2 || got[groupID(long)] != 1 {
		t.Errorf("%v, then %d more", got, len(more))
	}
}

// Many lanes share requests; each session's order holds, although connections are cut, refused and stalled in the middle.
func TestOrder(t *testing.T) {
	const sessions, each = 20, 60
	server := brokertest.SQS(t)
	proxy := brokertest.NewProxy(t, server.Addr())
	cfg := setup("all.fifo", "http://"+proxy.Addr)
	cfg.Create, cfg.Timeout = true, time.Second
	s := open(t, cfg)
	run := brokertest.NewRun(t, s, sessions)
	for _, trouble := range []func(){
		proxy.Cut,
		func() { proxy.Refuse(); proxy.Accept(t) },
		func() { proxy.Stall(); time.AfterFunc(1500*time.Millisecond, proxy.Flow) },
	} {
		run.Append(each/3, 50)
		trouble()
	}
	direct := open(t, setup("all.fifo", server.URL()))
	var ledger brokertest.Ledger
	brokertest.Eventually(t, "all events", func() bool {
		direct.read(t, "all.fifo", &ledger)
		return ledger.Total() >= sessions*each
	})
	run.Await(sessions * each)
	t.Logf("%d events, %d came twice", sessions*each, ledger.Check(t, sessions, each))
}

func TestOversizedAndNotUTF8(t *testing.T) {
	server := brokertest.SQS(t)
	s := created(t, "way", server.URL())
	large := event("shop", 1)
	large.Event.Data = []byte(`{"text":"` + strings.Repeat("x", DefaultMaxBytes) + `"}`)
	large.Body = large.Event.Body()
	s.must(t, large)
	just := event("shop", 2)
	just.Event.Data = []byte(`"` + strings.Repeat("x", DefaultMaxBytes-len(just.Body)+len(just.Event.Data)-2) + `"`)
	just.Body = just.Event.Body()
	if len(just.Body) != DefaultMaxBytes {
		t.Fatal(len(just.Body))
	}
	s.must(t, just)
	broken := event("shop", 3)
	broken.Body = []byte("{\"text\":\"a\xff\xfeb\uffff\"}")
	s.must(t, broken)
	got := map[string]bool{}
	brokertest.Eventually(t, "three messages", func() bool {
		for _, m := range s.receive(t, "way") {
			got[*m.Body] = true
		}
		return len(got) == 3
	})
	for _, want := range []string{
		`{"session":"shop","offset":1,"id":"id-shop-1","type":"Message","time":"2026-01-01T00:00:00.123Z","truncated":true}`,
		string(just.Body), "{\"text\":\"a\ufffdb\ufffd\"}",
	} {
		if !got[want] {
			t.Errorf("%.200s is not among the bodies", want)
		}
	}
}

// Names that SQS does not take, and queues that are not there.
func TestNames(t *testing.T) {
	server := brokertest.SQS(t)
	s := open(t, setup("way-{session}", server.URL()))
	code, err := s.try(t, event("shop", 1))
	if brokertest.Meaning(err) != "refused" || code != 400 || !strings.Contains(err.Error(), "not there") {
		t.Errorf("%d, %s: %v", code, brokertest.Meaning(err), err)
	}
	if _, err := s.try(t, event("a shop", 1)); brokertest.Meaning(err) != "permanent" {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
	if report, err := s.Test(t.Context(), "shop"); err != nil || report.QueueExists {
		t.Errorf("%+v, %v", report, err)
	}
	fixed := open(t, setup("fixed", server.URL()))
	if _, err := fixed.Test(t.Context(), "shop"); brokertest.Meaning(err) != "refused" {
		t.Errorf("%v", err)
	}
	created(t, "fixed", server.URL()).must(t, event("shop", 1))
	if report, err := fixed.Test(t.Context(), "shop"); err != nil || !report.QueueExists || report.Took == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	url, err := fixed.lookupQueue(t.Context(), "fixed")
	if err != nil {
		t.Fatal(err)
	}
	byURL := open(t, setup(url, server.URL()))
	byURL.must(t, event("shop", 2))
	if report, err := byURL.Test(t.Context(), "shop"); err != nil || !report.QueueExists {
		t.Errorf("%+v, %v", report, err)
	}
}

// A service that stands still costs its own lanes the time of a request, and another sink nothing.
func TestStall(t *testing.T) {
	const timeout = 2 * time.Second
	server := brokertest.SQS(t)
	proxy := brokertest.NewProxy(t, server.Addr())
	other := created(t, "way", server.URL())
	other.must(t, event("shop", 1))
	cfg := setup("way", "http://"+proxy.Addr)
	cfg.Timeout = timeout
	stalled := open(t, cfg)
	stalled.must(t, event("shop", 2))
	proxy.Stall()
	var all sync.WaitGroup
	for i := range uint64(20) {
		all.Go(func() {
			began := time.Now()
			_, err := stalled.try(t, event("shop", i+3))
			if took := time.Since(began); brokertest.Meaning(err) != "unreachable" || took > 5*timeout {
				t.Errorf("after %v %s: %v", took, brokertest.Meaning(err), err)
			}
		})
	}
	other.must(t, event("shop", 3))
	all.Wait()
	proxy.Flow()
	brokertest.Eventually(t, "the end of the stall", func() bool { _, err := stalled.try(t, event("shop", 50)); return err == nil })
}

// The metadata service is asked when the operator says so, and else not.
func TestMetadata(t *testing.T) {
	var asked atomic.Int64
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer metadata.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	for _, chosen := range []bool{false, true} {
		cfg := Config{Queue: "way", Endpoint: "http://127.0.0.1:1", Region: "us-east-1", InstanceMetadata: chosen}
		_, err := open(t, cfg).try(t, event("shop", 1))
		if brokertest.Meaning(err) != "unreachable" || !strings.Contains(err.Error(), "no credentials") {
			t.Errorf("%s: %v", brokertest.Meaning(err), err)
		}
		if (asked.Load() > 0) != chosen {
			t.Errorf("the metadata service was asked %d times; chosen: %v", asked.Load(), chosen)
		}
	}
	if _, err := Open(Config{Queue: "way"}); !brokertest.Problems(err)["region"] {
		t.Errorf("%v", err)
	}
}

// More queues than a sink remembers are asked for again and again, and all messages arrive.
func TestMaxQueues(t *testing.T) {
	const most, sessions = 2, 5
	cfg := setup("max-{session}", brokertest.SQS(t).URL())
	cfg.Create, cfg.MaxQueues = true, most
	s := open(t, cfg)
	for offset := range uint64(3) {
		for i := range sessions {
			s.must(t, event(fmt.Sprint("shop-", i), offset+1))
			s.mu.Lock()
			n := len(s.urls)
			s.mu.Unlock()
			if n < 1 || n > most {
				t.Fatalf("%d queues are remembered", n)
			}
		}
	}
	if st := s.Stats(); st.Published != 3*sessions || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestValidate(t *testing.T) {
	for field, c := range map[string][]Config{
		"queue":         {{}, {Queue: "{nobody}"}, {Queue: "a b"}, {Queue: strings.Repeat("q", 81)}, {Queue: "way.fifo.x"}, {Queue: "ftp://h/q"}},
		"create":        {{Queue: "https://h/1/q", Create: true}},
		"endpoint":      {{Queue: "q", Endpoint: "h:1"}, {Queue: "q", Endpoint: "http://u:s3cret@h"}},
		"secret_key":    {{Queue: "q", AccessKey: "a"}, {Queue: "q", SecretKey: "s3cret"}},
		"region":        {{Queue: "q", Region: "eu west"}, {Queue: "q", Region: "x/y.evil"}, {Queue: "q", Region: "-"}},
		"session_token": {{Queue: "q", SessionToken: "s3cret"}},
		"profile":       {{Queue: "q", AccessKey: "a", SecretKey: "s3cret", Profile: "p"}},
		"max_bytes":     {{Queue: "q", MaxBytes: 2 << 20}, {Queue: "q", MaxBytes: -1}},
		"timeout":       {{Queue: "q", Timeout: -1}, {Queue: "q", Timeout: time.Minute + 1}},
		"requests":      {{Queue: "q", Requests: -1}},
		"max_queues":    {{Queue: "q", MaxQueues: -1}},
	} {
		for _, cfg := range c {
			err := cfg.Validate()
			if got := brokertest.Problems(err); len(got) != 1 || !got[field] {
				t.Errorf("%+v: %v, want a problem of %s", cfg, err, field)
			} else if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		}
	}
	for _, queue := range []string{"way", "way.fifo", "{session}-{event_type}.fifo", "https://sqs.eu-west-1.amazonaws.com/1/way-{session}.fifo"} {
		if err := (Config{Queue: queue}).Validate(); err != nil {
			t.Errorf("%s: %v", queue, err)
		}
	}
}

// A sink with a restricted Dial does not reach other hosts through the proxy of the environment either.
func TestNoProxyAroundDial(t *testing.T) {
	for guarded, dial := range map[bool]broker.Dial{false: nil, true: (&net.Dialer{}).DialContext} {
		cfg := setup("way", "http://127.0.0.1:1").withDefaults()
		cfg.Dial = dial
		_, client, err := newClient(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		if proxied := client.Transport.(*http.Transport).Proxy != nil; proxied == guarded {
			t.Errorf("guarded: %v, by a proxy: %v", guarded, proxied)
		}
	}
}
