package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// troublePause is how long a lane waits before it tries the journal or the database once more.
const troublePause = time.Second

// lane sends one thing after the other to one target. It has a goroutine only while it has something to send.
type lane struct {
	t       *target
	work    func() (on bool)    // sends all there is; false = the lane has ended for good
	current atomic.Pointer[job] // what is sent, or was sent last and may not be stored yet; nil at rest

	mu             sync.Mutex
	running, woken bool
}

// wake says that there may be something to send. No call is missed: one that comes while the lane works makes it look
// again.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.woken = true
	if !l.running {
		l.running = l.t.spawn(l.run)
	}
}

func (l *lane) run() {
	for l.again() && l.work() {
	}
}

func (l *lane) again() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running, l.woken = l.woken, false; !l.running {
		l.current.Store(nil)
	}
	return l.running
}

// send hands a job to the sink's handler and waits until it is over, or as far as it goes in the time of a window. false: it
// was abandoned, because the target was removed or the dispatcher closes; some of its deliveries may have ended.
func (l *lane) send(j *job) bool {
	l.current.Store(j)
	for !l.t.ending() {
		msg := message.NewMessageWithContext(context.WithValue(l.t.life, jobKey{}, j), j.deliveries[0].Event.ID, j.deliveries[0].Body)
		select {
		case l.t.sink.source.out <- msg:
		case <-l.t.waiting.Done():
			return false
		}
		select {
		case <-msg.Acked():
			return !j.abandoned
		case <-msg.Nacked(): // something around the attempt broke
			l.t.pause(troublePause, nil)
		}
	}
	return false
}

// settle stores how a job ended; it is tried until it is stored or the lane ends.
func (l *lane) settle(r *result) bool {
	for {
		if l.t.d.commits.submit(r) == nil {
			return true
		}
		if !l.t.pause(troublePause, nil) {
			return false
		}
	}
}
