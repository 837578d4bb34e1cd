// Package namecheck checks the rule of names (docs/concepts.md) on the events
// and replies of a whole test run. Only tests use it.
package namecheck

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/waystation/waystation/transports/journal"
)

// Checker follows the names that one server shows. It is safe for concurrent use.
type Checker struct {
	mu       sync.Mutex
	sessions map[string]*session
}

// session has the pairs and names that one session has reported.
type session struct {
	numberOf map[string]string          // LID -> phone JID
	keysOf   map[string]map[string]bool // address -> keys it had
	aliases  map[string]string          // replaced key -> key that stays
	problems []string
	checked  int
}

// maxProblems bounds the report of one session.
const maxProblems = 20

// New returns a checker that has seen nothing.
func New() *Checker { return &Checker{sessions: make(map[string]*session)} }

// unchecked are members in WhatsApp's own form, not in ours.
var unchecked = map[string]bool{"raw": true, "value": true, "params": true}

// people are the members that name a person; the first of primary is the one
// that pn, lid and contact_key beside it are about.
var (
	people  = []string{"sender", "contact", "caller", "from", "message_sender", "author", "owner", "name_set_by", "description_set_by", "inviter", "receiver"}
	primary = []string{"sender", "contact", "caller", "from"}
)

// Event checks the data of an event or a signal.
func (c *Checker) Event(sessionID, kind string, data []byte) {
	c.checkValue(sessionID, kind, data, true)
}

// Reply checks the result of a method.
func (c *Checker) Reply(sessionID, method string, result []byte) {
	if !strings.HasPrefix(method, "sandbox.") { // their results are from the network, which has all addresses
		c.checkValue(sessionID, method, result, false)
	}
}

func (c *Checker) checkValue(sessionID, what string, data []byte, event bool) {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[sessionID]
	if s == nil {
		s = &session{numberOf: map[string]string{}, keysOf: map[string]map[string]bool{}, aliases: map[string]string{}}
		c.sessions[sessionID] = s
	}
	s.checked++
	object, _ := value.(map[string]any)
	if what == "Alias" {
		s.aliases[textOf(object["replaced_contact_key"])] = textOf(object["contact_key"])
		return
	}
	w := walker{s: s, what: sessionID + " " + what}
	if event && object != nil {
		w.checkTop(object)
	}
	w.walkValue(value, "")
}

type walker struct {
	s    *session
	what string
}

func (w *walker) addProblem(format string, args ...any) {
	if len(w.s.problems) < maxProblems {
		w.s.problems = append(w.s.problems, w.what+": "+fmt.Sprintf(format, args...))
	}
}

// checkTop checks what only events owe: both addresses beside the key.
func (w *walker) checkTop(object map[string]any) {
	for _, need := range []struct {
		when string
		then []string
	}{{"chat", []string{"chat_pn", "chat_lid", "chat_key"}}, {"sender", []string{"pn", "lid", "contact_key"}}, {"contact", []string{"pn", "lid", "contact_key"}}} {
		if textOf(object[need.when]) == "" {
			continue
		}
		for _, name := range need.then {
			if _, there := object[name]; !there {
				w.addProblem("has %s and no %s", need.when, name)
			}
		}
	}
	if group := textOf(object["group"]); strings.HasSuffix(group, "@g.us") && object["call_id"] == nil && textOf(object["chat"]) != group {
		w.addProblem("is about group %s and names chat %q", group, textOf(object["chat"]))
	}
}

func (w *walker) walkValue(value any, path string) {
	switch v := value.(type) {
	case []any:
		for i, inner := range v {
			w.walkValue(inner, fmt.Sprintf("%s/%d", path, i))
		}
	case map[string]any:
		w.checkObject(v, path)
		for name, inner := range v {
			if !unchecked[name] {
				w.walkValue(inner, path+"/"+name)
			}
		}
	}
}

func (w *walker) checkObject(o map[string]any, path string) {
	// Pairs in an object apply to the object itself, too.
	for _, pair := range [][2]string{{"pn", "lid"}, {"chat_pn", "chat_lid"}} {
		if pn, lid := textOf(o[pair[0]]), textOf(o[pair[1]]); pn != "" && lid != "" {
			w.s.numberOf[lid] = pn
		}
	}
	if chat := textOf(o["chat"]); chat != "" {
		w.checkName(path+"/chat", chat)
		key := textOf(o["chat_key"])
		switch {
		case key == "":
			w.addProblem("%s has chat %s and no chat_key", path, chat)
		case !isPerson(chat) && key != chat:
			w.addProblem("%s has chat %s under key %s", path, chat, key)
		case isPerson(chat):
			w.checkAgreement(path, "chat", o, "chat_pn", "chat_lid")
			w.checkKeyed(key, chat, textOf(o["chat_pn"]), textOf(o["chat_lid"]))
		}
	}
	for _, field := range people {
		if who := textOf(o[field]); isPerson(who) {
			w.checkName(path+"/"+field, who)
		}
	}
	if mentions, ok := o["mentions"].([]any); ok {
		for _, mention := range mentions {
			if who := textOf(mention); isPerson(who) {
				w.checkName(path+"/mentions", who)
			}
		}
	}
	for _, field := range primary {
		who := textOf(o[field])
		if who == "" {
			continue
		}
		if !isPerson(who) {
			break
		}
		key := textOf(o["contact_key"])
		if key == "" {
			w.addProblem("%s has %s %s and no contact_key", path, field, who)
			break
		}
		w.checkAgreement(path, field, o, "pn", "lid")
		w.checkKeyed(key, who, textOf(o["pn"]), textOf(o["lid"]))
		break
	}
}

// checkAgreement checks an address against the two beside it.
func (w *walker) checkAgreement(path, field string, o map[string]any, pnField, lidField string) {
	address, want := textOf(o[field]), textOf(o[pnField])
	if _, shown := o[pnField]; want == "" && (shown || strings.HasSuffix(address, "@lid")) {
		want = textOf(o[lidField])
	}
	if want != "" && want != address {
		w.addProblem("%s/%s is %s beside %v and %v", path, field, address, o[pnField], o[lidField])
	}
}

// checkName checks one address.
func (w *walker) checkName(path, address string) {
	user, _, _ := strings.Cut(address, "@")
	if strings.Contains(user, ":") {
		w.addProblem("%s is %s, with a device", path, address)
	}
	if number := w.s.numberOf[address]; number != "" {
		w.addProblem("%s is %s, whose number %s was shown before", path, address, number)
	}
}

func (w *walker) checkKeyed(key string, addresses ...string) {
	for _, address := range addresses {
		if address == "" {
			continue
		}
		if w.s.keysOf[address] == nil {
			w.s.keysOf[address] = map[string]bool{}
		}
		w.s.keysOf[address][key] = true
	}
}

// TakeProblems returns what broke the rule in the sessions whose ids begin with prefix,
// and how many events and replies were checked, and forgets those sessions.
func (c *Checker) TakeProblems(prefix string) (problems []string, checked int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.sessions {
		if !strings.HasPrefix(id, prefix) {
			continue
		}
		delete(c.sessions, id)
		problems, checked = append(problems, s.problems...), checked+s.checked
		for address, keys := range s.keysOf {
			ends := map[string]bool{}
			for key := range keys {
				for range len(s.aliases) {
					next, over := s.aliases[key]
					if !over {
						break
					}
					key = next
				}
				ends[key] = true
			}
			if len(ends) > 1 {
				problems = append(problems, fmt.Sprintf("%s: %s has the keys %v, which no Alias joins", id, address, ends))
			}
		}
	}
	return problems, checked
}

// Journal is a journal of bridges that checks what is written to it.
type Journal struct {
	Log interface {
		Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error)
		Signal(s journal.Signal)
		Purge(ctx context.Context, session string) error
	}
	Checker *Checker
}

// Append implements bridge.Journal.
func (j *Journal) Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error) {
	for _, r := range records {
		j.Checker.Event(session, r.Type, r.Data)
	}
	return j.Log.Append(ctx, session, records...)
}

// Signal implements bridge.Journal.
func (j *Journal) Signal(s journal.Signal) {
	j.Checker.Event(s.Session, s.Type, s.Data)
	j.Log.Signal(s)
}

// Purge implements bridge.Journal.
func (j *Journal) Purge(ctx context.Context, session string) error { return j.Log.Purge(ctx, session) }

func textOf(value any) string {
	s, _ := value.(string)
	return s
}

func isPerson(address string) bool {
	return strings.HasSuffix(address, "@s.whatsapp.net") || strings.HasSuffix(address, "@lid")
}
