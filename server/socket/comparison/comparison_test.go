package comparison

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/waystation/waystation/server/socket/sockettest"
)

func TestMain(m *testing.M) {
	sockettest.Main()
	os.Exit(m.Run())
}

// rounds is the number of alternating measurements per server; medians are reported.
const rounds = 15

// cpuTime returns the CPU time of this process: the servers, of which one works at a time.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// entry is one line of the table.
type entry struct {
	name string
	run  func() // does the work once
}

// compare measures the entries alternately and prints the CPU time of one of n operations, and its ratio to the first
// entry.
func compare(t *testing.T, what string, n int, entries ...entry) {
	took := make([][]float64, len(entries))
	for round := range rounds + 1 {
		for i, e := range entries {
			before := cpuTime()
			e.run()
			if round > 0 { // the first round warms up
				took[i] = append(took[i], float64((cpuTime()-before).Nanoseconds())/1000/float64(n))
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	first := 0.0
	for i, e := range entries {
		slices.Sort(took[i])
		median := took[i][rounds/2]
		if i == 0 {
			first = median
		}
		fmt.Fprintf(table, "%s\t%s\t%.2f us server CPU\tx %.2f\n", what, e.name, median, median/first)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestFanOut(t *testing.T) {
	const sockets = 1000
	contestants := map[string]*contestant{"waystation": waystation(t, sockets), "centrifuge v0.38.0": centrifugeServer(t, sockets)}
	for _, burst := range []int{1, 16} {
		perRound := 320 / burst // some tenths of a second, which is the resolution of rusage
		if burst == 1 {
			perRound = 40
		}
		var entries []entry
		for _, name := range []string{"waystation", "centrifuge v0.38.0"} {
			c := contestants[name]
			entries = append(entries, entry{name, func() {
				for range perRound {
					c.publish(burst)
					c.swarm.Await(sockets * burst)
				}
			}})
		}
		compare(t, fmt.Sprintf("delivery to %d sockets in bursts of %d", sockets, burst), sockets*burst*perRound, entries...)
	}
}

func TestCall(t *testing.T) {
	const calls, inFlight = 6400, 64
	call := func(name string, c *contestant) entry {
		return entry{name, func() { c.swarm.Call(calls, inFlight) }}
	}
	compare(t, "call that does nothing, 64 in flight", calls,
		call("waystation", waystation(t, 1)),
		call("jsonrpc2 v0.2.3 on coder/websocket", jsonrpc2Server(t)),
		call("coder/websocket v1.8.15 echo", echoServer(t)))
}
