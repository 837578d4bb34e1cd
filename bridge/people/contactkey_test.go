package people

import (
	"os"
	"testing"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

var (
	annaPN  = types.NewJID("15550001", types.DefaultUserServer)
	annaLID = types.NewJID("123456789012", types.HiddenUserServer)
	bertLID = types.NewJID("999999999999", types.HiddenUserServer)
)

func openTestDB(t *testing.T) *dbutil.Database {
	t.Helper()
	return openTestDBAt(t, ":memory:")
}

func openTestDBAt(t *testing.T, url string) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	own, err := database.Migrate(t.Context(), db, "bridge", os.DirFS("../migrations"))
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func TestContactKeyDoesNotChange(t *testing.T) {
	db := openTestDB(t)
	keys := NewKeys(db)
	ask := func(p wa.Person) (string, *Alias) {
		t.Helper()
		key, joined, err := keys.Key(t.Context(), "s", p)
		if err != nil {
			t.Fatal(err)
		}
		return key, joined
	}
	both, onlyPN, onlyLID := wa.Person{PN: annaPN, LID: annaLID}, wa.Person{PN: annaPN}, wa.Person{LID: annaLID}

	// First seen under the number alone; the LID arrives later.
	key, _ := ask(onlyPN)
	if key != annaPN.String() {
		t.Errorf("first key %q", key)
	}
	for _, p := range []wa.Person{both, onlyLID, onlyPN} {
		if again, joined := ask(p); again != key || joined != nil {
			t.Errorf("%+v: key %q, joined %+v", p, again, joined)
		}
	}
	// A new process reads the same.
	keys = NewKeys(db)
	if again, _ := ask(onlyLID); again != key {
		t.Errorf("after a restart: %q", again)
	}

	// Both known at once: the LID is the key.
	bob := wa.Person{PN: bobPN(), LID: bertLID}
	if got, _ := ask(bob); got != bertLID.String() {
		t.Errorf("both known: %q", got)
	}
	if got, joined, err := keys.Key(t.Context(), "s", wa.Person{}); got != "" || joined != nil || err != nil {
		t.Errorf("nobody: %q %v %v", got, joined, err)
	}
}

func TestContactKeysOfOnePersonAreJoined(t *testing.T) {
	db := openTestDB(t)
	keys := NewKeys(db)
	if _, _, err := keys.Key(t.Context(), "s", wa.Person{LID: annaLID}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.Key(t.Context(), "s", wa.Person{PN: annaPN}); err != nil {
		t.Fatal(err)
	}
	key, joined, err := keys.Key(t.Context(), "s", wa.Person{PN: annaPN, LID: annaLID})
	if err != nil || joined == nil {
		t.Fatalf("joined %+v, %v", joined, err)
	}
	if joined.Key != key || joined.Replaced == key {
		t.Errorf("key %q, alias %+v", key, joined)
	}
	for _, p := range []wa.Person{{PN: annaPN}, {LID: annaLID}, {PN: annaPN, LID: annaLID}} {
		if got, again, err := keys.Key(t.Context(), "s", p); got != key || again != nil || err != nil {
			t.Errorf("%+v: %q %+v %v", p, got, again, err)
		}
	}
}

func bobPN() types.JID { return types.NewJID("4915112345679", types.DefaultUserServer) }

// TestKeysJoinedDuringLookups: a lookup that has read a key before it was joined with another must not cache it.
func TestKeysJoinedDuringLookups(t *testing.T) {
	keys := NewKeys(openTestDB(t))
	key := func(p wa.Person) string {
		t.Helper()
		key, _, err := keys.Key(t.Context(), "s", p)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	old := key(wa.Person{PN: annaPN})
	keys.forgetKeys()
	_, version := keys.cachedKeys("s", []wa.Person{{LID: annaLID}}, []string{""})
	read := key(wa.Person{LID: annaLID})
	joined := key(wa.Person{PN: annaPN, LID: annaLID})
	replaced := read
	if joined == read {
		replaced = old
	}
	keys.rememberKeys("s", replaced, version, wa.AddressString(annaLID), wa.AddressString(annaPN))
	if got := key(wa.Person{LID: annaLID}); got != joined {
		t.Errorf("the key is %q, want %q", got, joined)
	}
}
