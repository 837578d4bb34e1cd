package rpc

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
)

// access is an Access to some sessions.
type access struct {
	sessions []string
	revoked  bool
}

func (a *access) Valid() bool { return !a.revoked }
func (a *access) MayUse(session string) bool {
	return !a.revoked && slices.Contains(a.sessions, session)
}
func (a *access) MayManage(session string) bool { return session == "own" }
func (a *access) MayCreate() bool               { return true }
func (a *access) Sessions() ([]string, bool)    { return a.sessions, false }

func TestEffectsAndAccess(t *testing.T) {
	var changed []ChangedCall
	reg := NewRegistry(Options{ObserveChanges: func(_ context.Context, c ChangedCall) { changed = append(changed, c) }})
	for name, m := range map[string]Method{
		"test.getIt": {}, "test.setIt": {}, "test.issueIt": {Effect: EffectRead}, "test.listAll": {Scope: ScopeAdmin},
	} {
		m.Name = name
		Register(reg, m, func(_ context.Context, call *Call, _ *nothing) (string, error) { return call.Session, nil })
	}
	rights := &access{sessions: []string{"s1", "own"}}
	account := func(effects Effect) Principal {
		return Principal{Kind: ScopeAccount, ID: "account:a", Account: "a", Credential: "key_1", Access: rights, Effects: effects}
	}
	admin := Principal{Kind: ScopeAdmin, Effects: EffectRead | EffectWrite}
	for _, tc := range []struct {
		who             Principal
		method, session string
		code            int
		reason          string
	}{
		{account(0), "test.getIt", "s1", 0, ""},
		{account(0), "test.setIt", "s1", 0, ""},
		{account(0), "test.getIt", "s2", CodeForbidden, "forbidden"},
		{account(EffectRead), "test.getIt", "s1", 0, ""},
		{account(EffectRead), "test.issueIt", "s1", 0, ""},
		{account(EffectRead), "test.setIt", "s1", CodeForbidden, "effect_not_permitted"},
		{account(EffectWrite), "test.setIt", "own", 0, ""},
		{account(EffectWrite), "test.getIt", "s1", CodeForbidden, "effect_not_permitted"},
		{admin, "test.setIt", "s9", 0, ""},
		{admin, "test.listAll", "", CodeForbidden, "effect_not_permitted"},
	} {
		params := json.RawMessage(`{}`)
		if tc.session != "" {
			params = json.RawMessage(`{"session":"` + tc.session + `"}`)
		}
		_, problem := reg.Call(t.Context(), &Call{Principal: tc.who}, tc.method, params)
		switch {
		case tc.code == 0 && problem != nil, tc.code != 0 && (problem == nil || problem.Code != tc.code || problem.reason() != tc.reason):
			t.Errorf("%s %s of %q: got %v", tc.who.Effects, tc.method, tc.session, problem)
		}
	}
	var methods []string
	for _, c := range changed {
		methods = append(methods, c.Method)
	}
	if want := []string{"test.setIt", "test.setIt", "test.setIt", "test.setIt", "test.listAll"}; !slices.Equal(methods, want) {
		t.Fatalf("changes %v are reported, want %v", methods, want)
	}
	first, refused := changed[0], changed[1]
	if first.Session != "s1" || first.Principal.Credential != "key_1" || first.RequestID == "" || first.Err != nil || first.Effect != EffectWrite {
		t.Errorf("reported: %+v", first)
	}
	if refused.Err == nil || refused.Err.Code != CodeForbidden {
		t.Errorf("reported: %+v", refused)
	}
	rights.revoked = true
	if _, problem := reg.Call(t.Context(), &Call{Principal: account(0)}, "test.getIt", json.RawMessage(`{"session":"s1"}`)); problem == nil || problem.Code != CodeUnauthenticated {
		t.Errorf("a revoked credential got %v", problem)
	}
}

func TestMayManage(t *testing.T) {
	rights := &access{sessions: []string{"s1", "own"}}
	for _, tc := range []struct {
		who     Principal
		session string
		may     bool
	}{
		{Principal{Kind: ScopeAdmin}, "s1", true},
		{Principal{Kind: ScopeAdmin, Session: "s1"}, "s2", false},
		{Principal{Kind: ScopeSession, Session: "s1"}, "s1", false},
		{Principal{Kind: ScopeAccount, Access: rights}, "own", true},
		{Principal{Kind: ScopeAccount, Access: rights}, "s1", false},
		{Principal{Kind: ScopeSession, Session: "s1", Access: rights}, "own", false},
	} {
		if got := tc.who.MayManage(tc.session); got != tc.may {
			t.Errorf("%+v may manage %s: %v", tc.who, tc.session, got)
		}
	}
}

func TestParseEffects(t *testing.T) {
	if set, ok := ParseEffects([]string{"read", "admin"}); !ok || set != EffectRead|EffectAdmin || set.String() != "read,admin" {
		t.Errorf("got %v, %v", set, ok)
	}
	if _, ok := ParseEffects([]string{"read", "all"}); ok {
		t.Error("an unknown effect is accepted")
	}
}
