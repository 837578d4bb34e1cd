package auth

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminToken = "admin-token-of-the-test"

func openDatabase(t *testing.T) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openAuth(t *testing.T, admin string) *Auth {
	t.Helper()
	a, err := Open(t.Context(), openDatabase(t), admin)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustIssue(t *testing.T, a *Auth, session, token string) string {
	t.Helper()
	got, err := a.IssueSessionToken(t.Context(), session, session, token)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAuthenticate(t *testing.T) {
	a := openAuth(t, adminToken)
	generated := mustIssue(t, a, "shop", "")
	mustIssue(t, a, "bakery", "chosen-by-the-caller")
	for name, c := range map[string]struct {
		token string
		want  rpc.Principal
	}{
		"admin":     {adminToken, rpc.Principal{Kind: rpc.ScopeAdmin, ID: AdminID}},
		"generated": {generated, rpc.Principal{Kind: rpc.ScopeSession, ID: "session:shop", Session: "shop"}},
		"chosen":    {"chosen-by-the-caller", rpc.Principal{Kind: rpc.ScopeSession, ID: "session:bakery", Session: "bakery"}},
	} {
		got, err := a.Authenticate(t.Context(), c.token)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	for name, token := range map[string]string{
		"empty": "", "unknown": "nobody-has-this-token", "other case": strings.ToUpper(adminToken), "prefix": adminToken[:20],
		"longer": adminToken + "x", "overlong": strings.Repeat("x", MaxTokenLength+1), "not text": "\x00\xff'; DROP TABLE auth_tokens",
		"the hash itself": strings.Repeat("0", 64),
	} {
		got, err := a.Authenticate(t.Context(), token)
		var problem *rpc.Error
		if !errors.As(err, &problem) || problem.Code != rpc.CodeUnauthenticated {
			t.Errorf("%s: got %+v, %v, want unauthenticated", name, got, err)
		}
		if got != (rpc.Principal{}) {
			t.Errorf("%s: a refused token must give nobody, got %+v", name, got)
		}
		if err != nil && len(token) > 3 && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error repeats the token", name)
		}
	}
}

func TestTokensAreStoredHashed(t *testing.T) {
	a := openAuth(t, "")
	token := mustIssue(t, a, "shop", "")
	if len(token) != 43 {
		t.Errorf("generated token has %d characters, want 32 bytes in base64url", len(token))
	}
	var stored string
	if err := a.db.QueryRow(t.Context(), `SELECT hash FROM auth_tokens`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stored, token) {
		t.Error("the token itself is stored")
	}
	if _, err := a.Authenticate(t.Context(), stored); err == nil {
		t.Error("the stored hash opens the door")
	}
}

func TestNoAdminToken(t *testing.T) {
	a := openAuth(t, "")
	for _, token := range []string{"", "admin", adminToken} {
		if p, err := a.Authenticate(t.Context(), token); err == nil {
			t.Errorf("%q gave %+v", token, p)
		}
	}
}

func TestTokenReplacedAndRevoked(t *testing.T) {
	a := openAuth(t, adminToken)
	first := mustIssue(t, a, "shop", "")
	second := mustIssue(t, a, "shop", "")
	if _, err := a.Authenticate(t.Context(), first); err == nil {
		t.Error("the replaced token still works")
	}
	if _, err := a.Authenticate(t.Context(), second); err != nil {
		t.Error(err)
	}
	mustIssue(t, a, "shop", second) // setting the same token again is no conflict
	for range 2 {                   // revoking a missing token is no error
		if err := a.RevokeSession(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Authenticate(t.Context(), second); err == nil {
		t.Error("the revoked token still works")
	}
}

func TestIssueRefuses(t *testing.T) {
	a := openAuth(t, adminToken)
	mustIssue(t, a, "shop", "token-of-the-shop")
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"short":         {"1234567", ErrWeakToken},
		"long":          {strings.Repeat("x", MaxTokenLength+1), ErrWeakToken},
		"space":         {"with a space", ErrWeakToken},
		"line break":    {"token\r\nX-Injected: 1", ErrWeakToken},
		"not ASCII":     {"schlüsselwort", ErrWeakToken},
		"another's":     {"token-of-the-shop", ErrTokenTaken},
		"admin's":       {adminToken, ErrTokenTaken},
		"control bytes": {"token\x00\x01\x02\x03", ErrWeakToken},
	} {
		_, err := a.IssueSessionToken(t.Context(), "bakery", "bakery", c.token)
		var problem *rpc.Error
		if !errors.Is(err, c.want) || !errors.As(err, &problem) {
			t.Errorf("%s: got %v, want %v with an error for the caller", name, err, c.want)
		}
	}
	if p, err := a.Authenticate(t.Context(), "token-of-the-shop"); err != nil || p.Session != "shop" {
		t.Errorf("the shop lost its token: %+v, %v", p, err)
	}
}

func TestOpenRefusesWeakAdminToken(t *testing.T) {
	for _, token := range []string{"short", "fifteen-letters", "spaces are not allowed here"} {
		if _, err := Open(t.Context(), openDatabase(t), token); !errors.Is(err, ErrWeakAdminToken) {
			t.Errorf("%q: got %v", token, err)
		}
	}
}

func TestSurvivesRestart(t *testing.T) {
	db := openDatabase(t)
	a, err := Open(t.Context(), db, adminToken)
	if err != nil {
		t.Fatal(err)
	}
	token := mustIssue(t, a, "shop", "")
	again, err := Open(t.Context(), db, "another-admin-token")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := again.Authenticate(t.Context(), token); err != nil || p.Session != "shop" {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := again.Authenticate(t.Context(), adminToken); err == nil {
		t.Error("the earlier admin token still works")
	}
}

func TestDatabaseGone(t *testing.T) {
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), db, adminToken)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var problem *rpc.Error
	if _, err := a.Authenticate(context.Background(), "some-session-token"); !errors.As(err, &problem) || problem.Code != rpc.CodeInternal {
		t.Errorf("got %v, want an error that does not blame the token", err)
	}
	if _, err := a.Authenticate(context.Background(), adminToken); err != nil {
		t.Errorf("the admin needs no database: %v", err)
	}
}

// A store that is unreachable says nothing about tokens, and the caller may retry.
func TestStoreAway(t *testing.T) {
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), db, adminToken)
	if err != nil {
		t.Fatal(err)
	}
	if err = db.Close(); err != nil {
		t.Fatal(err)
	}
	_, asked := a.Authenticate(t.Context(), "a-token-of-some-session")
	_, issued := a.IssueSessionToken(t.Context(), "shop", "shop", "")
	for name, err := range map[string]error{"authenticate": asked, "issue": issued, "revoke": a.RevokeSession(t.Context(), "shop")} {
		var e *rpc.Error
		if !errors.As(err, &e) || e.Reason != "storage" || !e.Retryable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
