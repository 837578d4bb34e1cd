package dispatch

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

const (
	crashChildEnv = "WAYSTATION_TEST_DISPATCH_CHILD"
	crashLanes    = 10
	crashEvents   = 200 // of each lane
)

// printer is a sink that writes one line for each event, before the dispatcher knows of its delivery.
type printer struct{ out *os.File }

func (p printer) Deliver(_ context.Context, t Target, d *Delivery) (int, error) {
	_, err := fmt.Fprintf(p.out, "%s %d\n", t.Session, d.Event.Offset)
	return 200, err
}

// crashChild delivers everything to its standard output until it is killed or has nothing left to do.
func crashChild() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	db, err := database.Open(ctx, os.Getenv(crashChildEnv), database.Options{})
	check(err)
	log, err := journal.Open(ctx, db, journal.Config{})
	check(err)
	d, err := Open(ctx, db, log, Config{})
	check(err)
	check(d.AddSink("test", printer{os.Stdout}, Policy{}))
	targets := make([]Target, crashLanes)
	for i := range targets {
		targets[i] = allEvents(fmt.Sprint("s", i))
	}
	check(d.PutTargets(ctx, targets...))
	const batch = 40 // so that lanes have something to catch up with
	for first := 0; first < crashEvents; first += batch {
		for lane := range crashLanes {
			records := make([]journal.Record, batch)
			for i := range records { // what an earlier run logged is a duplicate
				records[i] = journal.Record{Type: "Message", Key: fmt.Sprint(first + i)}
			}
			_, err := log.Append(ctx, fmt.Sprint("s", lane), records...)
			check(err)
		}
	}
	select {}
}

// A process that is killed repeats one window of each lane at most, and leaves none out.
func TestKill(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "dispatch.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { killRepeatedly(t, address(t)) })
	}
}

func killRepeatedly(t *testing.T, address string) {
	next, sent, repeated := map[string]uint64{}, 0, 0
	policy := Policy{}.withDefaults()
	most := uint64(policy.windowSize(crashEvents))
	for round := 0; sent < crashLanes*crashEvents; round++ {
		if round == 40 {
			t.Fatalf("%d events after %d rounds", sent, round)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashChildEnv+"="+address)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		lines, last := bufio.NewScanner(out), map[string]uint64{} // of the round
		for seen := 0; lines.Scan(); seen++ {
			if seen == 300 { // in the middle of things
				_ = cmd.Process.Kill()
			}
			var session string
			var offset uint64
			if _, err := fmt.Sscanf(strings.TrimSpace(lines.Text()), "%s %d", &session, &offset); err != nil {
				break // cut off by the kill
			}
			if before, known := last[session]; known && offset != before+1 {
				t.Errorf("round %d: %s reached %d after %d", round, session, offset, before)
			}
			last[session] = offset
			switch {
			case offset == next[session]+1:
				next[session]++
				if sent++; sent == crashLanes*crashEvents {
					_ = cmd.Process.Kill()
				}
			case offset <= next[session] && offset+most > next[session]:
				repeated++
			default:
				t.Errorf("round %d: %s reached %d after %d", round, session, offset, next[session])
			}
		}
		timer.Stop()
		_ = cmd.Wait()
	}
	t.Logf("%d events, %d repeated", sent, repeated)
}
