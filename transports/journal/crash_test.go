package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
)

const (
	crashChildEnv   = "WAYSTATION_JOURNAL_CRASH_CHILD" // address of the database
	crashChildRound = "WAYSTATION_JOURNAL_CRASH_ROUND"
)

// crashChild appends forever and prints each key after its append returned.
func crashChild() {
	ctx := context.Background()
	db, err := database.Open(ctx, os.Getenv(crashChildEnv), database.Options{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	j, err := Open(ctx, db, Config{RetainBytes: -1})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s-%d-%d", os.Getenv(crashChildRound), worker, i)
				if _, err := j.Append(ctx, "s", record(key, `{}`), record(key+"b", `{}`)); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("ok", key)
			}
		}()
	}
	select {}
}

// A killed process loses no append that returned, and leaves no gap in the offsets.
func TestKilledProcess(t *testing.T) {
	for _, b := range backends[1:] {
		t.Run(b.name, func(t *testing.T) {
			address := b.address(t)
			acknowledged := map[string]bool{}
			for round := range 5 {
				for _, key := range runUntilKilled(t, address, round) {
					acknowledged[key] = true
				}
			}
			j := open(t, openDB(t, address), Config{})
			events := readAll(t, j, "s", 0)
			checkGapless(t, events, 1)
			if log, _ := j.Log(t.Context(), "s"); log.Head != uint64(len(events)) {
				t.Fatalf("head %d, %d events", log.Head, len(events))
			}
			for key := range acknowledged {
				for _, k := range []string{key, key + "b"} {
					if got := appendOne(t, j, "s", record(k, `{}`)); !got.Duplicate {
						t.Fatalf("%s was acknowledged and is lost", k)
					}
				}
			}
			if len(acknowledged) < 50 {
				t.Fatalf("only %d appends in all rounds", len(acknowledged))
			}
			t.Logf("%d acknowledged appends of 2, %d events", len(acknowledged), len(events))
		})
	}
}

func runUntilKilled(t *testing.T, address string, round int) (acknowledged []string) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashChildEnv+"="+address, fmt.Sprintf("%s=%d", crashChildRound, round))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		state, key, _ := strings.Cut(lines.Text(), " ")
		if state != "ok" {
			t.Errorf("the child says %s", lines.Text())
			break
		}
		acknowledged = append(acknowledged, key)
		if kill == nil {
			kill = time.AfterFunc(time.Duration(50+rand.IntN(200))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return acknowledged
}
