package dispatch

import (
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// job is a delivery on its way through the middlewares.
type job struct {
	t        *target
	delivery Delivery
	since    time.Time // from when its age counts
	replayOf int64

	// Of the handler.
	open   bool   // the last attempt left the breaker open
	paid   int    // attempts that count towards Policy.MaxAttempts
	status Status // how it ended; empty = not, or abandoned

	mu          sync.Mutex // the rest is shown while it runs
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

// begin and end frame an attempt.
func (j *job) begin(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.attempts++
	j.delivery.Attempt = j.attempts
	j.active, j.last = true, now
	if j.attempts == 1 {
		j.first = now
	}
}

func (j *job) end(now time.Time, code int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.active, j.code = false, code
	j.duration, j.last = now.Sub(j.last), now
	if err != nil {
		j.problem = errorText(err)
	}
}

// note keeps the reason of an end that was no attempt's.
func (j *job) note(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.problem = errorText(err)
}

// entry is the job's trace in the archive.
func (j *job) entry() *Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.delivery.Event
	return &Entry{
		Status: j.status, EventID: e.ID, Session: e.Session, From: e.Offset, Offset: e.Offset, Type: e.Type, Transport: j.t.sink.name, Target: j.t.id,
		Attempts: j.attempts, EventTime: e.Time, First: j.first, Last: j.last, Duration: j.duration, Error: j.problem, Code: j.code, ReplayOf: j.replayOf,
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
