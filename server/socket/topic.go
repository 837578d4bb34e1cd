package socket

import (
	"sync"

	"github.com/waystation/waystation/transports/journal"
)

// maxTopicSignals limits the undelivered volatile events of one session; the oldest are dropped.
const maxTopicSignals = 256

// topic delivers the wake-ups and signals of one session to its connections. It has a goroutine only while there are
// any.
type topic struct {
	e       *Endpoint
	session string

	mu      sync.RWMutex
	epoch   string
	head    uint64
	conns   map[*conn]*cursor
	woken   bool
	running bool
	signals []*journal.Signal
}

// signal is an encoded volatile event on its way to one connection.
type signal struct {
	cur   *cursor
	frame []byte
}

type signalParams struct {
	Session string `json:"session"`
	Type    string `json:"type"`
	Time    string `json:"time"`
	Data    any    `json:"data"`
}

// Wake implements journal.Watcher.
func (e *Endpoint) Wake(session string) {
	if t := e.topicFor(session); t != nil {
		t.schedule(nil)
	}
}

// Signal implements journal.Watcher.
func (e *Endpoint) Signal(s *journal.Signal) {
	if t := e.topicFor(s.Session); t != nil {
		t.schedule(s)
	}
}

// topicFor returns the topic of a session. If the session has no topic, it is created if there are connections that
// adopt new sessions.
func (e *Endpoint) topicFor(session string) *topic {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[session]
	if t == nil && len(e.adopters) > 0 {
		t = e.newTopic(session)
	}
	return t
}

// newTopic creates a topic; the caller holds e.mu.
func (e *Endpoint) newTopic(session string) *topic {
	t := &topic{e: e, session: session, conns: make(map[*conn]*cursor)}
	e.topics[session] = t
	return t
}

// joinTopic adds a connection to the topic of a session and returns its cursor there: a new one, unless it has joined
// before. The reader and the topic may both join when a session appears during conn.hello.
func (e *Endpoint) joinTopic(c *conn, session string) *cursor {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[session]
	if t == nil {
		t = e.newTopic(session)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cur := t.conns[c]
	if cur == nil {
		cur = &cursor{topic: t}
		t.conns[c] = cur
	}
	return cur
}

// removeCursor removes a connection's cursor; a topic without connections is dropped.
func (t *topic) removeCursor(c *conn, cur *cursor) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns[c] == cur {
		delete(t.conns, c)
	}
	if len(t.conns) == 0 && t.e.topics[t.session] == t {
		delete(t.e.topics, t.session)
	}
}

// dropIdle removes a topic without connections. A goroutine that still has it does no harm: a connection reads the
// log after it has joined, so it misses no wake-up of an earlier topic.
func (t *topic) dropIdle() {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.conns) == 0 && !t.running && t.e.topics[t.session] == t {
		delete(t.e.topics, t.session)
	}
}

func (t *topic) state() (epoch string, head uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.epoch, t.head
}

// updateLog stores the state of the log that the journal reported.
func (t *topic) updateLog(log journal.Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != log.Epoch || t.head < log.Head {
		t.epoch, t.head = log.Epoch, log.Head
	}
}

// schedule starts the topic's goroutine unless it runs. Any number of wake-ups while it runs cause one more round.
func (t *topic) schedule(s *journal.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s == nil {
		t.woken = true
	} else {
		if len(t.signals) >= maxTopicSignals {
			t.signals = t.signals[1:]
		}
		t.signals = append(t.signals, s)
	}
	if !t.running && t.e.addGoroutine() {
		t.running = true
		go t.run()
	}
}

// addGoroutine counts a goroutine of the endpoint; false = the endpoint is closing.
func (e *Endpoint) addGoroutine() bool {
	e.runMu.Lock()
	defer e.runMu.Unlock()
	if e.stopped {
		return false
	}
	e.wg.Add(1)
	return true
}

func (t *topic) run() {
	defer t.e.wg.Done()
	for {
		t.mu.Lock()
		woken, signals := t.woken, t.signals
		t.woken, t.signals = false, nil
		if !woken && len(signals) == 0 {
			t.running = false
			t.mu.Unlock()
			t.dropIdle()
			return
		}
		t.mu.Unlock()
		if woken {
			t.wakeConns()
		}
		for _, s := range signals {
			t.pushSignalToConns(s)
		}
	}
}

// wakeConns wakes the connections after an append.
func (t *topic) wakeConns() {
	if t.isAbandoned() {
		return
	}
	log, err := t.e.journal.Log(t.e.ctx, t.session)
	if err != nil {
		t.e.log.Warn("journal cannot be read", "session", t.session, "error", err)
	} else {
		t.updateLog(log)
		t.adoptSession(log)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for c, cur := range t.conns {
		c.mu.Lock()
		c.queueCursor(cur)
		if c.eventHolds == 0 {
			c.wake()
		}
		c.mu.Unlock()
	}
}

// isAbandoned reports whether the session has no followers and its log no events, as after its removal. Then Log must
// not be called, because it would create a new log.
func (t *topic) isAbandoned() bool {
	t.mu.RLock()
	followed := len(t.conns) > 0
	t.mu.RUnlock()
	if followed {
		return false
	}
	events, err := t.e.journal.Read(t.e.ctx, t.session, 0, 1, 1)
	return err == nil && len(events) == 0
}

// adoptSession adds the session to the connections that follow all sessions and lack it: it is new, so they receive
// its log from the beginning.
func (t *topic) adoptSession(log journal.Log) {
	t.e.mu.Lock()
	var takers []*conn
	for c := range t.e.adopters {
		takers = append(takers, c)
	}
	t.e.mu.Unlock()
	for _, c := range takers {
		t.mu.RLock()
		_, has := t.conns[c]
		t.mu.RUnlock()
		if !has {
			c.adoptSession(t.session, log)
		}
	}
}

func (t *topic) pushSignalToConns(s *journal.Signal) {
	var frame []byte
	t.mu.RLock()
	defer t.mu.RUnlock()
	for c, cur := range t.conns {
		c.mu.Lock()
		if !c.writesEnded && c.wantsSignal(s) {
			if frame == nil {
				frame = encodeSignal(s)
			}
			c.pushSignal(cur, frame)
		}
		c.mu.Unlock()
	}
}

func encodeSignal(s *journal.Signal) []byte {
	const layout = "2006-01-02T15:04:05.000Z07:00"
	data := any(s.Data)
	if len(s.Data) == 0 {
		data = nil
	}
	return encodeNote("signal", signalParams{Session: s.Session, Type: s.Type, Time: s.Time.UTC().Format(layout), Data: data})
}

// pushSignal queues a signal; the caller holds c.mu. When the queue is full, the oldest is dropped and counted.
func (c *conn) pushSignal(cur *cursor, frame []byte) {
	if len(c.signals) >= c.e.cfg.MaxSignals {
		c.signals[0].cur.dropped++
		c.signals = c.signals[1:]
	}
	c.signals = append(c.signals, signal{cur, frame})
	if c.eventHolds == 0 {
		c.wake()
	}
}
