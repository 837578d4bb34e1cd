package socket

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
)

// FuzzStreamID: any id is either rejected as an invalid id, or was made by the server and decodes to the encoded
// positions.
func FuzzStreamID(f *testing.F) {
	key := []byte("key of the test")
	f.Add("", []byte{})
	f.Add("42", []byte{1, 's', 1, 'e', 9})
	f.Add(string(appendStreamID(nil, key, nil)), []byte{2, 's', '1', 1, 'e', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add(string(appendStreamID(nil, key, []streamPosition{{"s1", "0123456789abcdef", 7}, {"s2", "e", 1 << 60}})), []byte{1, 'a', 1, 'b', 1, 1, 'a', 1, 'b', 2})
	f.Add(string(appendStreamID(nil, []byte("other"), []streamPosition{{"s1", "e", 1}})), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, id string, signed []byte) {
		check := func(id string) {
			places, problem := parseStreamID(id, key)
			if problem != nil {
				if problem.Code != rpc.CodeInvalidParams || !strings.Contains(problem.Message, "/last_event_id") {
					t.Fatalf("%q: %v", id, problem)
				}
				return
			}
			var list []streamPosition
			for session, at := range places {
				if session == "" || at.Epoch == "" {
					t.Fatalf("%q names %q in %q", id, session, at.Epoch)
				}
				list = append(list, streamPosition{session, at.Epoch, at.Offset})
			}
			again, problem := parseStreamID(string(appendStreamID(nil, key, list)), key)
			if problem != nil || !reflect.DeepEqual(again, places) {
				t.Fatalf("%q: %v, then %v, %v", id, places, again, problem)
			}
		}
		check(id)
		// Behind a valid signature the other checks must hold by themselves.
		body := append([]byte{idVersion}, signed...)
		check(base64.RawURLEncoding.EncodeToString(append(body, signID(key, body)...)))
	})
}

// FuzzStreamQuery: a query is rejected with an error that names the invalid parameter, or gives a filter within the
// limits that can be matched.
func FuzzStreamQuery(f *testing.F) {
	for _, query := range []string{
		"", "sessions=*", "sessions=s1,s2&types=Message&types=Receipt", "chats=1@g.us,2@s.whatsapp.net&exclude_types=Call&include_volatile=true",
		"from=oldest&ticket=x", "last_event_id=AAAA", "types=,,", "types=%ff", "a=1&a=2", "chats=%22@%22", "include_volatile=2", "%00=", "sessions[]=1",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		p, problem := parseStreamQuery(query)
		if problem != nil {
			if problem.Code != rpc.CodeInvalidParams || len(problem.Message) > 8<<10 {
				t.Fatalf("%q: %v", raw, problem)
			}
			if !json.Valid(problem.AppendJSON(nil, "id")) {
				t.Fatalf("%q: the error is not JSON", raw)
			}
			return
		}
		filter := Filter{Sessions: p.Sessions, Types: p.Types, Chats: p.Chats, ExcludeTypes: p.ExcludeTypes, IncludeVolatile: p.IncludeVolatile}
		checkFilter(t, filter)
	})
}

// FuzzFilters: filters in the form of call params.
func FuzzFilters(f *testing.F) {
	for _, text := range []string{
		`{"filters":[]}`, `{"filters":[{}]}`, `{"filters":[{"sessions":["*"]},{"types":["Message"],"chats":["1@g.us"],"include_volatile":true}]}`,
		`{"filters":[{"sessions":["s1"],"exclude_types":["Call"]}]}`, `{"filters":[{"chats":["49151"]}]}`, `{"filters":[null]}`, `{"filters":[{"types":[1]}]}`, `{"filters":`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, problem := rpc.Decode[subscribeParams](raw)
		if problem == nil {
			problem = checkFilters(p.Filters, 32)
		}
		if problem != nil {
			if problem.Code != rpc.CodeInvalidParams || !json.Valid(problem.AppendJSON(nil, "id")) {
				t.Fatalf("%q: %v", raw, problem)
			}
			return
		}
		for _, filter := range p.Filters {
			checkFilter(t, filter)
		}
	})
}

// checkFilter compares a compiled filter with its definition, for events that it names and others.
func checkFilter(t *testing.T, f Filter) {
	if len(f.Sessions) > 200 || len(f.Types) > 200 || len(f.Chats) > 500 || len(f.ExcludeTypes) > 200 {
		t.Fatalf("larger than a filter may be: %+v", f)
	}
	compiled := compileFilters([]Filter{f})
	anyOf := func(list []string, value string) bool {
		for _, s := range list {
			if s == value {
				return true
			}
		}
		return len(list) == 0
	}
	out := func(kind string) bool { return len(f.ExcludeTypes) > 0 && anyOf(f.ExcludeTypes, kind) }
	first := func(list []string, otherwise string) string {
		if len(list) > 0 {
			return list[0]
		}
		return otherwise
	}
	for _, session := range []string{"unnamed", first(f.Sessions, "s")} {
		inSession := anyOf(f.Sessions, "*") || anyOf(f.Sessions, session)
		if compiled.matchesSession(session) != inSession {
			t.Fatalf("%+v wants %q: %v", f, session, !inSession)
		}
		for _, kind := range []string{"Unnamed", first(f.Types, "T"), first(f.ExcludeTypes, "X")} {
			for _, chat := range []string{"unnamed@x", first(f.Chats, "c@x")} {
				for _, volatile := range []bool{false, true} {
					want := inSession && anyOf(f.Types, kind) && !out(kind) && anyOf(f.Chats, chat) && (!volatile || f.IncludeVolatile)
					if got := compiled.match(session, kind, []string{chat}, volatile); got != want {
						t.Fatalf("%+v: %q %q %q, volatile %v: %v", f, session, kind, chat, volatile, got)
					}
				}
			}
		}
	}
}
