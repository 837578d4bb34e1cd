package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// accessColumn is a credential of the matrix of access.
type accessColumn int

const (
	byAdmin accessColumn = iota
	bySuperadmin
	byOwner
	byOther
	byInvited
	byStranger
	bySession
	byReader
	byExpired
	byRevoked
	byNobody
	accessColumns
)

var columnNames = [accessColumns]string{
	"admin token", "SUPERADMIN", "OWNER of the session", "OWNER of another", "STAFF, invited", "STAFF, not invited", "session token", "key that reads", "expired key", "revoked key", "none",
}

// Rules that scope, effect and session of a method do not tell.
var (
	// ownersMethods are for the owner of a session, admins and SUPERADMINs.
	ownersMethods = []string{"session.delete", "session.grantAccess", "session.listAccess", "session.revokeAccess"}
	// loginMethods are for log-ins with a password.
	loginMethods = []string{"account.createApiKey", "account.getApiKey", "account.listApiKeys", "account.revokeApiKey"}
	// creators are not for STAFF.
	creators = []string{"session.create"}
	// adminMethods check the scope admin themselves, as watch tokens are taken, too.
	adminMethods = []string{"delivery.createWatchToken"}
)

// mayCall is the rule of the matrix.
func mayCall(m *rpc.Method, c accessColumn) bool {
	accounts := c >= bySuperadmin && c <= byStranger
	switch {
	case c == byExpired || c == byRevoked, c == byReader && m.Effect != rpc.EffectRead:
		return false
	case slices.Contains(adminMethods, m.Name), m.Scope == rpc.ScopeAdmin:
		return c == byAdmin || c == bySuperadmin
	case slices.Contains(loginMethods, m.Name):
		return accounts
	case m.Scope == rpc.ScopePublic:
		return true
	case c == byNobody, c == bySession && m.Scope != rpc.ScopeSession:
		return false
	case slices.Contains(creators, m.Name):
		return c != byInvited && c != byStranger
	case slices.Contains(ownersMethods, m.Name):
		return c != byOther && c != byInvited && c != byStranger
	case m.Scope == rpc.ScopeSession && !m.NoSession:
		return c != byOther && c != byStranger
	}
	return true
}

// accessWorld is a server with the credentials of the matrix.
type accessWorld struct {
	*testServer
	owner, invited *testAccount
	tokens         [accessColumns]string
	examples       map[string]object
}

const accessSession = "demo" // as in the examples of the reference

func newAccessWorld(t *testing.T) *accessWorld {
	s := startServer(t, "-registration", "-password-rate", "10000", "-calls-per-second", "10000", "-call-burst", "10000", "-max-account-logins", "1000", "-wrong-passwords", "100000", "-wrong-tokens", "100000",
		"-webhook-test-rate", "1000", "-log-level", "error")
	w := &accessWorld{testServer: s, examples: map[string]object{}}
	root := s.newAccount("root", "SUPERADMIN")
	w.owner, w.invited = s.newAccount("owner", "OWNER"), s.newAccount("invited", "STAFF")
	other, stranger := s.newAccount("other", "OWNER"), s.newAccount("stranger", "STAFF")
	w.tokens[byAdmin] = s.token
	for column, a := range map[accessColumn]*testAccount{bySuperadmin: root, byOwner: w.owner, byOther: other, byInvited: w.invited, byStranger: stranger} {
		w.tokens[column] = s.logIn(a.email)
	}
	w.tokens[byReader] = w.owner.newKey(object{"name": "reader", "effects": []string{"read"}})
	expires := time.Now().Add(300 * time.Millisecond)
	w.tokens[byExpired] = w.owner.newKey(object{"name": "expired", "expires_at": expires})
	w.tokens[byRevoked] = w.owner.newKey(object{"name": "revoked"})
	for _, key := range s.call("account.listApiKeys", object{"account_id": w.owner.id})["keys"].([]any) {
		if key := key.(object); key["name"] == "revoked" {
			s.call("account.revokeApiKey", object{"account_id": w.owner.id, "key_id": key["key_id"]})
		}
	}
	testkit.Eventually(t, "the key has expired", func() bool { return time.Now().After(expires) })
	w.restore()
	for _, page := range doctest.AllPages(t) {
		if !strings.HasPrefix(page.Path, "docs/reference/methods/") {
			continue
		}
		for _, block := range page.Blocks {
			var example struct{ Params object }
			if json.Unmarshal([]byte(block.Text), &example) == nil {
				w.examples[block.Heading] = example.Params
			}
		}
	}
	return w
}

func (s *testServer) logIn(email string) string {
	s.t.Helper()
	return rpctest.MustCall[object](s.t, s.url("/v1/rpc"), "", "account.login", object{"email": email, "password": accountPassword})["token"].(string)
}

// restore brings the session back if a call has deleted it.
func (w *accessWorld) restore() {
	w.t.Helper()
	if w.app.hasSession(accessSession) {
		return
	}
	_, err := w.app.bridge.Create(w.t.Context(), bridge.CreateParams{ID: accessSession})
	if err == nil {
		err = w.app.accounts.SetOwner(w.t.Context(), accessSession, w.owner.id)
	}
	if err == nil {
		_, err = w.app.accounts.Grant(w.t.Context(), accessSession, w.invited.id)
	}
	if err == nil {
		w.tokens[bySession], err = tokens{w.app}.IssueSessionToken(w.t.Context(), accessSession, "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// call makes a call as its HTTP handler would, and gives up on methods that go on.
func (w *accessWorld) callAs(token, method string, params object) *rpc.Error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 50*time.Millisecond)
	defer cancel()
	var who rpc.Principal
	if token != "" {
		var err error
		if who, err = w.app.tokens.Authenticate(ctx, token); err != nil {
			return rpc.Unauthenticated("")
		}
	}
	raw, err := json.Marshal(params)
	if err != nil {
		w.t.Fatal(err)
	}
	push := func(context.Context, string, json.RawMessage) error { return nil }
	_, problem := w.app.registry.Call(ctx, &rpc.Call{Principal: who, RequestID: "r", Push: push}, method, raw)
	return problem
}

// isRefusal reports whether a call was refused for its credential.
func isRefusal(m *rpc.Method, problem *rpc.Error) bool {
	if problem == nil {
		return false
	}
	return problem.Code == rpc.CodeUnauthenticated && problem.Reason != "wrong_password" || problem.Code == rpc.CodeForbidden && problem.Reason != "registration_disabled" ||
		m.Name == "session.delete" && problem.Code == rpc.CodeNotFound
}

// namesSession reports whether a method acts on the session named in its params.
func namesSession(m *rpc.Method) bool {
	return m.Scope == rpc.ScopeSession && !m.NoSession || slices.Contains(ownersMethods, m.Name)
}

// Every method is called with every credential: allowed or refused as mayCall says, and a refusal says nothing about the session.
func TestReferenceOfAccess(t *testing.T) {
	testkit.SkipIfShort(t)
	w := newAccessWorld(t)
	ends := func(m rpc.Method) int { return slices.Index(endsExamples, m.Name) }
	methods := w.app.registry.Methods()
	slices.SortStableFunc(methods, func(a, b rpc.Method) int { return ends(a) - ends(b) })
	for i := range methods {
		m := &methods[i]
		for c := range accessColumns {
			w.checkAccess(t, m, c)
		}
	}
	slices.SortFunc(methods, func(a, b rpc.Method) int { return strings.Compare(a.Name, b.Name) })
	doctest.CheckFile(t, "docs/reference/access.md", accessPage(methods))
}

func (w *accessWorld) checkAccess(t *testing.T, m *rpc.Method, c accessColumn) {
	t.Helper()
	allowed := mayCall(m, c)
	if allowed && strings.HasPrefix(m.Name, "sandbox.") {
		return // changes the network, which is no matter of credentials
	}
	w.restore()
	params := object{}
	maps.Copy(params, w.examples[m.Name])
	if delete(params, "_meta"); namesSession(m) {
		params["session"] = accessSession
	}
	token := w.tokens[c]
	if m.Name == "account.logout" && allowed && c >= bySuperadmin && c <= byStranger {
		token = w.logIn([]string{"root", "owner", "other", "invited", "stranger"}[c-bySuperadmin] + "@example.com")
	}
	problem := w.callAs(token, m.Name, params)
	switch {
	case isRefusal(m, problem) == allowed:
		t.Errorf("%s with %s: got %v", m.Name, columnNames[c], problem)
	case allowed || !namesSession(m) || c == byInvited: // sees the session in session.list
		return
	case strings.Contains(string(problem.AppendJSON(nil, "")), accessSession):
		t.Errorf("%s with %s names the session: %v", m.Name, columnNames[c], problem)
	}
	params["session"] = "no-such-session"
	if other := w.callAs(token, m.Name, params); !allowed && (other == nil || string(other.AppendJSON(nil, "")) != string(problem.AppendJSON(nil, ""))) {
		t.Errorf("%s with %s differs for a session that does not exist: %v and %v", m.Name, columnNames[c], problem, other)
	}
}

// accessPage returns the page with the matrix.
func accessPage(methods []rpc.Method) string {
	var out strings.Builder
	out.WriteString("# Who may call which method\n\n" +
		"Made by a test that calls each method with each credential. + allowed, empty refused. Credentials of accounts are log-ins; [accounts](../accounts.md) has roles and keys. " +
		"An API key has the rights of its account as far as its effects and sessions permit: a key that reads may call the methods of the effect read. Expired and revoked keys, " +
		"which are refused everywhere, are left out.\n\n| method | effect |")
	columns := slices.DeleteFunc(slices.Collect(rangeOf(accessColumns)), func(c accessColumn) bool { return c == byExpired || c == byRevoked })
	for _, c := range columns {
		out.WriteString(" " + columnNames[c] + " |")
	}
	out.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for i := range methods {
		m := &methods[i]
		space, _, _ := strings.Cut(m.Name, ".")
		fmt.Fprintf(&out, "| [%s](methods/%s.md#%s) | %s |", m.Name, space, strings.ToLower(strings.ReplaceAll(m.Name, ".", "")), m.Effect)
		for _, c := range columns {
			mark := ""
			if mayCall(m, c) {
				mark = "+"
			}
			out.WriteString(" " + mark + " |")
		}
		out.WriteString("\n")
	}
	return out.String()
}

func rangeOf(end accessColumn) func(yield func(accessColumn) bool) {
	return func(yield func(accessColumn) bool) {
		for c := range end {
			if !yield(c) {
				return
			}
		}
	}
}
