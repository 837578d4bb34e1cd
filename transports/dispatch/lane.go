package dispatch

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// troublePause is the pause of a lane before it retries the journal or the database.
const troublePause = time.Second

// lane sends one delivery after the other to one target. It has a goroutine only while it has work.
type lane struct {
	t       *target
	work    func() (on bool)    // sends everything available; false = the lane has ended permanently
	current atomic.Pointer[job] // current job, or the last one while it may not be stored yet; nil when idle
	// metadata of the lane's messages, which follow each other: a map for each message would be a tenth of a delivery's memory.
	metadata message.Metadata

	mu             sync.Mutex
	running, woken bool
}

// wake signals that there may be work. No call is lost: a call during a run causes another check.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.woken = true
	if !l.running {
		l.running = l.t.spawnLane(l.run)
	}
}

func (l *lane) run() {
	for l.hasMoreWork() && l.work() {
	}
}

func (l *lane) hasMoreWork() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running, l.woken = l.woken, false; !l.running {
		l.current.Store(nil)
	}
	return l.running
}

// sendJob passes a job to the sink's handler and waits until it is over or the window time has expired. false: the job was abandoned, because the
// target was removed or the dispatcher closes; some of its deliveries may have ended.
func (l *lane) sendJob(j *job) bool {
	l.current.Store(j)
	if l.metadata == nil {
		l.metadata = message.Metadata{}
	}
	for !l.t.isEnding() {
		msg := l.t.sink.source.newMessage(l, j)
		acked, ended := l.handOver(msg)
		l.t.sink.source.forgetMessage(msg)
		switch {
		case !ended:
			return false
		case acked:
			return !j.abandoned
		}
		l.t.pause(troublePause, nil) // a middleware around the attempt failed
	}
	return false
}

// handOver passes a message to the sink's handler and waits for its end. ended is false if the lane ended first, which only happens before the
// handler gets the message.
func (l *lane) handOver(msg *message.Message) (acked, ended bool) {
	select {
	case l.t.sink.source.out <- msg:
	case <-l.t.waiting.Done():
		return false, false
	}
	select {
	case <-msg.Acked():
		return true, true
	case <-msg.Nacked():
		return false, true
	}
}

// storeResult stores the outcomes of a job; it retries until they are stored or the lane ends.
func (l *lane) storeResult(r *result) bool {
	for {
		if l.t.d.commits.submit(r) == nil {
			return true
		}
		if !l.t.pause(troublePause, nil) {
			return false
		}
	}
}
