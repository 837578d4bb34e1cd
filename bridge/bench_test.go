package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// networkProcess is the environment variable that makes the test binary a network in a process of its own, so that its
// memory is not counted. The network scans each QR code it reads with a new account.
const networkProcess = "BRIDGE_TEST_NETWORK"

func serveNetwork() {
	network := sandbox.New(sandbox.Options{})
	wire, err := network.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(wire.Addr())
	lines := bufio.NewScanner(os.Stdin)
	for n := 0; lines.Scan(); n++ {
		phone, err := network.AddAccount(sandbox.AccountOptions{Number: fmt.Sprint(49155600000 + n), PushName: fmt.Sprint("Person ", n)})
		if err == nil {
			err = phone.ScanQR(context.Background(), lines.Text())
		}
		fmt.Println(err)
	}
	network.Close()
}

// otherProcess is the connection to such a network process.
type otherProcess struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	address string
}

func startNetwork(tb testing.TB) *otherProcess {
	tb.Helper()
	p := &otherProcess{cmd: exec.Command(os.Args[0])} //nolint:gosec // the test binary itself
	p.cmd.Env = append(os.Environ(), networkProcess+"=1")
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err = p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = p.in.Close()
		_ = p.cmd.Wait()
	})
	if !p.out.Scan() {
		tb.Fatal("the network does not start")
	}
	p.address = p.out.Text()
	return p
}

func (p *otherProcess) scan(tb testing.TB, code string) {
	tb.Helper()
	if _, err := fmt.Fprintln(p.in, code); err != nil {
		tb.Fatal(err)
	}
	if !p.out.Scan() || p.out.Text() != "<nil>" {
		tb.Fatalf("scan: %s", p.out.Text())
	}
}

// BenchmarkSessionMemory measures the memory of a session: stored and unpaired, and connected and idle in a process
// that loaded it from its database.
func BenchmarkSessionMemory(b *testing.B) {
	sessions := 200
	if n, err := strconv.Atoi(os.Getenv("BENCH_SESSIONS")); err == nil {
		sessions = n
	}
	network := startNetwork(b)
	file := filepath.Join(b.TempDir(), "bench.db")
	x := openProcess(file, network.address)
	before := resident()
	for i := range sessions {
		if _, err := x.bridge.Create(b.Context(), bridge.CreateParams{ID: fmt.Sprint("s", i)}); err != nil {
			b.Fatal(err)
		}
	}
	unpaired := resident() - before
	for _, s := range x.bridge.Sessions() {
		if err := s.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		wait(b, s, bridge.StatePairing)
		network.scan(b, s.QR().Text)
		wait(b, s, bridge.StateConnected)
	}
	x.settle()
	x.close()

	cmd := exec.Command(os.Args[0]) //nolint:gosec // the test binary itself
	cmd.Env = append(os.Environ(), measureProcess+"="+file+" "+network.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var connected, seconds, goroutines float64
	if _, err = fmt.Sscan(string(out), &connected, &seconds, &goroutines); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	b.ReportMetric(float64(unpaired)/float64(sessions), "KiB/unpaired")
	b.ReportMetric(connected/float64(sessions), "KiB/connected")
	b.ReportMetric(goroutines/float64(sessions), "goroutines/session")
	b.ReportMetric(seconds, "s/start")
	b.ReportMetric(0, "ns/op")
}

// measureProcess is the environment variable that makes the test binary a process that connects the sessions of a
// database and prints the cost: KiB, seconds and goroutines.
const measureProcess = "BRIDGE_TEST_MEASURE"

func measure(file, address string) {
	x := openProcess(file, address)
	before, goroutines := resident(), runtime.NumGoroutine()
	start := time.Now()
	if err := x.bridge.Start(context.Background()); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, s := range x.bridge.Sessions() {
		if st, err := s.Wait(ctx, func(st bridge.Status) bool { return st.State == bridge.StateConnected }); err != nil {
			panic(fmt.Sprintf("session %s is %s (%s)", s.ID(), st.State, st.Reason))
		}
	}
	took := time.Since(start)
	x.settle()
	fmt.Println(resident()-before, took.Seconds(), runtime.NumGoroutine()-goroutines)
	x.close()
}

// process is a bridge with its database and journal.
type process struct {
	db     *dbutil.Database
	log    *journal.Journal
	bridge *bridge.Bridge
}

func openProcess(file, address string) *process {
	ctx := context.Background()
	x := &process{}
	var err error
	if x.db, err = database.Open(ctx, file, database.Options{}); err != nil {
		panic(err)
	}
	if x.log, err = journal.Open(ctx, x.db, journal.Config{}); err != nil {
		panic(err)
	}
	dial := sandbox.Dialer(address)
	x.bridge, err = bridge.Open(ctx, bridge.Options{
		DB: x.db, Key: make([]byte, 32), Journal: x.log, Log: slog.New(slog.DiscardHandler),
		Attach: func(cli *whatsmeow.Client) { sandbox.Attach(cli, dial) },
	})
	if err != nil {
		panic(err)
	}
	return x
}

func (x *process) close() {
	if err := x.bridge.Close(context.Background()); err != nil {
		panic(err)
	}
	_ = x.log.Close()
	_ = x.db.Close()
}

// settle waits until the journal has been quiet for 500 ms: the first sync of the accounts is over then.
func (x *process) settle() {
	for last := uint64(0); ; {
		<-time.After(500 * time.Millisecond)
		now := x.log.Stats().Appended
		if now == last {
			return
		}
		last = now
	}
}

func wait(tb testing.TB, s *bridge.Session, state bridge.State) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if st, err := s.Wait(ctx, func(st bridge.Status) bool { return st.State == state }); err != nil {
		tb.Fatalf("session %s is %s (%s), not %s", s.ID(), st.State, st.Reason, state)
	}
}

// resident returns the memory of this process in KiB after unused memory has been returned to the system.
func resident() int64 {
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err) // the benchmark requires Linux
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				panic(err)
			}
			return kib
		}
	}
	return 0
}
