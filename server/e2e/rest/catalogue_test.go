package rest

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// restDialect describes a dialect for the tests, in addition to its catalogue.
type restDialect struct {
	name string
	// world is the dialect of the world's sessions; empty = name.
	world string
	// flags of the server; {receiver} in one is the address of the world's receiver.
	flags []string
	// mounts are the path prefixes of the dialect.
	mounts []string
	// header is the header field of a session token, in which scheme comes before the token; admin that of the admin token, if it differs.
	header, scheme, admin string
	// rules apply to all answers, failures to errors in addition.
	rules, failures resttest.Rules
	// unserved is the answer to undocumented paths and methods; beside has the undocumented methods that are served, by path.
	unserved struct{ kind, text string }
	beside   map[string]string
	// brokenBody is the content type of the answer to a body that cannot be read; empty = JSON.
	brokenBody string
	// changing are patterns of GET operations that change something, which checkHead leaves out.
	changing []string
	// content returns an answer without its envelope.
	content func(answer any) any
	cases   []restCase
	// variants are requests of callers that differ from the documented examples.
	variants map[string]restCase
	// errors has the provocations of documented errors; the first match applies. unprovoked has the errors that are not provoked, and
	// the reason, by operation and text. A * matches any text.
	errors     []provocation
	unprovoked map[string]string
	// outOfRange has invalid values of fields without a documented range, by field name. tolerated has the
	// bad requests that are accepted, and the reason.
	outOfRange map[string][]any
	tolerated  map[string]string
	// badPaths has invalid values of parameters in paths, by name.
	badPaths map[string][]string
	// refuses returns what is wrong with the answer to a bad request, "" if nothing; nil = refusesBadRequest.
	refuses func(r *restRun, answer *resttest.Answer, bad resttest.BadRequest) string
	// foreign reports whether an answer refuses a session of another token; nil = the token decides the session, so that each answer is about the
	// caller's own.
	foreign func(answer *resttest.Answer) bool
	// ofServer are the operations that are for no session, so that foreign does not apply.
	ofServer []string
	// names reports whether an error names a field.
	names func(answer map[string]any, field string) bool
}

// restRun runs the tests of a dialect against a restWorld.
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
	r := &restRun{restDialect: d, w: startRestWorld(t, cmp.Or(d.world, d.name), d.flags...)}
	described := r.describedPaths(t, d.mounts[0])
	r.catalogue = catalogue.Only(func(method, path string) bool { return described[path][strings.ToLower(method)] != nil })
	return r
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
	c := resttest.Client{HTTP: e2etest.Client, Base: "http://" + r.w.Server.Addr + mount, Header: http.Header{}}
	switch {
	case token == e2etest.AdminToken && r.admin != "":
		c.Header.Set(r.admin, token)
	case token != "":
		c.Header.Set(r.header, r.scheme+token)
	}
	answer, err := c.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// token returns the token that an operation requires.
func (r *restRun) token(o *resttest.Operation) string {
	if o.Auth == "admin" {
		return e2etest.AdminToken
	}
	return r.w.Caller.Token
}

// checkDocumented sends the documented request of a case, compares the answer with the document and checks the effect.
func (r *restRun) checkDocumented(t *testing.T, c restCase, mount string) {
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
	answer := r.send(t, mount, r.w.who(act).Token, request)
	rules := resttest.Rules{Literal: r.rules.Literal, Extra: slices.Concat(r.rules.Extra, c.rules.Extra), Absent: c.rules.Absent}
	for _, f := range o.CompareSuccess(answer, rules) {
		t.Error(f)
	}
	if answer.Status < http.StatusBadRequest {
		act.effect(t, outcome{rest: r.content(answer.JSON())})
	}
}

// checkCalls makes the equivalent calls of an operation and checks the same effect.
func (r *restRun) checkCalls(t *testing.T, c restCase) {
	if c.stream != nil {
		return // its calls are subscriptions over a socket
	}
	act := c.prepare(t, r.w)
	act.effect(t, r.w.perform(t, act))
}

// checkCoverage checks that each operation of the document has a case.
func (r *restRun) checkCoverage(t *testing.T) {
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

// provocation causes a documented error.
type provocation struct {
	operation, text string // patterns in which * matches any text; "" matches all
	// provoke prepares the error and changes the valid request.
	provoke func(t *testing.T, p *provoked)
}

// provoked is a valid request, which provoke changes so that it fails.
type provoked struct {
	run       *restRun
	operation *resttest.Operation
	text      string // documented text of the error
	as        e2etest.Session
	values    resttest.Values
	body      []byte // nil = built from the values
	label     string // content type of the body; "" = the documented one
}

func matches(pattern, text string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(text, "/", "|"))
	return pattern == "" || err == nil && ok
}

// reasonNotProvoked returns the matching key of unprovoked.
func (r *restRun) reasonNotProvoked(o *resttest.Operation, text string) (key string) {
	for key := range r.unprovoked {
		operation, pattern, _ := strings.Cut(key, ": ")
		if matches(operation, o.Name()) && (pattern == text || pattern != "" && matches(pattern, text)) {
			return key
		}
	}
	return ""
}

// checkErrors provokes each documented error of a case and compares the answer.
func (r *restRun) checkErrors(t *testing.T, c restCase, used map[string]bool) {
	o := r.operation(t, c.operation)
	for _, failure := range o.ErrorResponses() {
		text := failure.Text()
		if failure.Example == nil {
			text = fmt.Sprintf("status %d", failure.Status) // the document has no text
		}
		if key := r.reasonNotProvoked(o, text); key != "" {
			used[key] = true
			continue
		}
		t.Run(text, func(t *testing.T) {
			i := slices.IndexFunc(r.errors, func(p provocation) bool { return matches(p.operation, o.Name()) && matches(p.text, text) })
			if i < 0 {
				t.Fatal("no provocation and no entry in unprovoked")
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
			if p.label != "" {
				request.Header.Set("Content-Type", p.label)
			}
			rules := resttest.Rules{Literal: r.rules.Literal, Extra: r.failures.Extra}
			for _, f := range o.Compare(failure, r.send(t, r.mounts[0], p.as.Token, request), rules) {
				t.Error(f)
			}
		})
	}
}

// checkUnprovoked checks that the entries of unprovoked are documented errors with a reason.
func (r *restRun) checkUnprovoked(t *testing.T) {
	used := map[string]bool{}
	for _, c := range r.cases {
		t.Run(c.operation, func(t *testing.T) { r.checkErrors(t, c, used) })
	}
	for key, reason := range r.unprovoked {
		if !used[key] || reason == "" {
			t.Errorf("no error is %q, or there is no reason", key)
		}
	}
}
