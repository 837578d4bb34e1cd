package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// checkRoutes requests every documented path with all undocumented HTTP methods, and undocumented paths.
func (r *restRun) checkRoutes(t *testing.T) {
	for _, mount := range r.mounts {
		byPath := r.servedMethods(t, mount)
		for path, documented := range byPath {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				if !slices.Contains(documented, method) {
					r.checkUnserved(t, mount, method, path, r.unserved)
				}
			}
			r.checkOptions(t, mount, path, documented)
		}
		unserved := r.unserved
		if mount == "" { // the first of the dialects at the root answers
			unserved.kind, unserved.text = "text/plain", "404 page not found"
		}
		for _, path := range []string{"/nothing", "/chat", "/chat/send", "/chat/send/text/more", "/session", "/webhook/1", "/%2e%2e/etc/passwd", "/group/info%00"} {
			r.checkUnserved(t, mount, "GET", path, unserved)
			r.checkUnserved(t, mount, "POST", path, unserved)
		}
	}
}

// restDialects share the root.
var restDialects = []string{"digigo", "wuzapi"}

// servedMethods returns the HTTP methods of each documented path; at the root those of the other dialects, too.
func (r *restRun) servedMethods(t *testing.T, mount string) map[string][]string {
	t.Helper()
	byPath := map[string][]string{}
	for _, o := range r.catalogue.Operations {
		byPath[o.Path] = append(byPath[o.Path], o.Method)
	}
	for path, extra := range r.beside {
		byPath[path] = append(byPath[path], extra)
	}
	for _, name := range restDialects {
		if mount != "" || name == r.name {
			continue
		}
		for path, methods := range r.describedPaths(t, "/"+name) {
			for method := range methods {
				if method = strings.ToUpper(method); byPath[path] != nil && !slices.Contains(byPath[path], method) {
					byPath[path] = append(byPath[path], method)
				}
			}
		}
	}
	return byPath
}

// describedPaths returns the operations under a mount by path and by HTTP method in lower case, as the OpenAPI document there has them.
func (r *restRun) describedPaths(t *testing.T, mount string) map[string]map[string]any {
	t.Helper()
	var document struct {
		Paths map[string]map[string]any
	}
	answer := r.send(t, mount, "", &resttest.Request{Method: http.MethodGet, Path: "/openapi.json"})
	if err := json.Unmarshal(answer.Body, &document); err != nil || len(document.Paths) == 0 {
		t.Fatalf("%d %v", answer.Status, err)
	}
	return document.Paths
}

// checkUnserved expects an answer to unserved paths and methods, with and without a token.
func (r *restRun) checkUnserved(t *testing.T, mount, method, path string, want struct{ kind, text string }) {
	t.Helper()
	for _, token := range []string{r.w.Caller.Token, ""} {
		answer := r.send(t, mount, token, &resttest.Request{Method: method, Path: path})
		if answer.Status != http.StatusNotFound || answer.ContentType() != want.kind || !strings.HasPrefix(string(answer.Body), want.text) {
			t.Errorf("%s %s%s: %d %s %.100s", method, mount, path, answer.Status, answer.ContentType(), answer.Body)
		}
	}
}

func (r *restRun) checkOptions(t *testing.T, mount, path string, documented []string) {
	t.Helper()
	answer := r.send(t, mount, "", &resttest.Request{Method: "OPTIONS", Path: path})
	want := append(slices.Clone(documented), "OPTIONS")
	if slices.Contains(documented, "GET") {
		want = append(want, "HEAD")
	}
	slices.Sort(want)
	if got := answer.Header.Get("Allow"); answer.Status != http.StatusNoContent || got != strings.Join(want, ", ") || len(answer.Body) > 0 {
		t.Errorf("OPTIONS %s%s: %d, allowed %q instead of %v", mount, path, answer.Status, got, want)
	}
}

// checkHead checks that HEAD returns the status and header of GET.
func (r *restRun) checkHead(t *testing.T) {
	for _, c := range r.cases {
		o := r.operation(t, c.operation)
		if o.Method != http.MethodGet || c.stream != nil || slices.ContainsFunc(r.changing, func(pattern string) bool { return matches(pattern, o.Name()) }) {
			continue
		}
		act := c.prepare(t, r.w)
		request, err := o.Request(act.example, act.values)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range fieldsOf(t, request.Body) { // clients do not send a body with HEAD
			request.Query.Set(name, fmt.Sprint(value))
		}
		request.Body = nil
		whole := r.send(t, r.mounts[0], r.w.who(act).Token, request)
		request.Method = "HEAD"
		head := r.send(t, r.mounts[0], r.w.who(act).Token, request)
		if head.Status != http.StatusOK || whole.Status != http.StatusOK || len(head.Body) > 0 || head.Header.Get("Content-Type") != whole.Header.Get("Content-Type") {
			t.Errorf("%s: HEAD %d %v, GET %d %v", o.Name(), head.Status, head.Header, whole.Status, whole.Header)
		}
	}
}

func fieldsOf(t *testing.T, body []byte) map[string]any {
	t.Helper()
	fields := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatal(err)
		}
	}
	return fields
}

// checkBodyLimits sends each operation a body that exceeds every limit.
func (r *restRun) checkBodyLimits(t *testing.T) {
	for _, o := range r.catalogue.Operations {
		if o.Body == nil {
			continue
		}
		body := append([]byte(`{"filler":"`), bytes.Repeat([]byte("x"), e2etest.MaxFileBody)...)
		request := &resttest.Request{Method: o.Method, Path: r.pathOf(o), Header: http.Header{"Content-Type": {"application/json"}}, Body: append(body, `"}`...)}
		answer := r.send(t, r.mounts[0], r.token(o), request)
		fields := errorBody(answer.JSON())
		if answer.Status != http.StatusRequestEntityTooLarge || errorText(fields) == "" {
			t.Errorf("%s: %d %.200s", o.Name(), answer.Status, answer.Body)
		}
	}
}

// pathOf returns the path of an operation, for the caller's session where the path has one.
func (r *restRun) pathOf(o *resttest.Operation) string {
	return strings.NewReplacer("{session_id}", r.w.Caller.ID, "{sessionId}", r.w.Caller.ID).Replace(o.Path)
}

// checkSpellings sends the documented requests with other spellings of field names that callers use.
func (r *restRun) checkSpellings(t *testing.T, spell func(name string) string) {
	for _, c := range r.cases {
		o := r.operation(t, c.operation)
		if o.Body == nil {
			continue
		}
		t.Run(c.operation, func(t *testing.T) {
			act := c.prepare(t, r.w)
			request, err := o.Request(act.example, act.values)
			if err != nil {
				t.Fatal(err)
			}
			fields := renameKeys(fieldsOf(t, request.Body), spell).(map[string]any)
			fields["unheard_of"] = object{"phone": []int{1}} // unknown names are ignored
			request.Body = jsonOf(fields)
			answer := r.send(t, r.mounts[0], r.w.who(act).Token, request)
			if answer.Status != o.SuccessResponses()[0].Status {
				t.Fatalf("%d %.300s to %.300s", answer.Status, answer.Body, request.Body)
			}
			act.effect(t, outcome{rest: r.content(answer.JSON())})
		})
	}
}

func renameKeys(value any, spell func(name string) string) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range value {
			out[spell(name)] = renameKeys(inner, spell)
		}
		return out
	case []any:
		for i := range value {
			value[i] = renameKeys(value[i], spell)
		}
	}
	return value
}

// snakeCase writes GroupJID as group_jid and FileEncSHA256 as file_enc_sha256.
func snakeCase(name string) string {
	var out strings.Builder
	for i, c := range name {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && (name[i-1] >= 'a' && name[i-1] <= 'z') {
			out.WriteByte('_')
		}
		out.WriteString(strings.ToLower(string(c)))
	}
	return out.String()
}

// checkContentTypes sends a valid body under each content type that callers use: APIs without forms ignore the content type.
func (r *restRun) checkContentTypes(t *testing.T, operation string, values resttest.Values) {
	o := r.operation(t, operation)
	for label, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "": 200, "text/plain": 200, "application/x-www-form-urlencoded": 200,
		"application/xml": 200, "no type at all": 200, "multipart/form-data": 400, "multipart/form-data; boundary=x": 400,
	} {
		request, err := o.Request(0, values)
		if err != nil {
			t.Fatal(err)
		}
		if request.Header.Del("Content-Type"); label != "" {
			request.Header.Set("Content-Type", label)
		}
		if answer := r.send(t, r.mounts[0], r.w.Caller.Token, request); answer.Status != status {
			t.Errorf("%q: %d %.200s", label, answer.Status, answer.Body)
		}
	}
}

// checkCredentials sends the token in each way that callers use.
func (r *restRun) checkCredentials(t *testing.T, operation string) {
	o := r.operation(t, operation)
	token := r.w.Caller.Token
	for _, c := range []struct {
		what   string
		header http.Header
		query  string
		status int
	}{
		{"header", http.Header{"Token": {token}}, "", 200},
		{"bare authorization", http.Header{"Authorization": {token}}, "", 200},
		{"bearer", http.Header{"Authorization": {"Bearer " + token}}, "", 200},
		{"query", http.Header{}, token, 401},
		{"another scheme", http.Header{"Authorization": {"Basic " + token}}, "", 401},
		{"a wrong one before a good one", http.Header{"Token": {"nobody"}, "Authorization": {token}}, "", 401},
	} {
		request, err := o.Request(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = c.header
		if c.query != "" {
			request.Query = url.Values{"token": {c.query}}
		}
		if answer := r.send(t, r.mounts[0], "", request); answer.Status != c.status {
			t.Errorf("%s: %d %.200s", c.what, answer.Status, answer.Body)
		}
	}
}

// checkDescribed checks that the dialect describes each documented operation.
func (r *restRun) checkDescribed(t *testing.T) {
	answer := r.send(t, r.mounts[0], "", &resttest.Request{Method: http.MethodGet, Path: "/openapi.json"})
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Methods []string `json:"x-methods"`
		}
	}
	if err := json.Unmarshal(answer.Body, &document); err != nil || answer.Status != http.StatusOK || !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Fatalf("%d %v", answer.Status, err)
	}
	for _, o := range r.catalogue.Operations {
		if len(document.Paths[o.Path][strings.ToLower(o.Method)].Methods) == 0 {
			t.Errorf("no %s with its methods", o.Name())
		}
	}
}
