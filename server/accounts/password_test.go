package accounts

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
)

func TestPasswords(t *testing.T) {
	h := newHasher(1, 100000)
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
}

// Hashes are made one after the other at the rate, and not too many callers wait.
func TestHashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(2, 10)
		began := time.Now()
		var done, running, most atomic.Int32
		for range maxWaiting {
			go func() {
				if err := h.run(context.Background(), func() {
					if n := running.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Millisecond)
					running.Add(-1)
				}); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}()
			synctest.Wait()
		}
		err := h.run(context.Background(), func() { t.Error("one too many was hashed") })
		var problem *rpc.Error
		if !errors.As(err, &problem) || problem.Code != rpc.CodeRateLimited {
			t.Errorf("got %v", err)
		}
		for done.Load() < maxWaiting {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(began); took < 1300*time.Millisecond || most.Load() > 2 {
			t.Errorf("16 hashes, %d at a time, took %v; 10 a second are allowed", most.Load(), took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
}
