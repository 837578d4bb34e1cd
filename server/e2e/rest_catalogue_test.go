package e2e

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest/resttest"
)

// restDialect is what the tests know of a dialect beside its catalogue.
type restDialect struct {
	name string
	// flags of the server; {receiver} in one is the address of the world's receiver.
	flags []string
	// mounts are where it is served.
	mounts []string
	// header is the field that holds a session's token; admin that of the admin's, if there is another.
	header, admin string
	// rules hold for every answer, failures for errors beside them.
	rules, failures resttest.Rules
	// unserved is the answer to paths and methods that are not documented; beside are methods served all the same, by path.
	unserved struct{ kind, text string }
	beside   map[string]string
	// content is an answer without its envelope.
	content func(answer any) any
	cases   []restCase
	// variants are what callers send beside the documented examples.
	variants map[string]restCase
	// errors say how to provoke the documented ones, the first that matches; unprovoked which of them nothing provokes, and
	// why, by operation and text. A * stands for anything.
	errors     []provocation
	unprovoked map[string]string
	// outOfRange are values that are wrong though the document has no range, by the name of their field. tolerated are the
	// bad requests that are served all the same, and why.
	outOfRange map[string][]any
	tolerated  map[string]string
	// names tells whether an error names a field.
	names func(answer map[string]any, field string) bool
}

// restRun is a dialect against a world.
type restRun struct {
	*restDialect
	w         *restWorld
	catalogue *resttest.Catalogue
}

func newRestRun(t *testing.T, d *restDialect) *restRun {
	t.Helper()
	catalogue, err := resttest.Load(d.name)
	if err != nil {
		t.Fatal(err)
	}
	return &restRun{restDialect: d, w: startRestWorld(t, d.name, d.flags...), catalogue: catalogue}
}

func (r *restRun) operation(t *testing.T, name string) *resttest.Operation {
	t.Helper()
	o := r.catalogue.Operation(name)
	if o == nil {
		t.Fatalf("the document has no %s", name)
	}
	return o
}

// send sends a request with the token of a session.
func (r *restRun) send(t *testing.T, mount, token string, request *resttest.Request) *resttest.Answer {
	t.Helper()
	c := resttest.Client{HTTP: client, Base: "http://" + r.w.server.addr + mount, Header: http.Header{}}
	switch {
	case token == adminToken && r.admin != "":
		c.Header.Set(r.admin, token)
	case token != "":
		c.Header.Set(r.header, token)
	}
	answer, err := c.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// token is the one that an operation takes.
func (r *restRun) token(o *resttest.Operation) string {
	if o.Auth == "admin" {
		return adminToken
	}
	return r.w.caller.token
}

// documented sends the documented request of a case, compares the answer with the document and checks the effect.
func (r *restRun) documented(t *testing.T, c restCase, mount string) {
	if c.stream != nil {
		c.stream(t, r, mount)
		return
	}
	o := r.operation(t, c.operation)
	act := c.prepare(t, r.w)
	request, err := o.Request(act.example, act.values)
	if err != nil {
		t.Fatal(err)
	}
	if act.alter != nil {
		act.alter(request)
	}
	answer := r.send(t, mount, r.w.who(act).token, request)
	rules := resttest.Rules{Literal: r.rules.Literal, Extra: slices.Concat(r.rules.Extra, c.rules.Extra), Absent: c.rules.Absent}
	for _, success := range o.SuccessResponses() {
		for _, f := range o.Compare(success, answer, rules) {
			t.Errorf("as in %s: %s", success.Source, f)
		}
	}
	if answer.Status < http.StatusBadRequest {
		act.effect(t, outcome{rest: r.content(answer.JSON())})
	}
}

// called makes the calls that do the same as an operation, and checks the same effect.
func (r *restRun) called(t *testing.T, c restCase) {
	if c.stream != nil {
		return // its calls go on, over a socket
	}
	act := c.prepare(t, r.w)
	act.effect(t, r.w.perform(t, act))
}

// covers checks that each operation of the document has a case.
func (r *restRun) covers(t *testing.T) {
	cases := map[string]int{}
	for _, c := range r.cases {
		cases[c.operation]++
	}
	for _, o := range r.catalogue.Operations {
		if cases[o.Name()] != 1 {
			t.Errorf("%d cases of %s", cases[o.Name()], o.Name())
		}
		delete(cases, o.Name())
	}
	for name := range cases {
		t.Errorf("the document has no %s", name)
	}
}

// provocation makes a documented error happen.
type provocation struct {
	operation, text string // patterns in which * is anything; "" = all
	// provoke prepares it and says what to send instead of the good request.
	provoke func(t *testing.T, p *provoked)
}

// provoked is a request that shall fail, at first a good one.
type provoked struct {
	run       *restRun
	operation *resttest.Operation
	text      string // the documented one
	as        restSession
	values    resttest.Values
	body      []byte // nil = made of the values
}

func matches(pattern, text string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(text, "/", "|"))
	return pattern == "" || err == nil && ok
}

// reasonNotProvoked finds an entry of unprovoked.
func (r *restRun) reasonNotProvoked(o *resttest.Operation, text string) (key string) {
	for key := range r.unprovoked {
		operation, pattern, _ := strings.Cut(key, ": ")
		if matches(operation, o.Name()) && (pattern == text || pattern != "" && matches(pattern, text)) {
			return key
		}
	}
	return ""
}

// fails provokes each documented error of a case and compares the answer.
func (r *restRun) fails(t *testing.T, c restCase, used map[string]bool) {
	o := r.operation(t, c.operation)
	for _, failure := range o.ErrorResponses() {
		text := failure.Text()
		if failure.Example == nil {
			text = fmt.Sprintf("status %d", failure.Status) // the document says no more
		}
		if key := r.reasonNotProvoked(o, text); key != "" {
			used[key] = true
			continue
		}
		t.Run(text, func(t *testing.T) {
			i := slices.IndexFunc(r.errors, func(p provocation) bool { return matches(p.operation, o.Name()) && matches(p.text, text) })
			if i < 0 {
				t.Fatal("nothing provokes it, and nothing says why not")
			}
			act := c.prepare(t, r.w)
			p := &provoked{run: r, operation: o, text: text, as: r.w.who(act), values: act.values}
			r.errors[i].provoke(t, p)
			request, err := o.Request(act.example, p.values)
			if err != nil {
				t.Fatal(err)
			}
			if p.body != nil {
				request.Body = p.body
			}
			rules := resttest.Rules{Literal: r.rules.Literal, Extra: r.failures.Extra}
			for _, f := range o.Compare(failure, r.send(t, r.mounts[0], p.as.token, request), rules) {
				t.Error(f)
			}
		})
	}
}

// provokes checks that what is said not to be provoked is documented.
func (r *restRun) provokes(t *testing.T) {
	used := map[string]bool{}
	for _, c := range r.cases {
		t.Run(c.operation, func(t *testing.T) { r.fails(t, c, used) })
	}
	for key, reason := range r.unprovoked {
		if !used[key] || reason == "" {
			t.Errorf("no error is %q, or there is no reason", key)
		}
	}
}
