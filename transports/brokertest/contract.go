package brokertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// ContractSink is a sink as SinkContract uses it.
type ContractSink interface {
	dispatch.Sink
	Close() error
}

// ContractBroker is a running broker with a receiver. Each part of the contract opens one.
type ContractBroker struct {
	// Open opens a sink that delivers to the broker. SinkContract closes it.
	Open func() ContractSink
	// Receive returns all messages that the broker has received so far, those of a session in the order of their arrival.
	Receive func() []Received
	// Stop stops the broker and Start starts it again with its messages and its address; nil = the broker cannot be stopped.
	Stop, Start func()
}

// Received is a message as its receiver reads it.
type Received struct {
	Session string
	Offset  uint64
	ID      string
	Body    string
}

// SinkContract checks what the dispatcher and receivers expect of every sink: the content of messages, their order, no loss in an outage, and
// deliveries that end with their context and with the sink.
func SinkContract(t *testing.T, start func(t *testing.T) ContractBroker) {
	t.Run("Content", func(t *testing.T) { checkContent(t, start(t)) })
	t.Run("Order", func(t *testing.T) { checkOrder(t, start(t)) })
	t.Run("Outage", func(t *testing.T) { checkOutage(t, start(t)) })
	t.Run("Closed", func(t *testing.T) { checkClosed(t, start(t)) })
}

// openSink opens a sink that is closed at the end of the test.
func (b *ContractBroker) openSink(t *testing.T) ContractSink {
	t.Helper()
	s := b.Open()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// deliverOnce makes one attempt, which must end soon after its deadline.
func deliverOnce(t *testing.T, s dispatch.Sink, d *dispatch.Delivery, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	began := time.Now()
	_, err := s.Deliver(ctx, dispatch.Target{Transport: "broker", ID: "own/" + d.Event.Session, Session: d.Event.Session}, d)
	if took := time.Since(began); took > timeout+20*time.Second {
		t.Errorf("an attempt with %v took %v", timeout, took)
	}
	return err
}

// checkContent: id, session, offset and body arrive unchanged, and a replay is marked in its body.
func checkContent(t *testing.T, b ContractBroker) {
	s := b.openSink(t)
	d := Event("shop", 7)
	replay := Event("shop", 7)
	replay.Replay = true
	for _, each := range []*dispatch.Delivery{d, replay} {
		if err := deliverOnce(t, s, each, 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	var got []Received
	Eventually(t, "two messages", func() bool { got = b.Receive(); return len(got) >= 2 })
	want := Received{"shop", 7, "id-shop-7", string(d.Body)}
	if len(got) != 2 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Body = strings.TrimSuffix(want.Body, "}") + `,"replay":true}`
	if got[1] != want {
		t.Errorf("%+v, want %+v", got[1], want)
	}
}

// receiveAll waits until every event has arrived, and returns the events of NewRun's sessions in a ledger.
func (b *ContractBroker) receiveAll(t *testing.T, sessions, each int) *Ledger {
	t.Helper()
	var ledger *Ledger
	Eventually(t, "all messages", func() bool {
		ledger = &Ledger{}
		for _, r := range b.Receive() {
			if r.Session != otherSession {
				ledger.Add(r.Session, r.Offset, r.ID)
			}
		}
		return ledger.Total() >= sessions*each
	})
	return ledger
}

// otherSession is a session that a run does not have.
const otherSession = "other"

// checkOrder: the events of each session arrive in order and once.
func checkOrder(t *testing.T, b ContractBroker) {
	const sessions, each = 8, 60
	run := NewRun(t, b.openSink(t), sessions)
	run.Append(each, 50)
	run.Await(sessions * each)
	if duplicates := b.receiveAll(t, sessions, each).Check(t, sessions, each); duplicates > 0 {
		t.Errorf("%d events came twice", duplicates)
	}
}

// checkOutage: an attempt without a broker fails in time and not permanently; after the outage no event is missing and the order is kept.
func checkOutage(t *testing.T, b ContractBroker) {
	if b.Stop == nil {
		t.Skip("the broker cannot be stopped")
	}
	const sessions, each = 8, 60
	s := b.openSink(t)
	run := NewRun(t, s, sessions)
	run.Append(each/2, 50)
	b.Stop()
	run.Append(each/2, 50)
	if meaning := Meaning(deliverOnce(t, s, Event(otherSession, 1), time.Second)); meaning != "unreachable" && meaning != "retry" {
		t.Errorf("an attempt without a broker is %s", meaning)
	}
	b.Start()
	run.Await(sessions * each)
	if duplicates := b.receiveAll(t, sessions, each).Check(t, sessions, each); duplicates > sessions*3 { // few in each lane
		t.Errorf("%d events came twice", duplicates)
	}
}

// checkClosed: a closed sink rejects deliveries at once, for a reason that is not the event's or the broker's.
func checkClosed(t *testing.T, b ContractBroker) {
	s := b.openSink(t)
	if err := deliverOnce(t, s, Event("shop", 1), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := deliverOnce(t, s, Event("shop", 2), 30*time.Second); !errors.Is(err, broker.ErrClosed) || Meaning(err) != "retry" {
		t.Errorf("%s: %v", Meaning(err), err)
	}
}
