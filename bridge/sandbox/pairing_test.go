package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types/events"
)

func TestPairWithTheFullBatchOfPreKeys(t *testing.T) {
	w := newWorld(t, Options{PreKeyCount: -1})
	alice := w.account("15550001", "Alice")
	w.pair(alice)
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	// The phone consumes one to bootstrap the companion.
	if count := len(alice.account.devices[1].keys.oneTime); count < 811 || count > 812 {
		t.Errorf("server has %d prekeys of 812", count)
	}
}

func TestPairTellsClientWhoItIs(t *testing.T) {
	w := newWorld(t, Options{})
	shop, err := w.net.AddAccount(AccountOptions{Number: "+1 555-0009", PushName: "Shop", BusinessName: "Shop Ltd", Platform: "smba"})
	if err != nil {
		t.Fatal(err)
	}
	first, second := w.pair(shop), w.pair(shop)
	success := await[*events.PairSuccess](first, nil)
	if success.BusinessName != "Shop Ltd" || success.Platform != "smba" || success.ID.User != "15550009" || success.ID.Device != 1 {
		t.Errorf("paired as %+v", success)
	}
	if second.Store.ID.Device != 2 || len(shop.Companions()) != 2 {
		t.Errorf("second device is %s; companions %v", second.Store.ID, shop.Companions())
	}
}

func TestScanRefusesBadCodes(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	good := await[*events.QR](c, nil).Codes[0]
	parts := strings.Split(good, ",")
	foreign := strings.Join([]string{parts[0], parts[2], parts[1], parts[3], parts[4]}, ",")
	for name, test := range map[string]struct {
		qr   string
		want error
	}{
		"empty":         {"", ErrBadQR},
		"not a code":    {"https://example.org/", ErrBadQR},
		"short":         {strings.Join(parts[:4], ","), ErrBadQR},
		"not base64":    {strings.Join([]string{parts[0], "!!", parts[2], parts[3], parts[4]}, ","), ErrBadQR},
		"unknown ref":   {strings.Replace(good, "2@", "2@x", 1), ErrPairingGone},
		"other's keys":  {foreign, ErrBadQR},
		"trailing text": {good + ",more", ErrBadQR},
	} {
		if err := alice.ScanQR(w.ctx(), test.qr); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := alice.ScanQR(w.ctx(), good); err != nil {
		t.Errorf("good code after bad ones: %v", err)
	}
	await[*events.Connected](c, nil)
	if err := alice.ScanQR(w.ctx(), good); !errors.Is(err, ErrPairingGone) {
		t.Errorf("used code: %v", err)
	}
}

func TestScanWithWrongSecretIsRefusedByTheClient(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(await[*events.QR](c, nil).Codes[0], ",")
	parts[3] = parts[2] // a key, but not the secret
	if err := alice.ScanQR(w.ctx(), strings.Join(parts, ",")); !errors.Is(err, ErrPairingRefused) {
		t.Errorf("scan: %v", err)
	}
	if failed := await[*events.PairError](c, nil); !errors.Is(failed.Error, whatsmeow.ErrPairInvalidDeviceIdentityHMAC) {
		t.Errorf("client says %v", failed.Error)
	}
	if len(alice.Companions()) != 0 {
		t.Error("device was linked all the same")
	}
}

func TestPairByCode(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	await[*events.QR](c, nil)
	if err := alice.EnterCode(w.ctx(), "ABCD-EFGH"); !errors.Is(err, ErrPairingGone) {
		t.Errorf("code that no client requested: %v", err)
	}
	if _, err := c.PairPhone(w.ctx(), "15550001", false, whatsmeow.PairClientChrome, "my program"); !errors.Is(err, whatsmeow.ErrIQBadRequest) {
		t.Errorf("bad display name: %v", err)
	}
	if _, err := c.PairPhone(w.ctx(), "19990000", false, whatsmeow.PairClientChrome, "Chrome (Linux)"); !errors.Is(err, whatsmeow.ErrIQNotFound) {
		t.Errorf("unknown number: %v", err)
	}
	code, err := c.PairPhone(w.ctx(), "+1 555 0001", true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = alice.AwaitStanza(w.ctx(), isNode("notification", "link_code_companion_reg")); err != nil {
		t.Errorf("phone was not asked: %v", err)
	}
	if err = alice.EnterCode(w.ctx(), "11111111"); !errors.Is(err, ErrWrongCode) {
		t.Errorf("wrong code: %v", err)
	}
	if err = alice.EnterCode(w.ctx(), strings.ToLower(code)); err != nil {
		t.Fatalf("right code: %v", err)
	}
	await[*events.Connected](c, nil)
	if c.Store.GetLID().User != alice.LID().User {
		t.Errorf("paired as %s", c.Store.GetLID())
	}
}

func TestPairingEndsWithItsConnection(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	code := await[*events.QR](c, nil).Codes[0]
	c.Disconnect()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for ctx.Err() == nil {
		if err := alice.ScanQR(ctx, code); errors.Is(err, ErrPairingGone) {
			return
		}
	}
	t.Error("code of a closed connection still works")
}

func TestAccountsRefuseBadNumbers(t *testing.T) {
	w := newWorld(t, Options{})
	for _, number := range []string{"", "abc", "12", "1234567890123456", "g@g.us", "-1555", "15550001:3@s.whatsapp.net"} {
		if _, err := w.net.AddAccount(AccountOptions{Number: number}); !errors.Is(err, ErrBadJID) {
			t.Errorf("%q: %v", number, err)
		}
	}
	w.account("15550001", "Alice")
	if _, err := w.net.AddAccount(AccountOptions{Number: "+1 (555) 0001"}); !errors.Is(err, ErrAccountExists) {
		t.Errorf("same number: %v", err)
	}
	if _, err := w.net.Phone("15550002"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("unknown: %v", err)
	}
	if p, err := w.net.Phone("15550001@s.whatsapp.net"); err != nil || p.PushName() != "Alice" {
		t.Errorf("known: %v", err)
	}
}

func TestSameSeedSameKeys(t *testing.T) {
	phone := func(seed uint64) *Phone {
		w := newWorld(t, Options{Seed: seed})
		return w.account("15550001", "")
	}
	a, b, other := phone(7), phone(7), phone(8)
	if *a.identity.Pub != *b.identity.Pub || *a.net.pki.static.Pub != *b.net.pki.static.Pub {
		t.Error("same seed, different keys")
	}
	if *a.identity.Pub == *other.identity.Pub {
		t.Error("other seed, same keys")
	}
}

func TestLatestVersionPage(t *testing.T) {
	w := newWorld(t, Options{})
	version, err := whatsmeow.GetLatestVersion(w.ctx(), NewHTTPClient(w.in.Dial))
	if err != nil {
		t.Fatal(err)
	}
	if *version != store.GetWAVersion() {
		t.Errorf("version %v", version)
	}
}
