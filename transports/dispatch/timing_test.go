package dispatch

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// inBubble runs a test with a synthetic clock, on a database in memory.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open(context.Background(), ":memory:", database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		log, err := journal.Open(context.Background(), db, journal.Config{})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, db: db, journal: log}
		if w.Dispatcher, err = Open(context.Background(), db, log, cfg); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(w.Close(context.Background()), log.Close(), db.Close()); err != nil {
				t.Error(err)
			}
		}()
		test(t, w)
	})
}

// sleep advances the clock and runs everything that becomes due.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func alwaysFail(err error) func(context.Context, Target, *Delivery) (int, error) {
	return func(context.Context, Target, *Delivery) (int, error) { return 0, err }
}

// Pauses are random below a limit that doubles up to the cap, over all attempts until the dead letter.
func TestRetryTiming(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: alwaysFail(errors.New("no"))}
		w.addSink(r, Policy{MaxAttempts: 8, BackoffBase: time.Second, BackoffCap: 20 * time.Second})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 1)
		sleep(5 * time.Minute)
		seen := r.recordedAttempts()
		if len(seen) != 8 {
			t.Fatalf("%d attempts", len(seen))
		}
		limits := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 20 * time.Second, 20 * time.Second}
		var waited time.Duration
		for i, limit := range limits {
			pause := seen[i+1].at.Sub(seen[i].at)
			if pause < 0 || pause > limit || seen[i+1].number != i+2 {
				t.Errorf("pause %d is %v, at most %v", i+1, pause, limit)
			}
			waited += pause
		}
		if waited < 5*time.Second { // 71 s at most, 35 s on average
			t.Errorf("pauses of %v in all are no jitter over the whole range", waited)
		}
		if dead := w.listEntries(Query{Status: DeadLetter}); len(dead) != 1 || dead[0].Attempts != 8 {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

// A target is not retried before the time it requested, up to the cap.
func TestRetryAfter(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		answers := []error{RetryAfter(errors.New("busy"), 90*time.Second), RetryAfter(errors.New("busy"), 24*time.Hour), nil}
		r := &recorder{answer: func(_ context.Context, _ Target, d *Delivery) (int, error) { return 429, answers[d.Attempt-1] }}
		w.addSink(r, Policy{BackoffBase: time.Second, RetryAfterCap: time.Hour})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 1)
		sleep(2 * time.Hour)
		seen := r.recordedAttempts()
		if len(seen) != 3 || seen[1].at.Sub(seen[0].at) != 90*time.Second || seen[2].at.Sub(seen[1].at) != time.Hour {
			t.Fatalf("attempts %+v", seen)
		}
		if got := w.listEntries(Query{}); len(got) != 1 || got[0].Status != Delivered || got[0].Attempts != 3 || got[0].Error != "busy" {
			t.Errorf("entries %+v", got)
		}
	})
}

// An attempt ends at its timeout, which does not affect the next one.
func TestAttemptTimeout(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(ctx context.Context, _ Target, d *Delivery) (int, error) {
			if d.Attempt == 1 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return 200, ctx.Err()
		}}
		w.addSink(r, Policy{AttemptTimeout: 7 * time.Second, BackoffBase: time.Nanosecond, BackoffCap: time.Nanosecond})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 1)
		sleep(time.Minute)
		if seen := r.recordedAttempts(); len(seen) != 2 || seen[1].at.Sub(seen[0].at).Round(time.Millisecond) != 7*time.Second {
			t.Fatalf("attempts %+v", seen)
		}
	})
}

// The timeout also applies to the last attempt of a long window, regardless of the duration of earlier ones.
func TestAttemptTimeoutInWindow(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		var hung time.Duration
		r := &recorder{answer: func(ctx context.Context, _ Target, d *Delivery) (int, error) {
			if d.Event.Offset == 40 && d.Attempt == 1 {
				began := time.Now()
				<-ctx.Done()
				hung = time.Since(began)
				return 0, ctx.Err()
			}
			time.Sleep(300 * time.Millisecond)
			return 200, ctx.Err()
		}}
		w.addSink(r, Policy{AttemptTimeout: 7 * time.Second, WindowTime: time.Minute, WindowShare: 1, BackoffBase: time.Nanosecond, BackoffCap: time.Nanosecond})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 40)
		sleep(time.Minute)
		if hung > 7*time.Second || hung < 7*time.Second*99/100 {
			t.Errorf("an attempt of %s", hung)
		}
		if seen := r.recordedAttempts(); len(seen) != 41 || seen[40].number != 2 {
			t.Errorf("%d attempts", len(seen))
		}
	})
}

// An unreachable target is probed by one attempt at a time; waiting uses no attempts, and all events are delivered in the end.
func TestBreaker(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		var away atomic.Bool
		away.Store(true)
		r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
			if away.Load() {
				return 0, Unreachable(errors.New("connection refused"))
			}
			return 200, nil
		}}
		w.addSink(r, Policy{MaxAttempts: 4, BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: 30 * time.Second})
		sessions := []string{"a", "b", "c", "d"}
		for _, s := range sessions {
			target := allEvents(s)
			target.Key = "host"
			w.putTargets(target)
			w.appendEvents(s, "Message", 3)
		}
		sleep(10 * time.Second)
		if n := len(r.recordedAttempts()); n > 2+len(sessions) { // attempts that were running when the third failed may still fail
			t.Fatalf("%d attempts until the breaker opened", n)
		}
		if stats := w.Stats()[0]; stats.OpenBreakers != 1 || stats.DeadLetters != 0 {
			t.Errorf("stats %+v", stats)
		}
		before := len(r.recordedAttempts())
		sleep(5 * time.Minute)
		if probes := len(r.recordedAttempts()) - before; probes < 9 || probes > 11 {
			t.Errorf("%d probes in 5 minutes", probes)
		}
		away.Store(false)
		before = len(r.recordedAttempts())
		sleep(30 * time.Second)
		if got := len(r.recordedAttempts()) - before; got != 12 {
			t.Errorf("%d attempts after the target came back, want one for each event", got)
		}
		if got := w.listEntries(Query{Status: Delivered}); len(got) != 12 {
			t.Errorf("%d delivered", len(got))
		}
		if stats := w.Stats()[0]; stats.OpenBreakers != 0 || stats.DeadLetters != 0 || stats.Attempts-stats.Retries != 12 {
			t.Errorf("stats %+v", stats)
		}
	})
}

// A target that is refused is held separately, from the first response on and without using attempts, and others of its key continue; its events are
// delivered in order once it is accepted again, or when its settings change.
func TestRefused(t *testing.T) {
	for name, mend := range map[string]func(w *world, right *atomic.Bool){
		"right given":      func(_ *world, right *atomic.Bool) { right.Store(true) },
		"settings changed": func(w *world, right *atomic.Bool) { right.Store(true); w.putTargets(onHost("a")) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, w *world) {
				var right atomic.Bool
				r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
					if target.Session == "a" && !right.Load() {
						return 403, Refused(errors.New("no right"))
					}
					return 200, nil
				}}
				w.addSink(r, Policy{MaxAttempts: 2, BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: time.Minute})
				w.putTargets(onHost("a"), onHost("b"))
				w.appendEvents("a", "Message", 3)
				sleep(10*time.Minute + time.Second)
				if n := len(r.recordedAttempts()); n != 11 {
					t.Errorf("%d attempts, want one at once and one a minute", n)
				}
				w.appendEvents("b", "Message", 3)
				synctest.Wait()
				if n := len(r.recordedAttempts()); n != 14 {
					t.Errorf("%d attempts: the other target waits", n)
				}
				stats := w.Stats()[0]
				if stats.OpenBreakers != 1 || stats.DeadLetters != 0 || stats.Delivered != 3 || stats.Failures["refused"] != 11 {
					t.Errorf("stats %+v", stats)
				}
				mend(w, &right)
				synctest.Wait()
				if at := len(w.listEntries(Query{Sessions: []string{"a"}})); (at == 3) != (name == "settings changed") {
					t.Errorf("%d delivered immediately", at)
				}
				sleep(time.Minute)
				if got := attemptOffsets(r.recordedAttempts()[14:]); !slices.Equal(got, []uint64{1, 2, 3}) {
					t.Errorf("then received %v", got)
				}
				if stats := w.Stats()[0]; stats.OpenBreakers != 0 || stats.Delivered != 6 || stats.DeadLetters != 0 {
					t.Errorf("stats %+v", stats)
				}
			})
		})
	}
}

// A target that alone is unreachable is retried like any other, then held, and others of its key continue.
func TestUnreachableApart(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
			if target.Session == "a" && d.Attempt < 13 {
				return 0, UnreachableApart(errors.New("connection refused"))
			}
			return 200, nil
		}}
		w.addSink(r, Policy{MaxAttempts: 4, BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: time.Minute})
		w.putTargets(onHost("a"), onHost("b"))
		w.appendEvents("a", "Message", 1)
		sleep(3 * time.Second)
		w.appendEvents("b", "Message", 3)
		synctest.Wait()
		if stats := w.Stats()[0]; len(r.recordedAttempts()) != 6 || stats.Delivered != 3 || stats.OpenBreakers != 1 || stats.Failures["unreachable"] != 3 {
			t.Errorf("%d attempts, %+v", len(r.recordedAttempts()), stats)
		}
		sleep(10 * time.Minute)
		if stats := w.Stats()[0]; stats.Delivered != 4 || stats.OpenBreakers != 0 || stats.DeadLetters != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// Removing a refused target removes its breaker, and a target whose broker becomes unreachable is held like any other.
func TestRefusedThenUnreachable(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		var away atomic.Bool
		r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
			if away.Load() {
				return 0, Unreachable(errors.New("away"))
			}
			return 403, Refused(errors.New("no right"))
		}}
		w.addSink(r, Policy{MaxAttempts: 2, BreakerFailures: 3, BreakerPause: time.Minute})
		w.putTargets(onHost("a"))
		w.appendEvents("a", "Message", 1)
		synctest.Wait()
		away.Store(true)
		sleep(time.Hour)
		if stats := w.Stats()[0]; stats.DeadLetters != 0 || stats.OpenBreakers != 1 {
			t.Errorf("stats %+v", stats)
		}
		if err := w.RemoveTarget(context.Background(), "test", "to-a"); err != nil {
			t.Fatal(err)
		}
		if s := w.Dispatcher.lookupSink("test"); len(s.breakers.byKey) != 0 || len(s.keys) != 0 {
			t.Errorf("breakers %v, keys %v", s.breakers.byKey, s.keys)
		}
	})
}

func onHost(session string) Target {
	target := allEvents(session)
	target.Key = "host"
	return target
}

// Any response shows that the target is reachable: its breaker closes, and the response counts as an attempt.
func TestBreakerClosesOnAnyAnswer(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(_ context.Context, _ Target, d *Delivery) (int, error) {
			if d.Attempt <= 3 {
				return 0, Unreachable(errors.New("no such host"))
			}
			return 500, errors.New("answered 500")
		}}
		w.addSink(r, Policy{MaxAttempts: 5, BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: time.Minute})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 1)
		sleep(3 * time.Minute)
		// Two failures and three responses count; the failure that opened the breaker does not.
		if dead := w.listEntries(Query{Status: DeadLetter}); len(dead) != 1 || dead[0].Attempts != 6 {
			t.Fatalf("dead letters %+v", dead)
		}
	})
}

// Events are held for an unreachable target until they and the outage exceed the policy's age; younger ones keep waiting.
func TestHeldTooLong(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: alwaysFail(Unreachable(errors.New("connection refused")))}
		w.addSink(r, Policy{BreakerFailures: 1, BreakerPause: time.Minute, MaxAge: time.Hour})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 2)
		sleep(30 * time.Minute)
		w.appendEvents("a", "Message", 2)
		sleep(29 * time.Minute)
		if dead := w.listEntries(Query{Status: DeadLetter}); len(dead) != 0 {
			t.Fatalf("dead letters within the age: %+v", dead)
		}
		sleep(2 * time.Minute)
		dead := w.listEntries(Query{Status: DeadLetter, OldestFirst: true})
		if len(dead) != 2 || dead[0].Offset != 1 || dead[1].Offset != 2 || dead[0].Attempts < 50 || dead[1].Attempts > 1 ||
			(dead[1].Attempts == 0) != dead[1].First.IsZero() || (dead[1].Attempts == 0) != dead[1].Last.IsZero() || dead[1].Error == "" {
			t.Fatalf("dead letters %+v", dead)
		}
		sleep(30 * time.Minute)
		if dead := w.listEntries(Query{Status: DeadLetter}); len(dead) != 4 {
			t.Errorf("%d dead letters after the age of all", len(dead))
		}
	})
}

// New settings apply immediately, also to a delivery that waits for its retry or its breaker.
func TestChangedWhileWaiting(t *testing.T) {
	for name, err := range map[string]error{"retry": errors.New("no"), "breaker": Unreachable(errors.New("away"))} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, w *world) {
				r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
					if target.Key == "old" {
						return 0, err
					}
					return 200, nil
				}}
				w.addSink(r, Policy{BackoffBase: time.Hour, BackoffCap: time.Hour, BreakerFailures: 1, BreakerPause: time.Hour})
				target := allEvents("a")
				target.Key = "old"
				w.putTargets(target)
				w.appendEvents("a", "Message", 1)
				synctest.Wait()
				if len(r.recordedAttempts()) != 1 {
					t.Fatalf("attempts %+v", r.recordedAttempts())
				}
				target.Key = "new"
				w.putTargets(target)
				synctest.Wait()
				if seen := r.recordedAttempts(); len(seen) != 2 || seen[1].number != 2 {
					t.Fatalf("attempts %+v", seen)
				}
				if stats := w.Stats()[0]; stats.OpenBreakers != 0 {
					t.Error("the breaker of an unused key still exists")
				}
			})
		})
	}
}

// An attempt that fails as unreachable after its target's key changed leaves no breaker under the old key.
func TestUnusedBreakersAreRemoved(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
			if target.Key == "old" {
				time.Sleep(time.Second)
				return 0, Unreachable(errors.New("away"))
			}
			return 200, nil
		}}
		w.addSink(r, Policy{BreakerFailures: 1, BreakerPause: time.Hour})
		target := allEvents("a")
		target.Key = "old"
		w.putTargets(target)
		w.appendEvents("a", "Message", 1)
		synctest.Wait()
		target.Key = "new"
		w.putTargets(target)
		sleep(time.Minute)
		if seen := r.recordedAttempts(); len(seen) != 2 {
			t.Errorf("attempts %+v", seen)
		}
		if s := w.Dispatcher.lookupSink("test"); len(s.breakers.byKey) != 0 || len(s.keys) != 1 {
			t.Errorf("breakers %v, keys %v", s.breakers.byKey, s.keys)
		}
	})
}
