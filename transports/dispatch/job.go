package dispatch

import (
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// job holds consecutive deliveries of a lane that pass through the middlewares: usually one, a window of them while the lane catches up.
type job struct {
	t        *target
	replayOf int64
	archive  bool              // also archive delivered events
	store    func(j *job) bool // stores the finished deliveries so far; set for windows only. false = the lane ends

	// Fields of the handler.
	open      bool     // the last attempt left the breaker open
	paid      int      // attempts of the current delivery that count towards Policy.MaxAttempts
	ended     int      // number of finished deliveries, from the first on
	stored    int      // number of stored ones
	status    Status   // outcome of the last one
	troubled  bool     // an attempt failed
	abandoned bool     // continues after a restart, or never
	entries   []*Entry // finished but not stored
	body      []byte   // stored with the last of the entries

	mu         sync.Mutex // the fields below are displayed while the job runs
	deliveries []Delivery
	trial      progress
	since      time.Time // start of the age of the current delivery
}

// progress is the state of a delivery.
type progress struct {
	attempts    int
	active      bool // an attempt is running
	first, last time.Time
	duration    time.Duration
	code        int
	problem     string
}

// newMessage returns the message that passes the job through the middlewares, with the content of the current delivery. The metadata is put in a
// given map.
func (j *job) newMessage(metadata message.Metadata) *message.Message {
	d := &j.deliveries[min(j.ended, len(j.deliveries)-1)]
	msg := message.NewMessage(d.Event.ID, nil)
	msg.Metadata = metadata
	fillMessage(msg, j.t.id, d, d.Attempt+1)
	return msg
}

// updateMessage sets the content of the message to the current delivery and its running attempt. The first one has it from newMessage.
func (j *job) updateMessage(msg *message.Message) {
	if d := j.currentDelivery(); j.ended > 0 || d.Attempt > 1 {
		fillMessage(msg, j.t.id, d, d.Attempt)
	}
}

// currentDelivery returns the unfinished delivery in progress; it must not be called when all have ended.
func (j *job) currentDelivery() *Delivery { return &j.deliveries[j.ended] }

// isOver reports whether every delivery has ended.
func (j *job) isOver() bool { return j.ended == len(j.deliveries) }

// beginAttempt and endAttempt enclose an attempt. A second beginAttempt has no effect.
func (j *job) beginAttempt(now time.Time) {
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
	j.currentDelivery().Attempt = t.attempts
}

func (j *job) endAttempt(now time.Time, code int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &j.trial
	t.active, t.code = false, code
	t.duration, t.last = now.Sub(t.last), now
	if observe := j.t.sink.observe; observe != nil {
		observe(t.duration)
	}
	if err != nil {
		t.problem = errorText(err)
	}
}

// noteFailure records a failure that no attempt caused.
func (j *job) noteFailure(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trial.problem = errorText(err)
}

// finishDelivery ends the current delivery and moves to the next one.
func (j *job) finishDelivery(status Status) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.currentDelivery()
	j.t.sink.stats.countEnd(d, status)
	if !d.Signal && (status == DeadLetter || j.archive) {
		entry := j.newEntry()
		entry.Status = status
		j.entries = append(j.entries, entry)
	}
	if status == DeadLetter {
		j.body = d.Body
	}
	j.status = status
	j.trial, j.paid, j.open = progress{}, 0, false
	if j.ended++; !j.isOver() {
		j.since = loggedAt(j.currentDelivery().Event)
	}
}

// narrowToCurrent restricts the job to the current delivery: the following ones move to another job, and the finished ones are stored.
func (j *job) narrowToCurrent() bool {
	j.troubled = true
	if j.ended > j.stored && !j.store(j) {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.deliveries = j.deliveries[:j.ended+1]
	return true
}

// newEntry returns the archive entry of the current delivery.
func (j *job) newEntry() *Entry {
	e, t := j.currentDelivery().Event, &j.trial
	return &Entry{
		EventID: e.ID, Session: e.Session, From: e.Offset, Offset: e.Offset, Type: e.Type, Transport: j.t.sink.name, Target: j.t.id,
		Attempts: t.attempts, EventTime: e.Time, First: t.first, Last: t.last, Duration: t.duration, Error: t.problem, Code: t.code, ReplayOf: j.replayOf,
	}
}

// maxErrorText bounds the text of an error in the archive, in bytes.
const maxErrorText = 512

// errorText returns the error as one line that every database accepts.
func errorText(err error) string {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\x00", " ")), " ")
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return strings.ToValidUTF8(text, "")
}
