package broker

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPattern(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "{session}": "shop", "{user_id}.{session_id}": "shop.shop", "a:{session}:{event_type}:b": "a:shop:Message:b",
		"{{x}}{session}": "{x}shop", "ü{event_type}": "üMessage",
	} {
		p, err := ParsePattern(text)
		if err != nil || p.Expand("shop", "Message") != want {
			t.Errorf("%s: %q, %v, want %q", text, p.Expand("shop", "Message"), err, want)
		}
		if p.BySession() != strings.Contains(want, "shop") || p.ByEvent() != strings.Contains(want, "Message") || p.Empty() != (text == "") {
			t.Errorf("%s: by session %v, by event %v, empty %v", text, p.BySession(), p.ByEvent(), p.Empty())
		}
	}
	for _, text := range []string{"{", "}", "{session", "session}", "{nobody}", "{}", "a\nb", "a\xff", "{{session}"} {
		if _, err := ParsePattern(text); !errors.Is(err, ErrPattern) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A pattern of any text is refused or gives a name.
func FuzzPattern(f *testing.F) {
	for _, text := range []string{"{session}", "a{{b}}", "{event_type", "}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err == nil && p.Expand("", "") == "" && strings.Trim(text, "{}abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q has no name", text)
		}
	})
}

func TestMask(t *testing.T) {
	for address, want := range map[string]string{
		"redis://h:1/0": "redis://h:1/0", "redis://u:p@h": "redis://u:***@h", "redis://:p@h": "redis://:***@h", "redis://u@h": "redis://u@h",
		"amqp://u:p/@:x@h:5672/v?secret=1#f": "amqp://u:***@h:5672/v", "nothing": "***", "redis+cluster://u:p@a:1,b:2": "redis+cluster://u:***@a:1,b:2",
		"redis://u:p@h?password=p@q": "redis://u:***@q",
	} {
		if got := Mask(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	e := &journal.Event{Session: "shop", Offset: 7, ID: "01K", Type: "Message", Time: time.UnixMilli(1767225600123), Data: []byte(`{"a":1}`)}
	d := &dispatch.Delivery{Event: e, Body: e.Body()}
	if body, short := Payload(d, 1000); short || string(body) != string(d.Body) {
		t.Errorf("%v %s", short, body)
	}
	d.Replay = true
	for limit, truncated := range map[int]bool{1000: false, len(d.Body): true} {
		before := string(d.Body)
		body, short := Payload(d, limit)
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil || short != truncated || got["replay"] != true || (got["truncated"] == true) != truncated || got["id"] != "01K" {
			t.Errorf("%d: %v %s %v", limit, short, body, err)
		}
		if string(d.Body) != before {
			t.Error("the event's body was changed")
		}
	}
}

// gatherer counts batches and lets them wait.
func gatherer(hold chan struct{}, batches *[][]int) *Gatherer[int] {
	var mu sync.Mutex
	return &Gatherer[int]{
		Size: func(n int) (int, int) { return 1, n }, MaxItems: 4, MaxBytes: 100, Parallel: 1,
		Run: func(batch []int) []error {
			<-hold
			mu.Lock()
			defer mu.Unlock()
			*batches = append(*batches, batch)
			if batch[0] == 13 {
				panic("thirteen")
			}
			errs := make([]error, len(batch))
			for i, n := range batch {
				if n == 99 {
					errs[i] = errors.New("ninety-nine")
				}
			}
			return errs
		},
	}
}

// Items queued during a batch are sent together, within the limits.
func TestGather(t *testing.T) {
	hold := make(chan struct{})
	var batches [][]int
	g := gatherer(hold, &batches)
	var all sync.WaitGroup
	state := func() (waiting, running int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting), g.running
	}
	for i, n := range []int{1, 2, 3, 4, 5, 6, 99, 200} { // the first is taken at once
		all.Go(func() {
			if err := g.Do(context.Background(), n); (err != nil) != (n == 99) {
				t.Errorf("%d: %v", n, err)
			}
		})
		for waiting, running := state(); waiting != i || running != 1; waiting, running = state() {
			time.Sleep(time.Millisecond)
		}
	}
	close(hold)
	all.Wait()
	g.Close()
	want := [][]int{{1}, {2, 3, 4, 5}, {6}, {99}, {200}} // 6 and 99 are too many bytes together
	if len(batches) != len(want) {
		t.Fatal(batches)
	}
	for i := range want {
		if len(batches[i]) != len(want[i]) || batches[i][0] != want[i][0] {
			t.Errorf("%v, want %v", batches, want)
		}
	}
	if err := g.Do(context.Background(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

// An item whose caller stopped waiting is not sent; a panic is an error of its batch alone.
func TestGatherGivesUp(t *testing.T) {
	hold := make(chan struct{})
	var batches [][]int
	g := gatherer(hold, &batches)
	var all sync.WaitGroup
	all.Go(func() {
		if err := g.Do(context.Background(), 13); err == nil {
			t.Error("a panic is no error")
		}
	})
	for started := false; !started; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		started = g.running == 1 && len(g.waiting) == 0
		g.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := g.Do(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	close(hold)
	all.Wait()
	if err := g.Do(context.Background(), 3); err != nil {
		t.Error(err)
	}
	g.Close()
	if len(batches) != 2 || batches[1][0] != 3 {
		t.Errorf("%v", batches)
	}
}
