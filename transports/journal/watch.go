package journal

import (
	"slices"
	"sync"
)

// watchers are the registered watchers by session; "" stands for every session. Lists are replaced, never modified, so notifying needs the lock only
// to fetch the list.
type watchers struct {
	mu        sync.RWMutex
	bySession map[string][]*watching
}

type watching struct{ w Watcher }

func (ws *watchers) add(session string, w Watcher) (stop func()) {
	entry := &watching{w}
	ws.change(session, func(list []*watching) []*watching { return append(list, entry) })
	return func() {
		ws.change(session, func(list []*watching) []*watching {
			return slices.DeleteFunc(list, func(e *watching) bool { return e == entry })
		})
	}
}

func (ws *watchers) change(session string, edit func([]*watching) []*watching) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.bySession == nil {
		ws.bySession = map[string][]*watching{}
	}
	list := edit(slices.Clone(ws.bySession[session]))
	if len(list) == 0 {
		delete(ws.bySession, session)
		return
	}
	ws.bySession[session] = list
}

func (ws *watchers) forSession(session string) (own, all []*watching) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	return ws.bySession[session], ws.bySession[""]
}

// Watch calls w after each commit and for each signal of a session, or of every session when it is "", until stop is called. Earlier events cause no
// call: register first, then call Log.
func (j *Journal) Watch(session string, w Watcher) (stop func()) {
	return j.watchers.add(session, w)
}

// Signal passes a volatile event to the current watchers of the session. One whose data is larger than Config.MaxData is dropped and counted.
func (j *Journal) Signal(s Signal) {
	if len(s.Data) > j.cfg.MaxData {
		j.stats.signalsDropped.Add(1)
		return
	}
	if s.Time.IsZero() {
		s.Time = j.cfg.Now()
	}
	s.Time = s.Time.UTC()
	j.notifyWatchers(s.Session, func(w Watcher) { w.Signal(&s) })
}

func (j *Journal) wake(session string) {
	j.notifyWatchers(session, func(w Watcher) { w.Wake(session) })
}

func (j *Journal) notifyWatchers(session string, call func(Watcher)) {
	own, all := j.watchers.forSession(session)
	for _, e := range own {
		j.callGuarded(e.w, call)
	}
	if session == "" {
		return // the same list
	}
	for _, e := range all {
		j.callGuarded(e.w, call)
	}
}

// callGuarded keeps a watcher's panic from the committer, which serves every session.
func (j *Journal) callGuarded(w Watcher, call func(Watcher)) {
	defer func() {
		if r := recover(); r != nil {
			j.cfg.Log.Error("journal watcher panicked", "panic", r)
		}
	}()
	call(w)
}
