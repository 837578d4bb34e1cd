package dispatch

import (
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// job is consecutive deliveries of a lane on their way through the middlewares: one as a rule, a window of them while the
// lane catches up.
type job struct {
	t        *target
	replayOf int64
	archive  bool              // delivered events leave an entry, too
	store    func(j *job) bool // stores what has ended so far; only windows need it. false = the lane ends

	// Of the handler.
	open      bool     // the last attempt left the breaker open
	paid      int      // attempts of the one under way that count towards Policy.MaxAttempts
	ended     int      // deliveries that have, from the first on
	stored    int      // of those
	status    Status   // how the last one ended
	troubled  bool     // an attempt failed
	abandoned bool     // it goes on after a restart, or never
	entries   []*Entry // of those that ended and are not stored
	body      []byte   // kept with the last of the entries

	mu         sync.Mutex // the rest is shown while it runs
	deliveries []Delivery
	trial      trial
	since      time.Time // from when the age of the one under way counts
}

// trial is how a delivery goes.
type trial struct {
	attempts    int
	active      bool // an attempt is under way
	first, last time.Time
	duration    time.Duration
	code        int
	problem     string
}

// jobKey finds the job in the context of a message.
type jobKey struct{}

func jobOf(msg *message.Message) *job { return msg.Context().Value(jobKey{}).(*job) }

// delivery is the one under way; there is none when all have ended.
func (j *job) delivery() *Delivery { return &j.deliveries[j.ended] }

// over tells whether every delivery has ended.
func (j *job) over() bool { return j.ended == len(j.deliveries) }

// begin and end frame an attempt. One that was begun is not begun again.
func (j *job) begin(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &j.trial
	if t.active {
		return
	}
	j.t.sink.stats.attempts.Add(1)
	t.attempts++
	t.active, t.last = true, now
	if t.attempts == 1 {
		t.first = now
	} else {
		j.t.sink.stats.retries.Add(1)
	}
	j.delivery().Attempt = t.attempts
}

func (j *job) end(now time.Time, code int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &j.trial
	t.active, t.code = false, code
	t.duration, t.last = now.Sub(t.last), now
	if err != nil {
		t.problem = errorText(err)
	}
}

// note keeps the reason of an end that was no attempt's.
func (j *job) note(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trial.problem = errorText(err)
}

// finish ends the delivery under way; the next one is then.
func (j *job) finish(status Status) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.delivery()
	j.t.sink.stats.ended(d, status)
	if !d.Signal && (status == DeadLetter || j.archive) {
		entry := j.entry()
		entry.Status = status
		j.entries = append(j.entries, entry)
	}
	if status == DeadLetter {
		j.body = d.Body
	}
	j.status = status
	j.trial, j.paid, j.open = trial{}, 0, false
	if j.ended++; !j.over() {
		j.since = loggedAt(j.delivery().Event)
	}
}

// narrow leaves the delivery under way alone: what follows it is for another job, and what ended before is stored.
func (j *job) narrow() bool {
	j.troubled = true
	if j.ended > j.stored && !j.store(j) {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.deliveries = j.deliveries[:j.ended+1]
	return true
}

// entry is the trace of the delivery under way in the archive.
func (j *job) entry() *Entry {
	e, t := j.delivery().Event, &j.trial
	return &Entry{
		EventID: e.ID, Session: e.Session, From: e.Offset, Offset: e.Offset, Type: e.Type, Transport: j.t.sink.name, Target: j.t.id,
		Attempts: t.attempts, EventTime: e.Time, First: t.first, Last: t.last, Duration: t.duration, Error: t.problem, Code: t.code, ReplayOf: j.replayOf,
	}
}

// maxErrorText bounds the text of an error in the archive, in bytes.
const maxErrorText = 512

// errorText is what of an error is kept: one line that every database takes.
func errorText(err error) string {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\x00", " ")), " ")
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return strings.ToValidUTF8(text, "")
}
