package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// restCaller is a credential of the matrix of routes.
type restCaller struct {
	name, token string
	cookie      bool
	// uses says that the credential permits calls on the session of the matrix.
	uses bool
}

// openRoutes are the routes that need no credential, or any.
var openRoutes = []string{
	"GET /ping", "POST /localCallbackExample", "GET /localCallbackExample", "GET /auth/csrf", "GET /auth/session", "GET /auth/providers", "POST /auth/register", "POST /auth/callback/credentials", "POST /auth/signout",
	"GET /docs",
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// Each route of a session in the dialects that take credentials of accounts is asked with each credential: those without access are refused, and not
// told whether the session exists; routes without a credential are refused as well.
func TestRoutesNeedAccess(t *testing.T) {
	testkit.SkipIfShort(t)
	w := newAccessWorld(t)
	page := &browser{w.testServer, map[string]*http.Cookie{}}
	if status, _, body := page.logIn(callback, url.Values{"email": {"owner@example.com"}, "password": {accountPassword}, "json": {"true"}}); status != http.StatusOK {
		t.Fatalf("log-in: %d %s", status, body)
	}
	callers := []restCaller{
		{name: "admin", token: w.tokens[byAdmin], uses: true},
		{name: "SUPERADMIN", token: w.tokens[bySuperadmin], uses: true},
		{name: "owner", token: w.tokens[byOwner], uses: true},
		{name: "invited", token: w.tokens[byInvited], uses: true},
		{name: "other owner", token: w.tokens[byOther]},
		{name: "stranger", token: w.tokens[byStranger]},
		{name: "expired", token: w.tokens[byExpired]},
		{name: "revoked", token: w.tokens[byRevoked]},
		{name: "none"},
		{name: "cookie", cookie: true, uses: true},
	}
	routes, asked := 0, 0
	for _, d := range w.app.shim.Dialects() {
		if !d.Accounts {
			continue
		}
		for i := range d.Routes {
			r := &d.Routes[i]
			if slices.Contains(openRoutes, r.Method+" "+r.Path) {
				continue
			}
			routes++
			for _, c := range callers {
				if c.cookie && d.Name != "waakg" {
					continue
				}
				asked++
				w.checkRoute(t, page, d, r, c)
			}
		}
	}
	t.Logf("%d requests to %d routes", asked, routes)
	if routes < 240 {
		t.Errorf("only %d routes were found", routes)
	}
}

// checkRoute asks a route with a credential.
func (w *accessWorld) checkRoute(t *testing.T, page *browser, d *rest.Dialect, r *rest.Route, c restCaller) {
	t.Helper()
	w.restore()
	status, body := w.askRoute(page, d, r, c, accessSession)
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound ||
		strings.Contains(body, `"success":false`) && status == http.StatusOK
	ofSession := strings.Contains(r.Path, "{sessionId}") || strings.Contains(r.Path, "{session_id}") || strings.HasPrefix(r.Path, "/sessions/{id}")
	known := c.token != "" || c.cookie
	switch {
	case !known && status != http.StatusUnauthorized && status != http.StatusForbidden:
		t.Errorf("%s %s %s with no credential: %d %.200s", d.Name, r.Method, r.Path, status, body)
	case c.name == "expired" || c.name == "revoked":
		if status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("%s %s %s with a credential that is %s: %d %.200s", d.Name, r.Method, r.Path, c.name, status, body)
		}
	case !ofSession || !known:
	case c.uses:
		if status == http.StatusUnauthorized || status == http.StatusForbidden && !strings.Contains(body, "owner") && !strings.Contains(body, "scope") && c.name != "invited" {
			t.Errorf("%s %s %s with %s: %d %.200s", d.Name, r.Method, r.Path, c.name, status, body)
		}
	case !refused:
		t.Errorf("%s %s %s with %s is not refused: %d %.200s", d.Name, r.Method, r.Path, c.name, status, body)
	default:
		other, text := w.askRoute(page, d, r, c, "nosuchsession")
		if other != status || strings.ReplaceAll(text, "nosuchsession", accessSession) != body {
			t.Errorf("%s %s %s with %s differs for a session that does not exist:\n%d %.200s\n%d %.200s", d.Name, r.Method, r.Path, c.name, status, body, other, text)
		}
	}
}

// askRoute sends a request with an empty object as its body, for a session and, in the path, things that do not exist.
func (w *accessWorld) askRoute(page *browser, d *rest.Dialect, r *rest.Route, c restCaller, session string) (status int, body string) {
	w.t.Helper()
	path := strings.NewReplacer("{sessionId}", session, "{session_id}", session, "/sessions/{id}", "/sessions/"+session, "{filename}", session+"-none.jpg").Replace(r.Path)
	path = pathParameter.ReplaceAllString(path, "none")
	mount := d.Mounts[len(d.Mounts)-1]
	if c.cookie {
		status, _, body = page.send(r.Method, mount+path, "application/json", "{}")
		return status, body
	}
	request, err := http.NewRequestWithContext(w.t.Context(), r.Method, w.url(mount+path), strings.NewReader("{}"))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("X-Api-Key", c.token)
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	reply, err := plainHTTP.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	raw, err := io.ReadAll(reply.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply.StatusCode, string(raw)
}
