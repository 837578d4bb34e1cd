package accounts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// onEach runs a test on both databases; open opens a store on the same database once more.
func onEach(t *testing.T, test func(t *testing.T, open func(Config) *Store)) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		test(t, func(cfg Config) *Store { return openStore(t, db, cfg) })
	})
}

func openStore(t *testing.T, db *dbutil.Database, cfg Config) *Store {
	t.Helper()
	cfg.Key = make([]byte, 32)
	if cfg.HashRate == 0 {
		cfg.HashRate = 100000
	}
	s, err := Open(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// testClock is a clock that a test sets while the store reads it.
type testClock struct{ at atomic.Int64 }

func (c *testClock) now() time.Time      { return time.UnixMilli(c.at.Load()) }
func (c *testClock) add(d time.Duration) { c.at.Add(d.Milliseconds()) }

func newTestClock() *testClock {
	c := &testClock{}
	c.at.Store(time.Now().UnixMilli())
	return c
}

const testPassword = "correct horse"

func (s *Store) mustCreate(t *testing.T, name string, role accountmethods.Role) accountmethods.Account {
	t.Helper()
	a, err := s.Create(t.Context(), accountmethods.NewAccount{Name: name, Email: name + "@example.com", Password: testPassword, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *Store) mustCreateKey(t *testing.T, account string, k accountmethods.Key) (token string, key accountmethods.Key) {
	t.Helper()
	if k.Effects == 0 {
		k.Effects = rpc.AllEffects
	}
	token, key, err := s.CreateKey(t.Context(), account, k)
	if err != nil {
		t.Fatal(err)
	}
	return token, key
}

func (s *Store) mustAuthenticate(t *testing.T, token string) rpc.Principal {
	t.Helper()
	who, err := s.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func (s *Store) mustOwn(t *testing.T, session, account string) {
	t.Helper()
	if err := s.SetOwner(t.Context(), session, account); err != nil {
		t.Fatal(err)
	}
}

// wantReason checks the reason of an error; empty = its code's.
func wantReason(t *testing.T, err error, code int, reason string) {
	t.Helper()
	var problem *rpc.Error
	if !errors.As(err, &problem) || problem.Code != code || problem.Reason != reason {
		t.Errorf("got %v, want code %d and reason %q", err, code, reason)
	}
}

func TestAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{MaxAccounts: 3})
		first := s.mustCreate(t, "anna", "")
		second := s.mustCreate(t, "bert", "")
		if first.Role != accountmethods.Superadmin || second.Role != accountmethods.Owner {
			t.Errorf("roles %s and %s", first.Role, second.Role)
		}
		_, err := s.Create(t.Context(), accountmethods.NewAccount{Name: "x", Email: "ANNA@example.com", Password: testPassword})
		wantReason(t, err, rpc.CodeConflict, "email_taken")
		if found, err := s.FindEmail(t.Context(), "Anna@Example.com"); err != nil || found.ID != first.ID {
			t.Errorf("found %+v, %v", found, err)
		}
		s.mustCreate(t, "carl", accountmethods.Staff)
		_, err = s.Create(t.Context(), accountmethods.NewAccount{Name: "dora", Email: "dora@example.com", Password: testPassword})
		wantReason(t, err, rpc.CodeConflict, "too_many_accounts")

		staff, owner := accountmethods.Staff, accountmethods.Owner
		_, err = s.Update(t.Context(), first.ID, accountmethods.Change{Role: &owner})
		wantReason(t, err, rpc.CodeConflict, "last_superadmin")
		wantReason(t, s.Delete(t.Context(), first.ID, ""), rpc.CodeConflict, "last_superadmin")
		name, taken := "Bertram", "anna@EXAMPLE.com"
		_, err = s.Update(t.Context(), second.ID, accountmethods.Change{Email: &taken})
		wantReason(t, err, rpc.CodeConflict, "email_taken")
		changed, err := s.Update(t.Context(), second.ID, accountmethods.Change{Name: &name, Role: &staff})
		if err != nil || changed.Name != name || changed.Role != staff || changed.Email != second.Email {
			t.Errorf("changed %+v, %v", changed, err)
		}
		list, err := s.List(t.Context(), 2, 1)
		if err != nil || len(list) != 2 || list[0].ID != second.ID {
			t.Errorf("listed %+v, %v", list, err)
		}
		_, err = s.Update(t.Context(), "nobody", accountmethods.Change{Name: &name})
		wantReason(t, err, rpc.CodeNotFound, "account_not_found")
		wantReason(t, s.Delete(t.Context(), "nobody", ""), rpc.CodeNotFound, "account_not_found")
	})
}

func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		clock := newTestClock()
		s := open(Config{MaxKeys: 3, Now: clock.now})
		a := s.mustCreate(t, "anna", "")
		own, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Own: true})
		if !regexp.MustCompile(`^wag_[A-Za-z0-9]{32}$`).MatchString(own) {
			t.Errorf("key %s", own)
		}
		if who := s.mustAuthenticate(t, own); who.Kind != rpc.ScopeAdmin || who.Account != a.ID || who.ID != "account:"+a.ID || !who.MayUse("any") {
			t.Errorf("principal %+v", who)
		}
		if token, _, err := s.OwnKey(t.Context(), a.ID); err != nil || token != own {
			t.Errorf("own key %s, %v", token, err)
		}
		before := s.mustAuthenticate(t, own)
		replaced, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Own: true})
		_, err := s.Authenticate(t.Context(), own)
		wantReason(t, err, rpc.CodeUnauthenticated, "")
		if before.Valid() || before.MayUse("any") {
			t.Error("the replaced key is still valid where it was used before")
		}
		s.mustAuthenticate(t, replaced)

		clock.add(time.Second)
		limited, key := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "shop", Effects: rpc.EffectRead, Sessions: []string{"s1"}, ExpiresAt: clock.now().Add(time.Hour)})
		who := s.mustAuthenticate(t, limited)
		if who.Kind != rpc.ScopeAccount || who.Effects != rpc.EffectRead || !who.MayUse("s1") || who.MayUse("s2") || who.Access.MayCreate() {
			t.Errorf("limited: %+v", who)
		}
		keys, err := s.Keys(t.Context(), a.ID)
		if err != nil || len(keys) != 2 || keys[1].Name != "shop" || keys[1].UsedAt.IsZero() || !slices.Equal(keys[1].Sessions, []string{"s1"}) || !keys[0].Own || keys[1].Own {
			t.Errorf("keys %+v, %v", keys, err)
		}
		s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "more"})
		_, _, err = s.CreateKey(t.Context(), a.ID, accountmethods.Key{Name: "too many", Effects: rpc.AllEffects})
		wantReason(t, err, rpc.CodeConflict, "too_many_keys")

		clock.add(time.Hour)
		if who.Valid() || who.MayUse("s1") {
			t.Error("the expired key is still valid where it was used before")
		}
		_, err = s.Authenticate(t.Context(), limited)
		wantReason(t, err, rpc.CodeUnauthenticated, "")
		if revoked, err := s.RevokeKey(t.Context(), a.ID, key.ID); err != nil || !revoked {
			t.Error(revoked, err)
		}
		if revoked, err := s.RevokeKey(t.Context(), a.ID, key.ID); err != nil || revoked {
			t.Error(revoked, err)
		}
		if revoked, err := s.RevokeKey(t.Context(), a.ID, ""); err != nil || !revoked {
			t.Error(revoked, err)
		}
		_, err = s.Authenticate(t.Context(), replaced)
		wantReason(t, err, rpc.CodeUnauthenticated, "")
	})
}

// The tables hold nothing that authenticates.
func TestNoCredentialIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{})
		a := s.mustCreate(t, "anna", "")
		own, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Own: true})
		named, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "shop"})
		token, _, _, err := s.LogIn(t.Context(), a.Email, testPassword)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"accounts", "account_keys", "account_logins"} {
			rows, err := s.db.Query(t.Context(), `SELECT * FROM `+table)
			if err != nil {
				t.Fatal(err)
			}
			columns, _ := rows.Columns()
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				if err := rows.Scan(values...); err != nil {
					t.Fatal(err)
				}
				for i, value := range values {
					text := fmt.Sprintf("%s", *value.(*any))
					for _, secret := range []string{own, named, token, testPassword} {
						if strings.Contains(text, secret) {
							t.Errorf("%s of %s has a credential", columns[i], table)
						}
					}
				}
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLogIn(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		clock := newTestClock()
		s := open(Config{MaxLogins: 2, LoginTTL: time.Hour, WrongPasswords: 1000, Now: clock.now})
		a := s.mustCreate(t, "anna", "")
		logIn := func() string {
			clock.add(time.Second)
			token, login, found, err := s.LogIn(t.Context(), "ANNA@example.com", testPassword)
			if err != nil || found.ID != a.ID || !login.ExpiresAt.Equal(clock.now().Add(time.Hour)) {
				t.Fatal(login, found, err)
			}
			return token
		}
		first, second := logIn(), logIn()
		whoFirst, whoSecond := s.mustAuthenticate(t, first), s.mustAuthenticate(t, second)
		third := logIn()
		if whoFirst.Valid() || !whoSecond.Valid() {
			t.Error("a third log-in has not ended the oldest one")
		}
		if err := s.LogOut(t.Context(), s.mustAuthenticate(t, third).Credential); err != nil {
			t.Fatal(err)
		}
		_, err := s.Authenticate(t.Context(), third)
		wantReason(t, err, rpc.CodeUnauthenticated, "")

		key, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k"})
		password := "another password"
		if _, err := s.Update(t.Context(), a.ID, accountmethods.Change{Password: &password}); err != nil {
			t.Fatal(err)
		}
		if whoSecond.Valid() {
			t.Error("a new password has not ended the log-ins")
		}
		s.mustAuthenticate(t, key)
		_, _, _, err = s.LogIn(t.Context(), a.Email, testPassword)
		wantReason(t, err, rpc.CodeUnauthenticated, "wrong_password")
		token, _, _, err := s.LogIn(t.Context(), a.Email, password)
		if err != nil {
			t.Fatal(err)
		}
		who := s.mustAuthenticate(t, token)
		clock.add(time.Hour)
		if who.Valid() {
			t.Error("the log-in has no end")
		}
	})
}

// The answer to a log-in and the hashing are the same for an unknown address and a wrong password.
func TestLogInTellsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{WrongPasswords: 1000})
		s.mustCreate(t, "anna", "")
		var texts []string
		for _, email := range []string{"anna@example.com", "nobody@example.com"} {
			_, _, _, err := s.LogIn(t.Context(), email, "wrong password")
			var problem *rpc.Error
			if !errors.As(err, &problem) {
				t.Fatal(err)
			}
			texts = append(texts, string(problem.AppendJSON(nil, "")))
		}
		if texts[0] != texts[1] {
			t.Errorf("different answers: %s", texts)
		}
		// The costs, which decide the time, are in the hashes.
		var stored string
		if err := s.db.QueryRow(t.Context(), `SELECT password FROM accounts`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if a, b := strings.Split(stored, "$")[3], strings.Split(s.hasher.dummy, "$")[3]; a != b {
			t.Errorf("hashes cost %s and %s", a, b)
		}
		if len(stored) != len(s.hasher.dummy) {
			t.Errorf("hashes %s and %s", stored, s.hasher.dummy)
		}
	})
}

func TestFailedLogInsAreThrottled(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{WrongPasswords: 3})
		s.mustCreate(t, "anna", "")
		s.mustCreate(t, "bert", "")
		from := func(n int) context.Context { return address.With(t.Context(), fmt.Sprintf("192.0.2.%d", n)) }
		fail := func(ctx context.Context, email string, code int) {
			t.Helper()
			_, _, _, err := s.LogIn(ctx, email, "wrong password")
			var problem *rpc.Error
			if !errors.As(err, &problem) || problem.Code != code {
				t.Errorf("got %v", err)
			}
		}
		for range 3 {
			fail(from(1), "anna@example.com", rpc.CodeUnauthenticated)
		}
		fail(from(1), "bert@example.com", rpc.CodeRateLimited) // the address
		fail(from(2), "Anna@example.com", rpc.CodeRateLimited) // the e-mail address
		for n := range 3 {                                     // also of one without an account
			fail(from(10+n), "nobody@example.com", rpc.CodeUnauthenticated)
		}
		fail(from(20), "nobody@example.com", rpc.CodeRateLimited)
		if _, _, _, err := s.LogIn(from(2), "bert@example.com", testPassword); err != nil {
			t.Error(err)
		}
	})
}

func TestRegistrationsAreThrottled(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{WrongPasswords: 1})
		ctx := address.With(t.Context(), "192.0.2.1")
		for i, code := range []int{0, rpc.CodeRateLimited} {
			_, err := s.Register(ctx, accountmethods.NewAccount{Name: "x", Email: fmt.Sprintf("x%d@example.com", i), Password: testPassword})
			var problem *rpc.Error
			if errors.As(err, &problem); code == 0 && err != nil || code != 0 && (problem == nil || problem.Code != code) {
				t.Errorf("registration %d: %v", i, err)
			}
		}
	})
}

func TestSharedSessions(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		var changes atomic.Int32
		s := open(Config{MaxGrants: 2, Changed: func() { changes.Add(1) }})
		s.mustCreate(t, "root", "")
		anna, bert, carl := s.mustCreate(t, "anna", ""), s.mustCreate(t, "bert", ""), s.mustCreate(t, "carl", accountmethods.Staff)
		caller := func(a accountmethods.Account) rpc.Principal {
			token, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k"})
			return s.mustAuthenticate(t, token)
		}
		owner, other, staff := caller(anna), caller(bert), caller(carl)
		s.mustOwn(t, "s1", anna.ID)
		s.mustOwn(t, "s2", bert.ID)
		if !owner.MayUse("s1") || !owner.MayManage("s1") || other.MayUse("s1") || staff.MayUse("s1") || owner.MayUse("s2") || owner.MayUse("s3") {
			t.Error("wrong rights of new sessions")
		}
		if staff.Access.MayCreate() || !owner.Access.MayCreate() {
			t.Error("STAFF may create sessions, or OWNER may not")
		}
		g, err := s.Grant(t.Context(), "s1", carl.ID)
		if err != nil || g.Account.Email != carl.Email || g.Session != "s1" {
			t.Fatal(g, err)
		}
		_, err = s.Grant(t.Context(), "s1", carl.ID)
		wantReason(t, err, rpc.CodeConflict, "access_exists")
		if !staff.MayUse("s1") || staff.MayManage("s1") {
			t.Error("wrong rights after a grant")
		}
		if list, all := staff.Access.Sessions(); all || !slices.Equal(list, []string{"s1"}) {
			t.Errorf("sessions %v, %v", list, all)
		}
		grants, err := s.Grants(t.Context(), "s1")
		if err != nil || len(grants) != 1 || grants[0].ID != g.ID {
			t.Errorf("grants %+v, %v", grants, err)
		}
		before := changes.Load()
		if revoked, err := s.RevokeGrant(t.Context(), "s1", carl.ID); err != nil || !revoked || staff.MayUse("s1") || changes.Load() == before {
			t.Errorf("revoked %v, %v", revoked, err)
		}
		if revoked, err := s.RevokeGrant(t.Context(), "s1", carl.ID); err != nil || revoked {
			t.Errorf("revoked twice: %v", err)
		}
		for i, a := range []accountmethods.Account{bert, carl, s.mustCreate(t, "dora", "")} {
			if _, err = s.Grant(t.Context(), "s1", a.ID); i == 2 {
				wantReason(t, err, rpc.CodeConflict, "too_many_grants")
			} else if err != nil {
				t.Fatal(err)
			}
		}
		// A session of the same id that is created later has nothing of this.
		if err := s.SessionDeleted(t.Context(), "s1"); err != nil || owner.MayUse("s1") || other.MayUse("s1") {
			t.Errorf("deleted: %v", err)
		}
		s.mustOwn(t, "s1", bert.ID)
		if !other.MayManage("s1") || owner.MayUse("s1") || staff.MayUse("s1") {
			t.Error("the new session has rights of the old one")
		}
		if _, err := s.Grant(t.Context(), "s1", anna.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), bert.ID, anna.ID); err != nil {
			t.Fatal(err)
		}
		if other.Valid() || other.MayUse("s1") || !owner.MayManage("s1") || !owner.MayManage("s2") {
			t.Error("the sessions of a deleted account have not passed on")
		}
		if grants, err := s.Grants(t.Context(), "s1"); err != nil || len(grants) != 0 {
			t.Errorf("grants to the new owner: %v, %v", grants, err)
		}
		if found, err := s.Account(t.Context(), anna.ID); err != nil || found.SessionCount != 2 {
			t.Errorf("account %+v, %v", found, err)
		}
		if err := s.KeepSessions(t.Context(), func(string) bool { return false }); err != nil || !owner.MayUse("s1") {
			t.Errorf("a session that was created after Open lost its owner: %v", err)
		}
		again := open(Config{})
		if again.OwnerOf("s1") != anna.ID {
			t.Error("the owner is not stored")
		}
		if err := again.KeepSessions(t.Context(), func(id string) bool { return id == "s2" }); err != nil || again.OwnerOf("s1") != "" || again.OwnerOf("s2") != anna.ID {
			t.Errorf("owners of lost sessions: %v", err)
		}
	})
}

// A new role takes effect at once, also where the credential was used before.
func TestRoleChange(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{})
		s.mustCreate(t, "root", "")
		a := s.mustCreate(t, "anna", accountmethods.Superadmin)
		token, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k"})
		before := s.mustAuthenticate(t, token)
		role := accountmethods.Staff
		if _, err := s.Update(t.Context(), a.ID, accountmethods.Change{Role: &role}); err != nil {
			t.Fatal(err)
		}
		if before.Valid() || before.MayUse("s1") {
			t.Error("the former SUPERADMIN is still one")
		}
		if after := s.mustAuthenticate(t, token); after.Kind != rpc.ScopeAccount || after.MayUse("s1") {
			t.Errorf("principal %+v", after)
		}
	})
}

// Servers on one PostgreSQL database notice each other's changes.
func TestOtherServers(t *testing.T) {
	db, err := database.Open(t.Context(), dbtest.Postgres(t), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var changes atomic.Int32
	one := openStore(t, db, Config{})
	two := openStore(t, db, Config{Poll: time.Millisecond, Changed: func() { changes.Add(1) }})
	one.mustCreate(t, "root", "")
	a, b := one.mustCreate(t, "anna", ""), one.mustCreate(t, "bert", accountmethods.Staff)
	token, key := one.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k"})
	staffToken, _ := one.mustCreateKey(t, b.ID, accountmethods.Key{Name: "k"})
	owner, staff := two.mustAuthenticate(t, token), two.mustAuthenticate(t, staffToken)
	one.mustOwn(t, "s1", a.ID)
	if _, err := one.Grant(t.Context(), "s1", b.ID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the session can be used at the other server", func() bool { return owner.MayManage("s1") && staff.MayUse("s1") })
	before := changes.Load()
	if _, err := one.RevokeGrant(t.Context(), "s1", b.ID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the access has ended at the other server", func() bool { return !staff.MayUse("s1") && changes.Load() > before })
	if _, err := one.RevokeKey(t.Context(), a.ID, key.ID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the key is revoked at the other server", func() bool { return !owner.Valid() })
}

func TestExpiredKeysAreNoticed(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		var changes atomic.Int32
		s := open(Config{Poll: time.Millisecond, Changed: func() { changes.Add(1) }})
		a := s.mustCreate(t, "anna", "")
		token, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k", ExpiresAt: time.Now().Add(500 * time.Millisecond)})
		who := s.mustAuthenticate(t, token)
		testkit.Eventually(t, "the expiry is noticed", func() bool { return !who.Valid() && changes.Load() > 0 })
	})
}

func TestUseOfKeysIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{})
		a := s.mustCreate(t, "anna", "")
		token, _ := s.mustCreateKey(t, a.ID, accountmethods.Key{Name: "k"})
		s.mustAuthenticate(t, token)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		keys, err := open(Config{}).Keys(t.Context(), a.ID)
		if err != nil || keys[0].UsedAt.IsZero() {
			t.Errorf("keys %+v, %v", keys, err)
		}
	})
}
