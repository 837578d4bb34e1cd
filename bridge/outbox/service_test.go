package outbox

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// line is a session without WhatsApp.
type line struct {
	ctx     context.Context
	workers sync.WaitGroup

	mu      sync.Mutex
	offline bool
	fail    func(to string, attempt int) error // nil = no failure
	tries   map[string]int                     // by message id
	sent    []string                           // recipients
	ids     []string                           // message ids
	events  []string
	reach   outbound.Reachout
	written bool
	paired  time.Time
}

func (l *line) Live() (*whatsmeow.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.offline {
		return nil, wa.NewError(wa.ReasonNotConnected, "not connected")
	}
	return nil, nil
}
func (l *line) Context() context.Context                { return l.ctx }
func (l *line) Spawn(fn func()) bool                    { l.workers.Go(fn); return true }
func (l *line) Enter() (func(), error)                  { return func() {}, nil }
func (l *line) SignalAutomation(string, map[string]any) {}
func (l *line) PairedAt() time.Time                     { return l.paired }
func (l *line) Reachout() outbound.Reachout {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reach
}

func (l *line) HasWritten(context.Context, string, time.Time) (bool, error) { return l.written, nil }

func (l *line) SendStored(_ context.Context, to string, _ *Message, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries[id]++
	if l.fail != nil {
		if err := l.fail(to, l.tries[id]); err != nil {
			return err
		}
	}
	l.sent, l.ids = append(l.sent, to), append(l.ids, id)
	return nil
}

func (l *line) EmitAutomation(ctx context.Context, name, _ string, data map[string]any, project func(context.Context) error) error {
	if err := project(ctx); err != nil {
		return err
	}
	for _, key := range []string{"outcome", "status", "reason"} {
		if text, is := data[key].(string); is {
			name += " " + text
		}
	}
	l.set(func() { l.events = append(l.events, name) })
	return nil
}

func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *line) recipients() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

func (l *line) has(event string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.events, event)
}

const owner = "ada~1"

// onEach runs a test with a service on each database; start makes another service on the same rows, as a new process does.
func onEach(t *testing.T, cfg Config, test func(t *testing.T, l *line, start func() *Service)) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		must(t, err)
		t.Cleanup(func() { db.Close() })
		store, err := Open(t.Context(), db)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		l := &line{ctx: ctx, tries: map[string]int{}}
		var running *Service
		full := cfg.WithDefaults()
		t.Cleanup(func() { running.Stop(); cancel(); l.workers.Wait() })
		test(t, l, func() *Service {
			if running != nil {
				running.Stop()
				l.workers.Wait()
			}
			running = NewService(l, owner, store, &full, slog.Default)
			running.Wake()
			return running
		})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(s string) Message { return Message{Content: message.Content{Type: "text", Text: s}} }

func number(i int) string { return "1555010" + strconv.Itoa(1000+i) }

func TestRepliesBeforeSchedulesBeforeBulk(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		_, err := s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1), number(2), number(1)}, Message: text("news"), Delay: time.Hour})
		must(t, err)
		testkit.Eventually(t, "the first of the job", func() bool { return len(l.recipients()) == 1 })
		l.set(func() { l.offline = true })
		s.Wake()
		testkit.Eventually(t, "it waits for the connection", func() bool { return s.Waiting().Reason == waitsForConnection })
		_, err = s.Schedule(t.Context(), number(3), text("due"), time.Now())
		must(t, err)
		id, err := s.Enqueue(t.Context(), Entry{To: number(4), Message: text("answer"), Priority: governor.Reply})
		must(t, err)
		s = start() // looks at both entries
		l.set(func() { l.offline = false })
		s.Wake()
		testkit.Eventually(t, "answer and schedule", func() bool { return len(l.recipients()) == 3 && l.has("ScheduleEnded sent") })
		want := []string{number(1), number(4), number(3)}
		for i, to := range l.recipients() {
			if to != want[i]+"@s.whatsapp.net" {
				t.Errorf("message %d went to %s, not %s", i, to, want[i])
			}
		}
		if l.ids[1] != MessageID(id) {
			t.Errorf("message id %s", l.ids[1])
		}
	})
}

// TestRepeatedAttempts checks that an attempt with an unknown outcome is repeated under the same id, and that a refused recipient does not stop a job.
func TestRepeatedAttempts(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, l *line, start func() *Service) {
		l.fail = func(to string, attempt int) error {
			switch {
			case to == number(1)+"@s.whatsapp.net" && attempt == 1:
				return &wa.Error{Reason: wa.ReasonNotConnected, Message: "lost", OutcomeUnknown: true}
			case to == number(2)+"@s.whatsapp.net":
				return wa.NewError(wa.ReasonNotFound, "not registered")
			}
			return nil
		}
		s := start()
		j, err := s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1), number(2), number(3)}, Message: text("news")})
		must(t, err)
		testkit.Eventually(t, "the end of the job", func() bool { return l.has("JobCompleted completed") })
		j, err = s.GetJob(t.Context(), j.ID)
		must(t, err)
		entries, err := s.JobEntries(t.Context(), j.ID, 10, 0)
		must(t, err)
		if j.Counts[StateSent] != 2 || j.Counts[StateFailed] != 1 || len(entries) != 3 || entries[1].Error != "not_found" || l.tries[MessageID(entries[0].ID)] != 2 {
			t.Errorf("job %+v, entries %+v, attempts %v", j, entries, l.tries)
		}
		if _, err := s.CancelJob(t.Context(), j.ID); wa.ReasonOf(err) != wa.ReasonConflict {
			t.Errorf("an ended job is cancelled: %v", err)
		}
	})
}

func TestJobsPauseResumeAndEnd(t *testing.T) {
	onEach(t, Config{MaxJobs: 2}, func(t *testing.T, l *line, start func() *Service) {
		l.offline = false
		s := start()
		bulk := &BulkParams{Recipients: []string{number(1), number(2)}, Message: text("news"), Delay: time.Second}
		j, err := s.SendBulk(t.Context(), bulk)
		must(t, err)
		_, err = s.SetJobPaused(t.Context(), j.ID, true)
		must(t, err)
		other, err := s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(3), number(4)}, Message: text("other"), Delay: time.Hour})
		must(t, err)
		if _, err = s.SendBulk(t.Context(), bulk); wa.ReasonOf(err) != wa.ReasonRateLimited {
			t.Errorf("a third job: %v", err)
		}
		testkit.Eventually(t, "the other job", func() bool { return slices.Contains(l.recipients(), number(3)+"@s.whatsapp.net") })
		s = start()
		if j, err = s.GetJob(t.Context(), j.ID); err != nil || j.State != JobPaused {
			t.Errorf("after a restart %+v, %v", j, err)
		}
		_, err = s.SetJobPaused(t.Context(), j.ID, false)
		must(t, err)
		testkit.Eventually(t, "the resumed job", func() bool { return l.has("JobCompleted completed") })
		if other, err = s.CancelJob(t.Context(), other.ID); err != nil || other.State != JobCanceled || other.Counts[StateCanceled] != 1 || !l.has("JobCompleted canceled") {
			t.Errorf("cancelled %+v, %v", other, err)
		}
		if list, err := s.ListJobs(t.Context(), JobCanceled, 10, 0); err != nil || len(list) != 1 || list[0].ID != other.ID {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestSchedules(t *testing.T) {
	onEach(t, Config{MaxSchedules: 2}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		later := time.Now().Add(time.Hour)
		a, err := s.Schedule(t.Context(), number(1), text("a"), later.Add(time.Minute))
		must(t, err)
		b, err := s.Schedule(t.Context(), number(2), text("b"), later)
		must(t, err)
		if _, err = s.Schedule(t.Context(), number(3), text("c"), later); wa.ReasonOf(err) != wa.ReasonRateLimited {
			t.Errorf("a third schedule: %v", err)
		}
		list, err := s.ListSchedules(t.Context(), StatePending, 10, 0)
		if err != nil || len(list) != 2 || list[0].ID != b.ID {
			t.Fatalf("%+v, %v", list, err)
		}
		changed := text("changed")
		soon := time.Now().Add(300 * time.Millisecond)
		_, err = s.UpdateSchedule(t.Context(), a.ID, ScheduleChange{Message: &changed, To: number(4), At: soon})
		must(t, err)
		testkit.Eventually(t, "the changed one", func() bool { return l.has("ScheduleEnded sent") })
		if late := time.Since(soon); late < 0 || slices.Index(l.recipients(), number(4)+"@s.whatsapp.net") != 0 {
			t.Errorf("sent %v after its time to %v", late, l.recipients())
		}
		if _, err = s.UpdateSchedule(t.Context(), a.ID, ScheduleChange{To: number(5)}); wa.ReasonOf(err) != wa.ReasonConflict {
			t.Errorf("a sent schedule is changed: %v", err)
		}
		must(t, s.DeleteSchedule(t.Context(), b.ID))
		if err = s.DeleteSchedule(t.Context(), b.ID); wa.ReasonOf(err) != wa.ReasonNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		_, err = s.Schedule(t.Context(), number(1), text("d"), later)
		must(t, err)
		if n, err := s.DeleteSchedules(t.Context()); err != nil || n != 1 {
			t.Errorf("%d deleted, %v", n, err)
		}
	})
}

// TestGraceAfterAnOutage checks that a schedule is sent within its grace and missed afterwards, also without a connection.
func TestGraceAfterAnOutage(t *testing.T) {
	onEach(t, Config{ScheduleGrace: 200 * time.Millisecond}, func(t *testing.T, l *line, start func() *Service) {
		l.offline = true
		s := start()
		e, err := s.Schedule(t.Context(), number(1), text("a"), time.Now())
		must(t, err)
		testkit.Eventually(t, "it is missed", func() bool { return l.has("ScheduleEnded missed") })
		if e, err = s.findSchedule(t.Context(), e.ID); err != nil || e.State != StateMissed || e.EndedAt.IsZero() {
			t.Errorf("%+v, %v", e, err)
		}
		l.set(func() { l.offline = false })
		s.Wake()
		_, err = s.Schedule(t.Context(), number(2), text("b"), time.Now())
		must(t, err)
		testkit.Eventually(t, "the next one", func() bool { return len(l.recipients()) == 1 })
		if l.recipients()[0] != number(2)+"@s.whatsapp.net" {
			t.Errorf("%v", l.recipients())
		}
	})
}

// TestRefusalsStopAutomaticMessages checks that code 463 and a timelock hold everything, also after a restart.
func TestRefusalsStopAutomaticMessages(t *testing.T) {
	onEach(t, Config{RefusalPause: time.Hour}, func(t *testing.T, l *line, start func() *Service) {
		l.fail = func(string, int) error {
			return &wa.Error{Reason: wa.ReasonWhatsApp, WACode: refusedByWhatsApp, Message: "refused"}
		}
		s := start()
		_, err := s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1), number(2)}, Message: text("news")})
		must(t, err)
		testkit.Eventually(t, "the hold", func() bool { return l.has("AutomationHeld refused") && s.Waiting().Reason == heldByRefusal })
		l.set(func() { l.fail = nil })
		s = start()
		_, err = s.Enqueue(t.Context(), Entry{To: number(3), Message: text("answer"), Priority: governor.Reply})
		must(t, err)
		testkit.Eventually(t, "the hold after a restart", func() bool { return s.Waiting().Reason == heldByRefusal })
		if len(l.recipients()) > 0 {
			t.Errorf("sent to %v", l.recipients())
		}
		if err := s.PermitCall(t.Context()); !isGoverned(err) {
			t.Errorf("a call is permitted: %v", err)
		}
		must(t, s.store.setHold(t.Context(), owner, Hold{Reason: heldByRefusal, Until: time.Now()}))
		l.set(func() { l.reach = outbound.Reachout{Active: true, Until: time.Now().Add(time.Hour)} })
		s = start()
		testkit.Eventually(t, "the timelock", func() bool { return l.has("AutomationHeld reachout_timelock") && s.Waiting().Reason == heldByTimelock })
		l.set(func() { l.reach = outbound.Reachout{} })
		s.Wake()
		testkit.Eventually(t, "the answer, after its end", func() bool { return len(l.recipients()) > 0 })
	})
}

func isGoverned(err error) bool {
	var e *wa.Error
	return errors.As(err, &e) && e.Kind == wa.KindSendGovernor && !e.RetryAt.IsZero()
}

// TestLimitsSurviveARestart checks that sends of an earlier process count.
func TestLimitsSurviveARestart(t *testing.T) {
	onEach(t, Config{Limits: governor.Limits{PerDay: 2}}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		must(t, s.PermitCall(t.Context()))
		_, err := s.Enqueue(t.Context(), Entry{To: number(1), Message: text("a"), Priority: governor.Reply})
		must(t, err)
		testkit.Eventually(t, "the first", func() bool { return len(l.recipients()) == 1 })
		s = start()
		_, err = s.Schedule(t.Context(), number(2), text("b"), time.Now())
		must(t, err)
		testkit.Eventually(t, "the limit", func() bool { return isGoverned(s.PermitCall(t.Context())) })
		testkit.Eventually(t, "the schedule is moved to the next day", func() bool {
			if w := s.Waiting(); w.Reason != string(governor.PerDay) || time.Until(w.Until) < 23*time.Hour {
				return false
			}
			e, _, err := s.store.nextDue(t.Context(), owner, governor.Bulk)
			return err == nil && time.Until(e) > 23*time.Hour
		})
	})
}

func TestRepeatedMessagesHaveCaps(t *testing.T) {
	onEach(t, Config{AllowRepeated: true}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		repeat := func(count int, delay time.Duration) error {
			_, err := s.SendRepeated(t.Context(), &RepeatParams{To: number(1), Message: text("again"), Count: count, Delay: delay})
			return err
		}
		if err := repeat(3, time.Minute); wa.ReasonOf(err) != wa.ReasonForbidden {
			t.Errorf("a chat that has not written: %v", err)
		}
		l.written = true
		for _, err := range []error{repeat(11, time.Minute), repeat(0, time.Minute), repeat(3, time.Second)} {
			if wa.ReasonOf(err) != wa.ReasonBadParam {
				t.Errorf("over the caps: %v", err)
			}
		}
		must(t, repeat(3, time.Minute))
		if err := repeat(3, time.Minute); wa.ReasonOf(err) != wa.ReasonForbidden {
			t.Errorf("two at a time: %v", err)
		}
		s.cfg.AllowRepeated = false
		if err := repeat(3, time.Minute); wa.ReasonOf(err) != wa.ReasonForbidden {
			t.Errorf("the operator does not permit it: %v", err)
		}
	})
}

func TestBadEntriesAreRefused(t *testing.T) {
	onEach(t, Config{MaxRecipients: 2, MaxReplies: 1}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		l.set(func() { l.reach = outbound.Reachout{Active: true} }) // nothing is sent
		mention := text(" ")
		mention.Mentions = []string{number(1), "x@g.us"}
		big := text("x")
		big.Content.Caption = string(make([]byte, MaxMessageBytes))
		for field, err := range map[string]error{
			"to":           second(s.Enqueue(t.Context(), Entry{To: "x@g.us", Message: text(" ")})),
			"content/text": second(s.Enqueue(t.Context(), Entry{To: number(1), Message: text(" ")})),
			"content":      second(s.Enqueue(t.Context(), Entry{To: number(1), Message: big})),
			"mentions/1":   second(s.Enqueue(t.Context(), Entry{To: number(1), Message: mention})),
			"recipients/1": second(s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1), "x@g.us"}, Message: text(" ")})),
			"recipients":   second(s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1), number(2), number(3)}, Message: text("x")})),
		} {
			var e *wa.Error
			if !errors.As(err, &e) || e.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		must(t, second(s.Enqueue(t.Context(), Entry{To: number(1), Message: text("x")})))
		if err := second(s.Enqueue(t.Context(), Entry{To: number(1), Message: text("x")})); wa.ReasonOf(err) != wa.ReasonRateLimited {
			t.Errorf("a second answer: %v", err)
		}
		must(t, s.store.Purge(t.Context(), owner))
		if left, err := s.store.Owners(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("left after the purge: %v, %v", left, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestEndedEntriesExpire(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, l *line, start func() *Service) {
		s := start()
		_, err := s.SendBulk(t.Context(), &BulkParams{Recipients: []string{number(1)}, Message: text("news")})
		must(t, err)
		_, err = s.Schedule(t.Context(), number(2), text("b"), time.Now())
		must(t, err)
		testkit.Eventually(t, "both ends", func() bool { return l.has("JobCompleted completed") && l.has("ScheduleEnded sent") })
		testkit.Eventually(t, "rows of both are removed", func() bool {
			must(t, s.store.Expire(t.Context(), time.Now()))
			jobs, err := s.ListJobs(t.Context(), "", 10, 0)
			must(t, err)
			schedules, err := s.ListSchedules(t.Context(), "", 10, 0)
			must(t, err)
			return len(jobs)+len(schedules) == 0
		})
	})
}
