package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// frames are the seeds of the frame fuzzers: every kind of frame, and near misses.
var frames = []string{
	`{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{}}`, `{"jsonrpc":"2.0","method":"test.echo"}`, `[]`, `[1,{"id":null}]`,
	`{"id":{},"method":"\u0061"}`, `[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":-1.5e3,"method":""}]`, "\xff", `"`, `[[[[]]]]`, "",
	`{"jsonrpc":"2.0","id":"a\"}{","method":"test.echo","params":{"value":[1e400,-0,"\ud800"]}}`, `[{"jsonrpc":"2.0","id":1,"id":2,"method":"test.echo"}]`,
	" \t\r\n{ \"jsonrpc\" : \"2.0\" , \"id\" : null , \"method\" : \"rpc.discover\" } ", `{"jsonrpc":"2.0","id":7,"method":"test.echo","params":[1]}`,
	`[{"jsonrpc":"2.0","id":1,"method":"test.echo"},{"jsonrpc":"2.0","id":1,"method":"conn.cancel","params":{"id":1}},7]`, `{"jsonrpc":"2.0","result":1,"id":1}`,
	`{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"_meta":{"idempotency_key":"k","timeout_ms":1,"progress_token":"p"}}}`, `{} {}`, "\ufeff{}",
	"[" + strings.Repeat("1,", 50) + "1]", strings.Repeat("[", 40) + strings.Repeat("]", 40), `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":null}`,
}

// parts parses a frame with the standard library: ok is false if its content is undefined there.
func parts(b []byte) (requests []json.RawMessage, isBatch, ok bool) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, false, false
	}
	if bytes.TrimLeft(b, " \t\r\n")[0] != '[' {
		return []json.RawMessage{bytes.TrimSpace(b)}, false, true
	}
	err := json.Unmarshal(b, &requests)
	return requests, true, err == nil
}

// FuzzSplitFrame checks that the splitter accepts the same frames as the standard library, with the same content.
func FuzzSplitFrame(f *testing.F) {
	for _, s := range frames {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := splitFrame(b, DefaultMaxDepth, DefaultMaxBatch)
		requests, isBatch, ok := parts(b)
		refused := len(fr.items) == 0 && len(fr.bad) == 1 && fr.batch == nil && string(fr.bad[0].id) == "null"
		switch {
		case !ok, checkJSON(b, DefaultMaxDepth) != nil, isBatch && (len(requests) == 0 || len(requests) > DefaultMaxBatch):
			if !refused {
				t.Fatalf("%q: %+v", b, fr)
			}
			return
		case len(fr.items)+len(fr.bad) != len(requests) || (fr.batch != nil) != isBatch:
			t.Fatalf("%q: %d requests, %d bad of %d", b, len(fr.items), len(fr.bad), len(requests))
		}
		answers := len(fr.bad)
		for i, it := range fr.items {
			slot := 0
			if isBatch {
				slot = it.slot
			}
			if it.id != nil {
				answers++
			}
			if i > 0 && slot <= fr.items[i-1].slot {
				t.Fatalf("%q: out of order", b)
			}
			sameRequest(t, requests[slot], it)
		}
		for _, bad := range fr.bad {
			if reply := appendErrorReply(nil, bad.id, bad.problem, "r"); !json.Valid(reply) {
				t.Fatalf("reply %q", reply)
			}
		}
		if fr.batch != nil && fr.batch.left != answers {
			t.Fatalf("batch waits for %d replies of %d", fr.batch.left, answers)
		}
	})
}

// sameRequest compares a request with the standard library's result.
func sameRequest(t *testing.T, raw json.RawMessage, it *item) {
	t.Helper()
	var want map[string]json.RawMessage
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatalf("%s is no object and was taken", raw)
	}
	var method string
	if err := json.Unmarshal(want["method"], &method); err != nil || method != it.method || string(want["jsonrpc"]) != `"2.0"` {
		t.Fatalf("%s: method %q, want %q", raw, it.method, method)
	}
	if !bytes.Equal(want["id"], it.id) || !bytes.Equal(want["params"], it.params) {
		t.Fatalf("%s: id %s, params %s", raw, it.id, it.params)
	}
	if len(it.id) > maxID || it.id != nil && strings.ContainsRune("{[tf", rune(it.id[0])) || it.params != nil && it.params[0] != '{' && it.params[0] != '[' {
		t.Fatalf("%s was taken", raw)
	}
}

// FuzzServe checks that any frame is answered as JSON-RPC demands: a reply for each invalid request and each request with an id, with that id, in
// order, and no reply for notifications.
func FuzzServe(f *testing.F) {
	for _, s := range frames {
		f.Add([]byte(s))
	}
	reg := NewRegistry(Options{})
	Register(reg, Method{Name: "test.echo", Scope: ScopePublic}, func(_ context.Context, _ *Call, p *struct {
		Value json.RawMessage `json:"value"`
	},
	) (json.RawMessage, error) {
		return p.Value, nil
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		if b == nil {
			b = []byte{}
		}
		codec := &bodyCodec{body: b}
		p := NewPeer(reg, codec, PeerOptions{Rate: 1e9, Burst: 1e9, ProtocolErrors: 1e9})
		codec.idle = p.jobs.Wait
		p.Start(t.Context())
		p.Wait()
		var reply []byte
		if r, answered := codec.taken(); answered {
			reply = r.Append(nil)
		}
		if reply != nil && !json.Valid(reply) {
			t.Fatalf("%q is answered %q", b, reply)
		}
		fr := splitFrame(b, DefaultMaxDepth, DefaultMaxBatch)
		var ids []string
		if fr.batch == nil {
			for _, it := range fr.items {
				if it.id != nil {
					ids = append(ids, string(it.id))
				}
			}
			for _, bad := range fr.bad {
				ids = append(ids, string(bad.id))
			}
		} else {
			bySlot := make([]string, len(fr.batch.replies))
			for _, it := range fr.items {
				bySlot[it.slot] = string(it.id)
			}
			for _, bad := range fr.bad {
				bySlot[bad.slot] = string(bad.id)
			}
			for _, id := range bySlot {
				if id != "" {
					ids = append(ids, id)
				}
			}
		}
		sameReplies(t, b, reply, ids, fr.batch != nil)
	})
}

type anyReply struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason string `json:"reason"`
		} `json:"data"`
	} `json:"error"`
}

func sameReplies(t *testing.T, b, reply []byte, ids []string, isBatch bool) {
	t.Helper()
	if len(ids) == 0 {
		if reply != nil {
			t.Fatalf("%q is answered %s", b, reply)
		}
		return
	}
	replies := make([]anyReply, 1)
	var err error
	if isBatch {
		err = json.Unmarshal(reply, &replies)
	} else {
		err = json.Unmarshal(reply, &replies[0])
	}
	if err != nil || len(replies) != len(ids) {
		t.Fatalf("%q is answered %s (%v), want %d replies", b, reply, err, len(ids))
	}
	for i, r := range replies {
		if r.JSONRPC != "2.0" || string(r.ID) != ids[i] || (r.Error == nil) == (r.Result == nil) {
			t.Fatalf("%q: reply %d is %+v, want id %s", b, i, r, ids[i])
		}
		if r.Error != nil && (reasons[r.Error.Code] == "" || r.Error.Message == "" || r.Error.Data.Reason == "") {
			t.Fatalf("%q: error %+v", b, r.Error)
		}
	}
}

// FuzzDecode checks that params are rejected with pointers to the problem, or decoded as by the standard library.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"limit":7,"text":"xy","one":{"self":{"tags":["x"]}},"map":{"a":1},"_meta":{"timeout_ms":5},"session":"s"}`,
		`{"count":1e400,"small":-0,"raw":null,"any":{},"bytes":"","when":"2026-01-02T03:04:05Z"}`,
		`{"many":[{},null],"names":["a\u0000"],"loud":"","point":1,"jids":["1@lid"],"level":3,"labels":{"~/":null}}`,
		`{"text":"a","text":"b"}`, `{"small":128,"count":-1,"ratio":1e-999,"level":1.0}`, `[]`, `null`, `{"_meta":null,"session":null}`,
		`{"_meta":{"idempotency_key":"","progress_token":{},"traceparent":5,"x":1}}`, `{"bytes":"AQI","day":"2026-02-30","at":"now"}`,
	} {
		f.Add(s)
	}
	p, err := planOf(reflect.TypeFor[everyShape]())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if checkJSON([]byte(raw), DefaultMaxDepth) != nil {
			return
		}
		var v everyShape
		env := envelope{takeSession: true}
		if problem := decodeParams(p, json.RawMessage(raw), reflect.ValueOf(&v).Elem(), &env); problem != nil {
			fields := problem.Details.(map[string]any)["fields"].(Fields)
			if len(fields) == 0 || len(fields) > maxFieldProblems || !json.Valid(problem.AppendJSON(nil, "r")) {
				t.Fatalf("%s: %v", raw, problem)
			}
			for _, field := range fields {
				if field.Problem == "" || field.Pointer != "" && field.Pointer[0] != '/' {
					t.Fatalf("%s: %+v", raw, field)
				}
			}
			return
		}
		var want everyShape
		if err := json.Unmarshal([]byte(raw), &want); err != nil {
			return // 1.0 for an integer, which JSON Schema takes and that library does not
		}
		if strings.Contains(raw, "null") {
			return // null elements and absent members are distinguished in other ways
		}
		if a, b := mustJSON(t, v), mustJSON(t, want); !bytes.Equal(a, b) {
			t.Fatalf("%s\n means %s\n  want %s", raw, a, b)
		}
		again := mustJSON(t, fingerprintOf(t, raw))
		if shuffled := mustJSON(t, fingerprintOf(t, reorder(t, raw))); !bytes.Equal(again, shuffled) {
			t.Fatalf("%s: the order of members changes the fingerprint", raw)
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fingerprintOf(t *testing.T, raw string) any {
	t.Helper()
	sum, _ := NewRegistry(Options{}).fingerprint(&method{Method: Method{Scope: ScopeSession}}, &Call{Session: "s"}, json.RawMessage(raw))
	return sum
}

// reorder writes an object again: members sorted, white space and escapes gone.
func reorder(t *testing.T, raw string) string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &object); err != nil {
		t.Fatal(err)
	}
	return string(mustJSON(t, object))
}

// FuzzKept: a reply that was kept comes back as it was.
func FuzzKept(f *testing.F) {
	f.Add(`{"a":[1.50,"\u00e9"]}`, 0, "", "", "")
	f.Add(`null`, CodeConflict, "there\x00\xff", "own", `{"x":1}`)
	f.Fuzz(func(t *testing.T, result string, code int, message, reason, details string) {
		if code == 0 {
			if !json.Valid([]byte(result)) || !utf8.ValidString(result) {
				return
			}
			got, problem := decodeKept(encodeKept(json.RawMessage(strings.TrimSpace(result)), nil, len(result)))
			if problem != nil || string(got) != strings.TrimSpace(result) {
				t.Fatalf("%q became %q, %v", result, got, problem)
			}
			return
		}
		problem := &Error{Code: code, Message: strings.ToValidUTF8(message, ""), Reason: strings.ToValidUTF8(reason, "")}
		if json.Valid([]byte(details)) && utf8.ValidString(details) {
			problem.Details = json.RawMessage(details)
		}
		_, got := decodeKept(encodeKept(nil, problem, 1<<20))
		if got == nil || !bytes.Equal(got.AppendJSON(nil, "r"), problem.AppendJSON(nil, "r")) {
			t.Fatalf("%v %v became %v", problem, problem.Details, got)
		}
	})
}
