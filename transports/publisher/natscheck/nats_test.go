package natscheck

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	wnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/publisher"
)

// broker is a NATS server with JetStream. Its port and its messages outlive a restart.
type broker struct {
	t      *testing.T
	opts   server.Options
	server *server.Server
	reader *nats.Conn
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 64 << 10, NoLog: true, NoSigs: true,
	}}
	b.start()
	t.Cleanup(b.stop)
	b.opts.Port = b.server.Addr().(*net.TCPAddr).Port
	var err error
	if b.reader, err = nats.Connect(b.server.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.reader.Close)
	if _, err := b.jetStream().AddStream(&nats.StreamConfig{Name: "events", Subjects: []string{"wa.>"}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *broker) start() {
	b.t.Helper()
	opts := b.opts // the server changes its options
	var err error
	if b.server, err = server.NewServer(&opts); err != nil {
		b.t.Fatal(err)
	}
	b.server.Start()
	if !b.server.ReadyForConnections(30 * time.Second) {
		b.t.Fatal("the NATS server does not start")
	}
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *broker) jetStream() nats.JetStreamContext {
	b.t.Helper()
	js, err := b.reader.JetStream()
	if err != nil {
		b.t.Fatal(err)
	}
	return js
}

// received returns the messages of the stream, read back as Watermill messages.
func (b *broker) received() (list []brokertest.Received) {
	b.t.Helper()
	js := b.jetStream()
	info, err := js.StreamInfo("events")
	if err != nil {
		return nil // the server has just been restarted
	}
	for sequence := uint64(1); sequence <= info.State.LastSeq; sequence++ {
		raw, err := js.GetMsg("events", sequence)
		if err != nil {
			b.t.Error(err)
			return nil
		}
		msg, err := (&wnats.NATSMarshaler{}).Unmarshal(&nats.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data})
		if err != nil {
			b.t.Error(err)
			return nil
		}
		m, err := dispatch.ParseMetadata(msg)
		if err != nil || raw.Subject != "wa."+m.Session+"."+m.Type {
			b.t.Errorf("%s: %+v, %v", raw.Subject, m, err)
		}
		list = append(list, brokertest.Received{Session: m.Session, Offset: m.Offset, ID: msg.UUID, Body: string(msg.Payload)})
	}
	return list
}

// openSink is all that an embedder writes for NATS.
func openSink(url string) (*publisher.Sink, error) {
	p, err := wnats.NewPublisher(wnats.PublisherConfig{
		URL: url,
		NatsOptions: []nats.Option{
			nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond),
			nats.ReconnectBufSize(-1), // a call during an outage fails instead of being buffered
		},
		Marshaler: &wnats.NATSMarshaler{}, // id and metadata as headers, the body as it is
	}, nil)
	if err != nil {
		return nil, err
	}
	return publisher.NewSink(publisher.Config{Publisher: p, Topic: "wa.{session}.{event_type}", Classify: classify, MaxBytes: 60 << 10})
}

// classify returns the errors of NATS with their classes.
func classify(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return dispatch.Permanent(err)
	case errors.Is(err, nats.ErrNoStreamResponse):
		return dispatch.Refused(err) // no stream has the subject
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded):
		return dispatch.Unreachable(err)
	}
	return publisher.DefaultClassify(err)
}

func (b *broker) open() *publisher.Sink {
	b.t.Helper()
	s, err := openSink(b.server.ClientURL())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

// A sink over JetStream fulfils the contract of sinks: content, order, no loss while the server is restarted.
func TestContract(t *testing.T) {
	brokertest.SinkContract(t, func(t *testing.T) brokertest.ContractBroker {
		b := startBroker(t)
		return brokertest.ContractBroker{
			Open: func() brokertest.ContractSink { return b.open() }, Receive: b.received, Stop: b.stop, Start: b.start,
		}
	})
}

// The errors of NATS decide whether an event is at fault.
func TestErrors(t *testing.T) {
	b := startBroker(t)
	s := b.open()
	deliver := func(text string) string {
		t.Helper()
		d := brokertest.Event("shop", 1)
		d.Event.Data = []byte(`{"text":"` + text + `"}`)
		d.Body = d.Event.Body()
		_, err := s.Deliver(t.Context(), dispatch.Target{ID: "own/shop", Session: "shop"}, d)
		t.Log(err)
		return brokertest.Meaning(err)
	}
	if got := deliver("x"); got != "delivered" {
		t.Errorf("an event is %s", got)
	}
	if got := deliver(strings.Repeat("x", 70<<10)); got != "delivered" || !strings.Contains(b.received()[1].Body, `"truncated":true`) {
		t.Errorf("a large event is %s", got)
	}
	if err := b.jetStream().DeleteStream("events"); err != nil {
		t.Fatal(err)
	}
	if got := deliver("x"); got != "refused" {
		t.Errorf("an event without a stream is %s", got)
	}
	b.stop()
	if got := deliver("x"); got != "unreachable" {
		t.Errorf("an event without a server is %s", got)
	}
	if got := s.Stats(); got.Published != 2 || got.Failed != 2 || got.Connected {
		t.Errorf("%+v", got)
	}
}
