package socket

import (
	"runtime"
	"sync"
	"syscall"
)

// keepBuffer is the largest buffer that is kept for later turns, in bytes.
const keepBuffer = 256 << 10

// crew writes for the connections that have something to write. A few goroutines go from one connection to the next:
// one for each would cost more than all but the system call. They never wait for a peer or the journal; a hand that has
// to goes on with its connection as a goroutine of its own, and another takes its place.
type crew struct {
	e     *Endpoint
	limit int

	mu      sync.Mutex
	queue   []*conn // at most once each, as long as they are busy
	working int
}

func newCrew(e *Endpoint) *crew { return &crew{e: e, limit: runtime.GOMAXPROCS(0)} }

// add queues a connection that has become busy.
func (w *crew) add(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, c)
	w.hire()
}

// hire is called with w.mu held. The endpoint waits for its connections, so that it is not done before this.
func (w *crew) hire() {
	if w.working < w.limit && len(w.queue) > 0 {
		w.working++
		w.e.wg.Add(1)
		go w.work()
	}
}

// next takes a connection off the queue; nil = there is none, and the hand must end.
func (w *crew) next() *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		w.working--
		return nil
	}
	c := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return c
}

func (w *crew) work() {
	defer w.e.wg.Done()
	h := hands.Get().(*hand)
	h.crew, h.left = w, false
	for !h.left {
		c := w.next()
		if c == nil {
			break
		}
		done := c.drain(h)
		for !done && h.left {
			done = c.drain(h)
		}
		if done {
			c.writers.Done()
		} else {
			w.add(c) // behind those who wait
		}
		if cap(h.buf) > keepBuffer {
			h.buf = nil
		}
	}
	h.crew = nil
	hands.Put(h)
}

// hand is one goroutine of a crew.
type hand struct {
	crew *crew
	left bool   // the crew does not count on it any more
	buf  []byte // frames of a turn

	try  func(fd uintptr) bool
	out  []byte
	sent int
	err  error
}

var hands = sync.Pool{New: func() any {
	h := &hand{buf: make([]byte, 0, 16<<10)}
	h.try = h.tryWrite
	return h
}}

// leave must be called before anything that may wait.
func (h *hand) leave() {
	if h.left {
		return
	}
	h.left = true
	h.crew.mu.Lock()
	defer h.crew.mu.Unlock()
	h.crew.working--
	h.crew.hire()
}

// write sends what the system takes at once.
func (h *hand) write(raw syscall.RawConn, b []byte) (n int, err error) {
	h.out, h.sent, h.err = b, 0, nil
	err = raw.Write(h.try)
	h.out = nil
	if err == nil {
		err = h.err
	}
	return h.sent, err
}

// tryWrite is the inside of write; true = do not wait and come again.
func (h *hand) tryWrite(fd uintptr) bool {
	n, err := syscall.Write(int(fd), h.out)
	if err != nil && err != syscall.EAGAIN && err != syscall.EINTR {
		h.err = err
	}
	h.sent = max(n, 0)
	return true
}
