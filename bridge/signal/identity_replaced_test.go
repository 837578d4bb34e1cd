package signal

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow/store"
)

// While operations of the old session may still run after an identity key was deleted, none of both keys is refused.
func TestReplacedIdentityIsTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, remove := range map[string]func(r *replacedIdentities){
			"one device":  func(r *replacedIdentities) { r.note("15550002_1:3") },
			"all devices": func(r *replacedIdentities) { r.note("15550002_1") },
		} {
			d := &Decryptions{}
			s := &identityStore{IdentityStore: distrustful{}, d: d}
			trusts := func(address string) bool {
				trusted, err := s.IsTrustedIdentity(t.Context(), address, [32]byte{1})
				if err != nil {
					t.Fatal(err)
				}
				return trusted
			}
			if trusts("15550002_1:3") {
				t.Errorf("%s: trusted before", name)
			}
			remove(&d.replaced)
			if !trusts("15550002_1:3") || trusts("15550002:3") || trusts("15550003_1:3") {
				t.Errorf("%s: wrong addresses are trusted", name)
			}
			time.Sleep(replacedWindow)
			if trusts("15550002_1:3") {
				t.Errorf("%s: still trusted", name)
			}
		}
		r := &replacedIdentities{}
		for i := range 3 * maxReplaced {
			r.note(fmt.Sprint(i))
		}
		if len(r.at) > maxReplaced || !r.recently(fmt.Sprintf("%d:0", 3*maxReplaced-1)) {
			t.Errorf("%d addresses", len(r.at))
		}
	})
}

// distrustful has another key for every address.
type distrustful struct{ *store.NoopStore }

func (distrustful) IsTrustedIdentity(context.Context, string, [32]byte) (bool, error) {
	return false, nil
}
