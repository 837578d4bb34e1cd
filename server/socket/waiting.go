package socket

import "container/list"

// waiting is the list of connections before conn.hello, the oldest first. They have a limit of their own, so that
// they cannot occupy the slots of the others. The endpoint's mu guards it.
type waiting struct {
	all   list.List // of *conn
	byKey map[string]int
}

// waitingKey returns the key under which connections before conn.hello are counted: the address, or the credential of
// the upgrade.
func (c *conn) waitingKey() string {
	if c.authenticated {
		return c.principal.LimitKey()
	}
	return c.address
}

// add appends a connection and returns one that must be closed in its favour: the oldest of the same key when the key
// has more than perKey, else the oldest of all when there are more than most; nil = none needs to be closed.
func (w *waiting) add(c *conn, perKey, most int) (victim *conn) {
	if w.byKey == nil {
		w.byKey = make(map[string]int)
	}
	key := c.waitingKey()
	w.byKey[key]++
	c.waitingEntry = w.all.PushBack(c)
	switch {
	case w.byKey[key] > perKey:
		for e := w.all.Front(); e != nil; e = e.Next() {
			if other := e.Value.(*conn); other.waitingKey() == key {
				victim = other
				break
			}
		}
	case w.all.Len() > most:
		victim = w.all.Front().Value.(*conn)
	}
	if victim != nil {
		w.remove(victim)
	}
	return victim
}

// remove removes a connection from the list; no-op if it is not there.
func (w *waiting) remove(c *conn) {
	if c.waitingEntry == nil {
		return
	}
	w.all.Remove(c.waitingEntry)
	c.waitingEntry = nil
	key := c.waitingKey()
	if w.byKey[key]--; w.byKey[key] <= 0 {
		delete(w.byKey, key)
	}
}

// stopWaiting removes a connection from the list of those before conn.hello.
func (e *Endpoint) stopWaiting(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting.remove(c)
}
