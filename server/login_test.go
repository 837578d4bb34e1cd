package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// browser keeps cookies, as a page of the server would, and follows no redirect.
type browser struct {
	s       *testServer
	cookies map[string]*http.Cookie
}

func (b *browser) send(method, path, contentType, body string, headers ...string) (status int, location, answer string) {
	b.s.t.Helper()
	request, err := http.NewRequestWithContext(b.s.t.Context(), method, b.s.url(path), strings.NewReader(body))
	if err != nil {
		b.s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for _, c := range b.cookies {
		request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if request.Header.Set(name, value); name == "Host" {
			request.Host = value
		}
	}
	reply, err := plainHTTP.Transport.RoundTrip(request)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	raw, err := io.ReadAll(reply.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	for _, c := range reply.Cookies() {
		if b.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return reply.StatusCode, reply.Header.Get("Location"), string(raw)
}

const formType = "application/x-www-form-urlencoded"

// logIn sends the form of NextAuth's client.
func (b *browser) logIn(path string, fields url.Values, headers ...string) (status int, location, answer string) {
	b.s.t.Helper()
	var csrf struct{ CsrfToken string }
	if _, _, raw := b.send("GET", "/api/auth/csrf", "", ""); json.Unmarshal([]byte(raw), &csrf) != nil || len(csrf.CsrfToken) != 64 {
		b.s.t.Fatalf("csrf: %s", raw)
	}
	if fields.Set("csrfToken", csrf.CsrfToken); fields.Get("callbackUrl") == "" {
		fields.Set("callbackUrl", "/dashboard")
	}
	return b.send("POST", path, formType, fields.Encode(), headers...)
}

const callback = "/api/auth/callback/credentials"

func TestLogInOfNextAuth(t *testing.T) {
	s := startServer(t, "-wrong-passwords", "1000", "-password-rate", "1000")
	s.newAccount("root", "SUPERADMIN")
	owner := s.newAccount("anna", "OWNER")
	owner.call("session.create", object{"session_id": "shop"})
	page := &browser{s, map[string]*http.Cookie{}}
	good := func() url.Values { return url.Values{"email": {"Anna@example.com"}, "password": {accountPassword}} }
	if status, _, body := page.send("GET", "/api/auth/session", "", ""); status != 200 || body != "null" {
		t.Errorf("session without a log-in: %d %s", status, body)
	}
	if status, _, body := page.send("GET", "/api/user/api-key", "", ""); status != 401 || !strings.HasPrefix(body, `{"error":"Unauthorized"`) {
		t.Errorf("key without a log-in: %d %s", status, body)
	}
	for email, password := range map[string]string{"anna@example.com": "wrong", "nobody@example.com": accountPassword, "": ""} {
		fields := url.Values{"email": {email}, "password": {password}, "json": {"true"}}
		if status, _, body := page.logIn(callback, fields); status != 401 || body != `{"url":"`+s.url("/dashboard?error=CredentialsSignin")+`"}` {
			t.Errorf("%s: %d %s", email, status, body)
		}
	}
	if status, to, _ := page.send("POST", callback, formType, good().Encode()+"&csrfToken=x"); status != 302 || !strings.Contains(to, "error=MissingCSRF") {
		t.Errorf("a form without its token: %d %s", status, to)
	}
	if status, _, _ := page.logIn(callback, good(), "Origin: https://elsewhere.example.com"); status != http.StatusForbidden {
		t.Errorf("a form of another site: %d", status)
	}
	if status, to, _ := page.logIn(callback, good(), "Sec-Fetch-Site: same-site"); status != 302 || !strings.Contains(to, "MissingCSRF") {
		t.Errorf("a form of another host of the site: %d %s", status, to)
	}
	for target, want := range map[string]string{"/dashboard?x=1": "/dashboard?x=1", "https://elsewhere.example.com/": "/", "//elsewhere.example.com/x": "/", s.url("/here"): "/here"} {
		fields := good()
		fields.Set("callbackUrl", target)
		if status, to, _ := page.logIn(callback, fields); status != 302 || to != s.url(want) {
			t.Errorf("log-in for %s: %d to %s", target, status, to)
		}
	}
	for _, name := range []string{"authjs.session-token", "next-auth.session-token"} {
		if c := page.cookies[name]; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" {
			t.Errorf("cookie %s: %+v", name, c)
		}
	}
	if status, _, body := page.send("GET", "/api/auth/session", "", ""); status != 200 || !strings.Contains(body, `"email":"anna@example.com"`) || !strings.Contains(body, `"role":"OWNER"`) {
		t.Errorf("session: %d %s", status, body)
	}
	if status, _, _ := page.send("POST", "/api/user/api-key", "", "", "Origin: "+s.url("")); status != 200 {
		t.Errorf("a key for the own page: %d", status)
	}
	if status, _, _ := page.send("POST", "/api/user/api-key", "", "", "Sec-Fetch-Site: cross-site"); status != http.StatusForbidden {
		t.Errorf("a key for a page elsewhere: %d", status)
	}
	_, _, body := page.send("GET", "/api/user/api-key", "", "")
	var shown struct{ APIKey string }
	if json.Unmarshal([]byte(body), &shown) != nil || !strings.HasPrefix(shown.APIKey, "wag_") {
		t.Fatalf("key: %s", body)
	}
	s.useKeyEverywhere(shown.APIKey)

	page.logIn("/api/auth/signout", url.Values{"json": {"true"}})
	if _, _, body := page.send("GET", "/api/auth/session", "", ""); body != "null" || page.cookies["authjs.session-token"] != nil {
		t.Errorf("after the sign-out: %s", body)
	}
}

// useKeyEverywhere uses an API key of the owner of "shop" in the dialects that take one, and in the others.
func (s *testServer) useKeyEverywhere(key string) {
	s.t.Helper()
	for _, tc := range []struct {
		path, header, value string
		status              int
	}{
		{"/api/sessions/shop/access", "X-API-Key", key, 200},
		{"/api/sessions/other/access", "X-API-Key", key, 403},
		{"/api/users", "X-API-Key", key, 403},
		{"/api/users", "X-API-Key", s.token, 200},
		{"/api/user/api-key", "X-API-Key", key, 401},
		{"/session/status/shop", "x-api-key", key, 200},
		{"/api/v1/sessions/shop/reconnect", "Authorization", "Bearer " + key, 200},
		{"/session/status", "token", key, 401},
		{"/wuzapi/session/status", "token", key, 401},
		{"/admin/users", "Authorization", key, 401},
	} {
		page := &browser{s, map[string]*http.Cookie{}}
		if status, _, body := page.send("GET", tc.path, "", "", tc.header+": "+tc.value); status != tc.status {
			s.t.Errorf("GET %s with %s: %d %s", tc.path, tc.header, status, body)
		}
	}
}

// Over https cookies are secure, also under the names that browsers take over https only.
func TestCookiesOverHTTPS(t *testing.T) {
	s := startServer(t, "-public-url", "https://wa.example.com", "-password-rate", "1000")
	a := s.newAccount("anna", "OWNER")
	page := &browser{s, map[string]*http.Cookie{}}
	status, to, body := page.logIn(callback, url.Values{"email": {a.email}, "password": {accountPassword}}, "Host: wa.example.com", "Origin: https://wa.example.com")
	if status != 302 || to != "https://wa.example.com/dashboard" {
		t.Errorf("%d %s %s", status, to, body)
	}
	var names []string
	for name, c := range page.cookies {
		if names = append(names, name); !c.Secure || !c.HttpOnly {
			t.Errorf("%s is not secure", name)
		}
	}
	for _, name := range []string{"__Secure-authjs.session-token", "authjs.session-token", "__Host-authjs.csrf-token"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no cookie %s in %v", name, names)
		}
	}
}
