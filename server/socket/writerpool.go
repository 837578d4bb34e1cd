package socket

import (
	"runtime"
	"sync"
	"syscall"
)

// keepBuffer is the capacity up to which a buffer is kept for later turns, in bytes.
const keepBuffer = 256 << 10

// writerPool writes for the connections that have data to write. A few workers go from one connection to the next: a
// goroutine for each write would cost more than everything except the system call. Pool workers never block on a peer
// or on the journal; a worker that must block leaves the pool, continues with its connection as a plain goroutine,
// and is replaced.
type writerPool struct {
	e     *Endpoint
	limit int

	mu      sync.Mutex
	queue   []*conn // at most once each, while they are busy
	working int
}

func newWriterPool(e *Endpoint) *writerPool { return &writerPool{e: e, limit: runtime.GOMAXPROCS(0)} }

// enqueue adds a connection that has become busy.
func (w *writerPool) enqueue(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, c)
	w.startWorker()
}

// startWorker starts a worker if connections are queued and the pool is below its limit; the caller holds w.mu. The
// endpoint waits for its connections, so its WaitGroup cannot reach zero before this.
func (w *writerPool) startWorker() {
	if w.working < w.limit && len(w.queue) > 0 {
		w.working++
		w.e.wg.Add(1)
		go w.runWorker()
	}
}

// dequeue takes a connection off the queue; nil = the queue is empty and the worker must end.
func (w *writerPool) dequeue() *conn {
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

func (w *writerPool) runWorker() {
	defer w.e.wg.Done()
	h := workers.Get().(*worker)
	h.pool, h.left = w, false
	for !h.left {
		c := w.dequeue()
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
			w.enqueue(c) // behind the connections that wait
		}
		if cap(h.buf) > keepBuffer {
			h.buf = nil
		}
	}
	h.pool = nil
	workers.Put(h)
}

// worker is one goroutine of a writerPool.
type worker struct {
	pool *writerPool
	left bool   // it has left the pool
	buf  []byte // frames of a turn

	try  func(fd uintptr) bool
	out  []byte
	sent int
	err  error
}

var workers = sync.Pool{New: func() any {
	h := &worker{buf: make([]byte, 0, 16<<10)}
	h.try = h.tryWrite
	return h
}}

// leavePool must be called before any operation that may block.
func (h *worker) leavePool() {
	if h.left {
		return
	}
	h.left = true
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	h.pool.working--
	h.pool.startWorker()
}

// writeNow writes as many bytes as the system accepts without blocking.
func (h *worker) writeNow(raw syscall.RawConn, b []byte) (n int, err error) {
	h.out, h.sent, h.err = b, 0, nil
	err = raw.Write(h.try)
	h.out = nil
	if err == nil {
		err = h.err
	}
	return h.sent, err
}

// tryWrite is the callback of writeNow; it returns true so that RawConn does not wait and retry.
func (h *worker) tryWrite(fd uintptr) bool {
	n, err := syscall.Write(int(fd), h.out)
	if err != nil && err != syscall.EAGAIN && err != syscall.EINTR {
		h.err = err
	}
	h.sent = max(n, 0)
	return true
}
