package sandbox

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// benchWorld is a network without the checks of world.
type benchWorld struct {
	net       *Network
	in        *Listener
	container *sqlstore.Container
	clients   []*whatsmeow.Client
}

func newBenchWorld(b *testing.B) *benchWorld {
	b.Helper()
	n := New(Options{})
	in, err := n.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	dsn := fmt.Sprintf("file:%s/wa.db?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate&_synchronous=NORMAL", b.TempDir())
	container, err := sqlstore.New(b.Context(), "sqlite3", dsn, waLog.Noop)
	if err != nil {
		b.Fatal(err)
	}
	w := &benchWorld{net: n, in: in, container: container}
	b.Cleanup(func() {
		for _, c := range w.clients {
			c.Disconnect()
		}
		n.Close()
		_ = container.Close()
	})
	return w
}

// session adds an account and a client paired with it.
func (w *benchWorld) session(b *testing.B, number int, handle func(any)) (*Phone, *whatsmeow.Client) {
	b.Helper()
	p, err := w.net.AddAccount(AccountOptions{Number: fmt.Sprint(number), PushName: "Bench"})
	if err != nil {
		b.Fatal(err)
	}
	c := whatsmeow.NewClient(w.container.NewDevice(), waLog.Noop)
	connected, codes := make(chan struct{}, 8), make(chan string, 8)
	c.AddEventHandler(func(evt any) {
		switch e := evt.(type) {
		case *events.QR:
			codes <- e.Codes[0]
		case *events.Connected:
			connected <- struct{}{}
		}
		if handle != nil {
			handle(evt)
		}
	})
	Attach(c, w.in.Dial)
	w.clients = append(w.clients, c)
	if err = c.Connect(); err != nil {
		b.Fatal(err)
	}
	if err = p.ScanQR(context.Background(), <-codes); err != nil {
		b.Fatal(err)
	}
	<-connected
	return p, c
}

func BenchmarkPair(b *testing.B) {
	w := newBenchWorld(b)
	for i := range b.N {
		w.session(b, 15550000+i, nil)
	}
	b.StopTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1024/float64(b.N), "KiB/session")
}

func BenchmarkPhoneToSession(b *testing.B) {
	w := newBenchWorld(b)
	got := make(chan struct{}, 1024)
	p, _ := w.session(b, 15550001, func(evt any) {
		if m, ok := evt.(*events.Message); ok && m.Message.GetConversation() != "" {
			got <- struct{}{}
		}
	})
	bob, err := w.net.AddAccount(AccountOptions{Number: "15550002"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err = bob.Send(context.Background(), p.JID(), Text("bench")); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

func BenchmarkAddAccount(b *testing.B) {
	n := New(Options{})
	defer n.Close()
	b.ReportAllocs()
	for i := range b.N {
		if _, err := n.AddAccount(AccountOptions{Number: fmt.Sprint(10_000_000 + i)}); err != nil {
			b.Fatal(err)
		}
		if i%50_000 == 49_999 {
			n.Close()
			n = New(Options{})
		}
	}
}
