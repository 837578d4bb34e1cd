package socket

import (
	"sync"

	"github.com/waystation/waystation/transports/journal"
)

// maxTopicSignals bounds the volatile events of one session that wait to be handed out; the oldest go first.
const maxTopicSignals = 256

// topic hands the news of one session to its connections. It runs only while there are news.
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
		t.kick(nil)
	}
}

// Signal implements journal.Watcher.
func (e *Endpoint) Signal(s *journal.Signal) {
	if t := e.topicFor(s.Session); t != nil {
		t.kick(s)
	}
}

// topicFor finds the topic of a session. One that nobody has asked for yet is made if there are connections that take
// sessions as they appear.
func (e *Endpoint) topicFor(session string) *topic {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[session]
	if t == nil && len(e.everyone) > 0 {
		t = e.newTopic(session)
	}
	return t
}

// newTopic is called with e.mu held.
func (e *Endpoint) newTopic(session string) *topic {
	t := &topic{e: e, session: session, conns: make(map[*conn]*cursor)}
	e.topics[session] = t
	return t
}

// join puts a connection on the topic of a session and returns its cursor there: a new one, unless it has joined before.
// The reader and the topic may both be about to, when a session appears while the client says hello.
func (e *Endpoint) join(c *conn, session string) *cursor {
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

// leave takes a connection's cursor from a topic; a topic without connections is dropped.
func (t *topic) leave(c *conn, cur *cursor) {
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

// dropIdle forgets a topic that nobody joined. Whoever still holds it can do no harm: a connection reads the log after
// it has joined, so it misses no wake-up of a topic that was there before.
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

// update notes what the journal said about the log.
func (t *topic) update(log journal.Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != log.Epoch || t.head < log.Head {
		t.epoch, t.head = log.Epoch, log.Head
	}
}

// kick has the topic run. News that come while it runs are one more round, however many they are.
func (t *topic) kick(s *journal.Signal) {
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
	if !t.running && t.e.enter() {
		t.running = true
		go t.run()
	}
}

// enter counts a goroutine of the endpoint, unless that is closing.
func (e *Endpoint) enter() bool {
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
			t.handOut()
		}
		for _, s := range signals {
			t.handOutSignal(s)
		}
	}
}

// handOut wakes the connections after an append.
func (t *topic) handOut() {
	if t.abandoned() {
		return
	}
	log, err := t.e.journal.Log(t.e.ctx, t.session)
	if err != nil {
		t.e.log.Warn("journal cannot be read", "session", t.session, "error", err)
	} else {
		t.update(log)
		t.adopt(log)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for c, cur := range t.conns {
		c.mu.Lock()
		c.queue(cur)
		if c.held == 0 {
			c.wake()
		}
		c.mu.Unlock()
	}
}

// abandoned tells that nobody follows the session and its log has no events, as after its removal. Then Log must not be
// asked, because it would begin a new one.
func (t *topic) abandoned() bool {
	t.mu.RLock()
	followed := len(t.conns) > 0
	t.mu.RUnlock()
	if followed {
		return false
	}
	events, err := t.e.journal.Read(t.e.ctx, t.session, 0, 1, 1)
	return err == nil && len(events) == 0
}

// adopt gives the session to the connections that take all sessions and do not have this one: it is new, so they get
// its log from the beginning.
func (t *topic) adopt(log journal.Log) {
	t.e.mu.Lock()
	var takers []*conn
	for c := range t.e.everyone {
		takers = append(takers, c)
	}
	t.e.mu.Unlock()
	for _, c := range takers {
		t.mu.RLock()
		_, has := t.conns[c]
		t.mu.RUnlock()
		if !has {
			c.adopt(t.session, log)
		}
	}
}

func (t *topic) handOutSignal(s *journal.Signal) {
	var frame []byte
	t.mu.RLock()
	defer t.mu.RUnlock()
	for c, cur := range t.conns {
		c.mu.Lock()
		if !c.mute && c.wantsSignal(s) {
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
	return note("signal", signalParams{Session: s.Session, Type: s.Type, Time: s.Time.UTC().Format(layout), Data: data})
}

// pushSignal queues a signal; the caller holds c.mu. When too many wait, the oldest is dropped and counted.
func (c *conn) pushSignal(cur *cursor, frame []byte) {
	if len(c.signals) >= c.e.cfg.MaxSignals {
		c.signals[0].cur.dropped++
		c.signals = c.signals[1:]
	}
	c.signals = append(c.signals, signal{cur, frame})
	if c.held == 0 {
		c.wake()
	}
}
