package journal

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// The head passed by At is after every append that ended before and before every one that began after.
func TestAt(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, j *Journal, _ func() *Journal) {
		const appends = 200
		var appenders sync.WaitGroup
		appenders.Go(func() {
			for range appends {
				if _, err := j.Append(context.Background(), "s", Record{Type: "Message"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for {
			before, err := j.Log(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			var at, shown Log
			err = j.At(t.Context(), "s", func(_ context.Context, log Log) error {
				at = log
				return nil
			}, func() {
				row, _ := j.lookupEntry("s").position()
				shown = row.log()
			})
			if err != nil {
				t.Fatal(err)
			}
			if at.Head < before.Head || at.Epoch != before.Epoch || shown.Head != at.Head {
				t.Fatalf("before %+v, at %+v, afterwards shown %+v", before, at, shown)
			}
			if at.Head == appends {
				break
			}
		}
		appenders.Wait()
		broken := errors.New("broken")
		err := j.At(t.Context(), "s", func(context.Context, Log) error { return broken }, func() { t.Error("done without a commit") })
		if !errors.Is(err, broken) || !errors.Is(err, ErrProjection) {
			t.Errorf("error %v", err)
		}
		if err = j.At(t.Context(), "s", func(context.Context, Log) error { panic("x") }, nil); !errors.Is(err, ErrProjection) {
			t.Errorf("panic: %v", err)
		}
		if err = j.At(t.Context(), "", nil, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("no session: %v", err)
		}
		if _, err = j.Append(t.Context(), "s", Record{Type: "Message"}); err != nil {
			t.Error(err)
		}
	})
}
