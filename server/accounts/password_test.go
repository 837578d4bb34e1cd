package accounts

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// derivationsCommand makes the test binary hash passwords.
const derivationsCommand = "hash-passwords"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == derivationsCommand {
		if err := ServeDerivations(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

func TestPasswords(t *testing.T) {
	for name, program := range map[string]func() *exec.Cmd{
		"in this process":    nil,
		"in another process": func() *exec.Cmd { return exec.Command(os.Args[0], derivationsCommand) },
		"not found":          func() *exec.Cmd { return exec.Command("/nowhere/waystation") },
		"ends at once":       func() *exec.Cmd { return exec.Command("/bin/true") },
		"answers nonsense":   func() *exec.Cmd { return exec.Command("/bin/cat") },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := newHasher(&Config{Hashes: 1, HashRate: 100000, HashProgram: program, Log: slog.New(slog.NewTextHandler(&log, nil))})
			defer h.close(t.Context())
			hash, err := h.hash(t.Context(), testPassword)
			if err != nil {
				t.Fatal(err)
			}
			for _, tc := range []struct {
				hash, password string
				ok             bool
			}{{hash, testPassword, true}, {hash, testPassword + " ", false}, {"", testPassword, false}, {h.dummy, testPassword, false}} {
				if ok, err := h.verify(t.Context(), tc.hash, tc.password); err != nil || ok != tc.ok {
					t.Errorf("%q: %v, %v", tc.password, ok, err)
				}
			}
			for _, damaged := range []string{"x", "$argon2id$v=19$m=1$x$y", "$argon2i$v=19$m=19456,t=2,p=1$YWJj$YWJj"} {
				if ok, err := h.verify(t.Context(), damaged, ""); ok || err == nil {
					t.Errorf("%s is accepted", damaged)
				}
			}
			works := name == "in this process" || name == "in another process"
			if warnings := strings.Count(log.String(), "WARN"); works && warnings > 0 || !works && warnings != 1 {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// A process that ended, because it had no work or was killed, is replaced.
func TestHashingProcessIsReplaced(t *testing.T) {
	started := 0
	h := newHasher(&Config{Hashes: 1, HashRate: 100000, Log: slog.New(slog.DiscardHandler), HashProgram: func() *exec.Cmd {
		started++
		return exec.Command(os.Args[0], derivationsCommand)
	}})
	defer h.close(t.Context())
	for i := range 3 {
		hash, err := h.hash(t.Context(), testPassword)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := h.verify(t.Context(), hash, testPassword); !ok || err != nil {
			t.Errorf("after %d ends: %t, %v", i, ok, err)
		}
		if started != i+1 {
			t.Errorf("%d processes were started, want %d", started, i+1)
		}
		p := <-h.places
		if kernel, err := syscall.Getpriority(syscall.PRIO_PROCESS, p.cmd.Process.Pid); runtime.GOOS == "linux" && (err != nil || kernel != 1) { // 20 - nice
			t.Errorf("priority %d, %v", kernel, err)
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
		h.places <- p
	}
}

// Hashes are made one after the other at the rate, and not too many callers wait.
func TestHashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(&Config{Hashes: 2, HashRate: 10})
		began := time.Now()
		var done, running, most atomic.Int32
		for range 2 {
			p := <-h.places
			p.local = func(*derivation) []byte {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(time.Millisecond)
				running.Add(-1)
				return nil
			}
			h.places <- p
		}
		for range maxWaiting {
			go func() {
				if _, err := h.derive(context.Background(), &derivation{}); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}()
			synctest.Wait()
		}
		_, err := h.derive(context.Background(), &derivation{})
		var problem *rpc.Error
		if !errors.As(err, &problem) || problem.Code != rpc.CodeRateLimited {
			t.Errorf("got %v", err)
		}
		for done.Load() < maxWaiting {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(began); took < 300*time.Millisecond || most.Load() > 2 {
			t.Errorf("16 hashes, %d at a time, took %v; 10 at once and then 10 a second are allowed", most.Load(), took)
		}
		began = time.Now()
		for range maxWaiting {
			if _, err := h.derive(context.Background(), &derivation{}); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took < 1300*time.Millisecond {
			t.Errorf("16 more hashes took %v; 10 a second are allowed", took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
}
