package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

const (
	fleet         = 200
	maxConnected  = 260 // KiB of memory a connected idle session
	maxUnpaired   = 20  // KiB of memory a session without a device
	unpairedCount = 500
)

// residentMemory returns the process's resident memory in KiB.
func residentMemory(t *testing.T, p *e2etest.Process) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kib, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// settledMemory returns the process's resident memory in KiB once it has stopped shrinking.
func settledMemory(t *testing.T, p *e2etest.Process) int {
	t.Helper()
	least, since := residentMemory(t, p), time.Now()
	testkit.Within(t, time.Minute, "memory settles", func() bool {
		if now := residentMemory(t, p); now < least-256 {
			least, since = now, time.Now()
		}
		return time.Since(since) > 8*time.Second
	})
	return residentMemory(t, p)
}

// TestFleetReconnectsAndIsSmall checks that all stored sessions reconnect after a restart, and the memory of idle ones.
func TestFleetReconnectsAndIsSmall(t *testing.T) {
	network, root := e2etest.StartSandbox(t)
	dataDir, addr := t.TempDir(), testkit.FreeAddress(t)
	database := filepath.Join(dataDir, "waystation.db")
	start := func() *e2etest.Process { return e2etest.StartServer(t, addr, network, root, dataDir, database) }
	server := start()
	empty := settledMemory(t, server)

	var wg sync.WaitGroup
	numbers := make(chan int)
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range numbers {
				pairQuietly(t, server, network, fmt.Sprintf("s%d", i), fmt.Sprintf("1555020%04d", i))
			}
		}()
	}
	for i := range fleet {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	if t.Failed() {
		return
	}

	server.Kill()
	server = start()
	began := time.Now()
	testkit.Within(t, 60*time.Second, "all sessions are connected again", func() bool { return countConnected(server) == fleet })
	t.Logf("%d sessions connected %s after the server answered", fleet, time.Since(began).Round(time.Millisecond))
	each := (settledMemory(t, server) - empty) / fleet
	t.Logf("%d KiB a connected idle session (%d KiB without sessions)", each, empty)
	if each > maxConnected {
		t.Errorf("a connected session takes %d KiB, %d at most", each, maxConnected)
	}
	e2etest.CheckNetwork(t, network)
}

func TestUnpairedSessionsAreSmall(t *testing.T) {
	network, root := e2etest.StartSandbox(t)
	dataDir := t.TempDir()
	addr, database := testkit.FreeAddress(t), filepath.Join(dataDir, "waystation.db")
	server := e2etest.StartServer(t, addr, network, root, dataDir, database)
	empty := settledMemory(t, server)
	for i := range unpairedCount {
		e2etest.MustCall(t, server.Addr, "session.create", object{"session_id": fmt.Sprint("u", i)}, nil)
	}
	server.Kill()
	server = e2etest.StartServer(t, addr, network, root, dataDir, database)
	each := (settledMemory(t, server) - empty) / unpairedCount
	t.Logf("%d KiB an unpaired session", each)
	if each > maxUnpaired {
		t.Errorf("an unpaired session takes %d KiB, %d at most", each, maxUnpaired)
	}
}

// pairQuietly is pair for concurrent use: it returns an error instead of ending the test.
func pairQuietly(t *testing.T, server, network *e2etest.Process, session, number string) {
	steps := []func() error{
		func() error {
			return e2etest.CallMethod(network.Addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
		},
		func() error {
			return e2etest.CallMethod(server.Addr, "session.create", object{"session_id": session}, nil)
		},
		func() error {
			return e2etest.CallMethod(server.Addr, "session.connect", object{"session": session}, nil)
		},
		func() error {
			return retry(func() error {
				return e2etest.CallMethod(server.Addr, "sandbox.scanQrCode", object{"account": number, "session": session}, nil)
			})
		},
		func() error {
			return retry(func() error {
				if !e2etest.IsConnected(server, session) {
					return fmt.Errorf("%s is not connected", session)
				}
				return nil
			})
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Error(err)
			return
		}
	}
}

func retry(step func() error) (err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if err = step(); err == nil {
			return nil
		}
		<-tick.C
	}
	return err
}

func countConnected(server *e2etest.Process) int {
	var list struct {
		Sessions []struct {
			Status struct {
				Connected bool `json:"connected"`
				LoggedIn  bool `json:"logged_in"`
			} `json:"status"`
		} `json:"sessions"`
	}
	if e2etest.CallMethod(server.Addr, "session.list", object{"limit": 1000}, &list) != nil {
		return 0
	}
	n := 0
	for _, s := range list.Sessions {
		if s.Status.Connected && s.Status.LoggedIn {
			n++
		}
	}
	return n
}
