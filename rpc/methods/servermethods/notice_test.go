package servermethods

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
)

// fakeStore keeps notices in memory, and knows two accounts, of which ada is an administrator.
type fakeStore struct {
	added  []Notice
	topics map[string]bool
}

func (f *fakeStore) Add(_ context.Context, accounts []string, n Notice, topic string) (added int, _ error) {
	for _, account := range accounts {
		if topic != "" && f.topics[account+topic] {
			continue
		}
		f.topics[account+topic] = true
		n.Account = &account
		f.added = append(f.added, n)
		added++
	}
	return added, nil
}

func (f *fakeStore) List(_ context.Context, account string, _ bool, limit int) (list []Notice, unread int, err error) {
	for _, n := range f.added {
		if *n.Account == account && len(list) < limit {
			list = append(list, n)
		}
	}
	return list, len(list), nil
}

func (f *fakeStore) MarkRead(_ context.Context, _ string, ids []string) (int, error) {
	return len(ids), nil
}

func (f *fakeStore) Delete(context.Context, string, string) (bool, error) { return false, nil }
func (f *fakeStore) IDs(context.Context) ([]string, error)                { return []string{"ada", "bob"}, nil }

func (f *fakeStore) AdminIDs(context.Context) ([]string, error) { return []string{"ada"}, nil }

func (f *fakeStore) Exists(_ context.Context, id string) (bool, error) { return id != "unknown", nil }

func (f *fakeStore) Check(context.Context) (Release, error) {
	return Release{CurrentVersion: "v1", LatestVersion: "v2", UpdateAvailable: true, CheckedAt: time.Now()}, nil
}

func TestNotices(t *testing.T) {
	store := &fakeStore{topics: map[string]bool{}}
	calls := rpc.NewRegistry(rpc.Options{})
	registerNotices(calls, Deps{Notices: store, Accounts: store})
	registerUpdates(calls, Deps{Notices: store, Accounts: store, Releases: store})
	call := func(who rpc.Principal, method, params string) (map[string]any, *rpc.Error) {
		raw, failed := calls.Call(t.Context(), &rpc.Call{Principal: who}, method, json.RawMessage(params))
		var result map[string]any
		if failed == nil {
			if err := json.Unmarshal(raw, &result); err != nil {
				t.Fatal(err)
			}
		}
		return result, failed
	}
	admin, bob := rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, rpc.Principal{Kind: rpc.ScopeAccount, ID: "account:bob", Account: "bob"}
	for params, code := range map[string]int{
		`{"title":"t"}`:                                                           rpc.CodeInvalidParams,
		`{"title":"t","message":"m"}`:                                             rpc.CodeInvalidParams,
		`{"title":"t","message":"m","account_id":"unknown"}`:                      rpc.CodeNotFound,
		`{"title":"t","message":"m","everyone":true,"level":"loud"}`:              rpc.CodeInvalidParams,
		`{"title":"t","message":"m","everyone":true,"link":"javascript:1"}`:       rpc.CodeInvalidParams,
		`{"title":"","message":"m","everyone":true}`:                              rpc.CodeInvalidParams,
		`{"title":"` + strings.Repeat("x", 201) + `","message":"m","everyone":1}`: rpc.CodeInvalidParams,
	} {
		if _, failed := call(admin, "notification.create", params); failed == nil || failed.Code != code {
			t.Errorf("%s: %v", params, failed)
		}
	}
	if _, failed := call(bob, "notification.create", `{"title":"t","message":"m","everyone":true}`); failed == nil || failed.Code != rpc.CodeForbidden {
		t.Errorf("an account that is no administrator's: %v", failed)
	}
	if len(store.added) > 0 {
		t.Fatalf("refused calls left %v", store.added)
	}
	if got, failed := call(admin, "notification.create", `{"title":"t","message":"m","everyone":true}`); failed != nil || got["count"] != 2.0 {
		t.Errorf("%v, %v", got, failed)
	}
	if got, failed := call(bob, "notification.list", `{}`); failed != nil || got["unread_count"] != 1.0 || got["notifications"].([]any)[0].(map[string]any)["level"] != "info" {
		t.Errorf("%v, %v", got, failed)
	}
	// Everybody may look for updates; administrators are told once.
	for _, notified := range []bool{true, false} {
		if got, failed := call(bob, "server.checkForUpdates", `{}`); failed != nil || got["update_available"] != true || got["notified"] != notified {
			t.Errorf("%v, %v", got, failed)
		}
	}
	var told []string
	for _, n := range store.added[2:] {
		told = append(told, *n.Account)
	}
	if !slices.Equal(told, []string{"ada", operator}) {
		t.Errorf("told %q", told)
	}
}
