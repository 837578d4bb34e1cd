package socket

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waystation/waystation/rpc"
)

// Filter selects events of a connection: all given conditions must hold. Several filters are alternatives.
type Filter struct {
	Sessions        []string `json:"sessions,omitempty" rpc:"max=200,each.min=1,each.max=256" doc:"session ids, or * for all; absent = all"`
	Types           []string `json:"types,omitempty" rpc:"max=200,each.min=1,each.max=64" doc:"event types, or * for all; absent = all"`
	Chats           []string `json:"chats,omitempty" rpc:"max=500,format=jid" doc:"chat JIDs; absent = all"`
	ExcludeTypes    []string `json:"exclude_types,omitempty" rpc:"max=200,each.min=1,each.max=64" doc:"event types left out; * = all"`
	IncludeVolatile bool     `json:"include_volatile,omitempty" doc:"also send signals such as typing"`
}

// everything is the default of a client without filters: all durable events it may see.
var everything = compileFilters([]Filter{{}})

// filterSet is a compiled list of filters; it is immutable.
type filterSet struct {
	list   []compiledFilter
	all    bool       // every durable event matches
	naming *filterSet // only the filters that name sessions
}

type compiledFilter struct {
	sessions, types, chats, exclude map[string]struct{} // nil = any
	volatile                        bool
}

func compileFilters(list []Filter) *filterSet {
	s := &filterSet{}
	for _, f := range list {
		c := compiledFilter{
			sessions: setOrAny(f.Sessions), types: setOrAny(f.Types), chats: toSet(f.Chats), exclude: toSet(f.ExcludeTypes), volatile: f.IncludeVolatile,
		}
		if c.sessions == nil && c.types == nil && c.chats == nil && c.exclude == nil {
			s.all = true
		}
		s.list = append(s.list, c)
	}
	s.naming = &filterSet{list: slices.DeleteFunc(slices.Clone(s.list), func(c compiledFilter) bool { return c.sessions == nil })}
	return s
}

// anyValue in a list of sessions or types stands for all, and in exclude_types for all types.
const anyValue = "*"

// setOrAny returns the set of a list that may contain anyValue; nil = any.
func setOrAny(list []string) map[string]struct{} {
	if slices.Contains(list, anyValue) {
		return nil
	}
	return toSet(list)
}

func toSet(list []string) map[string]struct{} {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]struct{}, len(list))
	for _, s := range list {
		m[s] = struct{}{}
	}
	return m
}

// checkFilters rejects invalid filters; fields are named below /filters.
func checkFilters(list []Filter, most int) *rpc.Error {
	if len(list) > most {
		return rpc.InvalidParams("/filters", "must have at most "+strconv.Itoa(most)+" items")
	}
	var bad rpc.Fields
	for i, f := range list {
		bad = append(bad, checkChats(f.Chats, "/filters/"+strconv.Itoa(i)+"/chats/")...)
	}
	if len(bad) > 0 {
		return rpc.InvalidFields(bad)
	}
	return nil
}

// checkChats reports chats that are not JIDs: events carry addresses, of which a number is only a part.
func checkChats(chats []string, below string) (bad rpc.Fields) {
	for i, chat := range chats {
		if !strings.Contains(chat, "@") {
			bad = append(bad, rpc.Field{Pointer: below + strconv.Itoa(i), Problem: "must be a JID"})
		}
	}
	return bad
}

// matchesSession reports whether any event of the session can match.
func (s *filterSet) matchesSession(session string) bool {
	if s.all {
		return true
	}
	for i := range s.list {
		if contains(s.list[i].sessions, session) {
			return true
		}
	}
	return false
}

// matchesUnnamed reports whether sessions that are not named can match.
func (s *filterSet) matchesUnnamed() bool {
	for i := range s.list {
		if s.list[i].sessions == nil {
			return true
		}
	}
	return false
}

// namedSessions returns the sessions that filters name.
func (s *filterSet) namedSessions() []string {
	var list []string
	for i := range s.list {
		for id := range s.list[i].sessions {
			list = append(list, id)
		}
	}
	return list
}

// match reports whether an event matches.
func (s *filterSet) match(session, kind string, chats []string, volatile bool) bool {
	if s.all && !volatile {
		return true
	}
	for i := range s.list {
		if s.list[i].match(session, kind, chats, volatile) {
			return true
		}
	}
	return false
}

func (f *compiledFilter) match(session, kind string, chats []string, volatile bool) bool {
	if volatile && !f.volatile || !contains(f.sessions, session) || !contains(f.types, kind) {
		return false
	}
	if _, out := f.exclude[kind]; out {
		return false
	}
	if _, out := f.exclude[anyValue]; out {
		return false
	}
	if f.chats == nil {
		return true
	}
	for _, chat := range chats {
		if _, in := f.chats[chat]; in {
			return true
		}
	}
	return false
}

func contains(m map[string]struct{}, key string) bool {
	if m == nil {
		return true
	}
	_, in := m[key]
	return in
}
