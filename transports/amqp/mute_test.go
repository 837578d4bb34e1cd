package amqp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/brokertest"
)

// mute is a way to a broker that, from a certain method of the client on, takes and answers nothing more, but goes on with
// heartbeats: as one does that stands still behind a front that does not, or that is no broker.
type mute struct {
	listener net.Listener
	from     uint32 // class and method
	running  sync.WaitGroup
	quit     chan struct{}
	reached  chan struct{}
	once     sync.Once
}

const (
	connectionOpen = 10<<16 | 40
	channelOpen    = 20<<16 | 10
	basicPublish   = 60<<16 | 40
)

func newMute(t *testing.T, target string, from uint32) *mute {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{listener: listener, from: from, quit: make(chan struct{}), reached: make(chan struct{})}
	m.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.running.Go(func() { m.serve(client, target) })
		}
	})
	t.Cleanup(func() {
		close(m.quit)
		_ = listener.Close()
		m.running.Wait()
	})
	return m
}

func (m *mute) serve(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	m.running.Go(func() { _, _ = io.Copy(client, server) })
	err = m.forward(client, server)
	_ = server.Close()
	if !errors.Is(err, errMuted) {
		return
	}
	m.once.Do(func() { close(m.reached) })
	m.running.Go(func() { _, _ = io.Copy(io.Discard, client) })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := client.Write([]byte{8, 0, 0, 0, 0, 0, 0, 0xce}); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-m.quit:
			return
		}
	}
}

var errMuted = errors.New("muted")

// forward passes on the client's frames.
func (m *mute) forward(client, server net.Conn) error {
	if _, err := io.CopyN(server, client, 8); err != nil { // "AMQP" and the version
		return err
	}
	for {
		frame := make([]byte, 7)
		if _, err := io.ReadFull(client, frame); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(frame[3:])+1)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		if frame[0] == 1 && binary.BigEndian.Uint32(body) == m.from {
			return errMuted
		}
		if _, err := server.Write(slices.Concat(frame, body)); err != nil {
			return err
		}
	}
}

// A broker that only ever sends heartbeats is given up in time, wherever it stopped, and a sink ends beside it.
func TestMuteBroker(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	for name, from := range map[string]uint32{"at its greeting": connectionOpen, "at the channel": channelOpen, "at a message": basicPublish} {
		t.Run(name, func(t *testing.T) {
			m := newMute(t, server.Addr(), from)
			cfg := config(t, server.URLAt(m.listener.Addr().String()))
			cfg.PublishTimeout, cfg.ConnectTimeout = 0.3, 300*time.Millisecond
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.try(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" {
				t.Errorf("%s: %v", brokertest.Meaning(err), err)
			}
			<-m.reached
			ended := make(chan struct{})
			go func() { _ = s.Close(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("the sink does not end")
			}
		})
	}
}
