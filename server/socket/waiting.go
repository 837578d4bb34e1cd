package socket

import "container/list"

// waiting is the connections that have not said conn.hello, the oldest first. They are bounded on their own, so that they
// cannot fill the places of the others. The endpoint's mu guards it.
type waiting struct {
	all   list.List // of *conn
	byKey map[string]int
}

// waitingKey is what connections before conn.hello are counted under: the address, or the credential of the upgrade.
func (c *conn) waitingKey() string {
	if c.known {
		return c.who.LimitKey()
	}
	return c.address
}

// add appends a connection and returns one that must go in its favour: the oldest of the same key when the key has more
// than perKey, else the oldest of all when there are more than most; nil = none must.
func (w *waiting) add(c *conn, perKey, most int) (victim *conn) {
	if w.byKey == nil {
		w.byKey = make(map[string]int)
	}
	key := c.waitingKey()
	w.byKey[key]++
	c.place = w.all.PushBack(c)
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

// remove takes a connection off the list; no-op if it is not there.
func (w *waiting) remove(c *conn) {
	if c.place == nil {
		return
	}
	w.all.Remove(c.place)
	c.place = nil
	key := c.waitingKey()
	if w.byKey[key]--; w.byKey[key] <= 0 {
		delete(w.byKey, key)
	}
}

// stopWaiting takes a connection off the list of those before conn.hello.
func (e *Endpoint) stopWaiting(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting.remove(c)
}
