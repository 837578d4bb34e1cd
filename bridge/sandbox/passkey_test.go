package sandbox

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func (w *world) passkeyAccount(number string, options PasskeyOptions) *Phone {
	w.t.Helper()
	p, err := w.net.AddAccount(AccountOptions{Number: number, Passkey: &options})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// scanned returns a client whose code a phone with a passkey has scanned or entered, with the event of the request.
func (w *world) scanned(p *Phone, byCode bool) (*client, *events.PairPasskeyRequest) {
	w.t.Helper()
	c := w.client()
	if err := c.Connect(); err != nil {
		w.t.Fatal(err)
	}
	codes := await[*events.QR](c, nil).Codes
	if byCode {
		code, err := c.PairPhone(w.ctx(), p.JID().User, false, whatsmeow.PairClientChrome, "Chrome (Linux)")
		if err != nil {
			w.t.Fatal(err)
		}
		if err = p.EnterCode(w.ctx(), code); err != nil {
			w.t.Fatal(err)
		}
	} else if err := p.ScanQR(w.ctx(), codes[0]); err != nil {
		w.t.Fatal(err)
	}
	return c, await[*events.PairPasskeyRequest](c, nil)
}

func (w *world) signed(p *Phone, request *events.PairPasskeyRequest, mistake PasskeyMistake) *types.WebAuthnResponse {
	w.t.Helper()
	answer, err := p.SignPasskey(request.PublicKey, mistake)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func TestPasskeyPairing(t *testing.T) {
	for name, test := range map[string]struct {
		byCode  bool
		options PasskeyOptions
		proven  bool
	}{
		"QR code":      {proven: true},
		"pairing code": {byCode: true, proven: true},
		"phone asks instead of verifying the code": {byCode: true, options: PasskeyOptions{InsteadOfCode: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			alice := w.passkeyAccount("15550001", test.options)
			c, request := w.scanned(alice, test.byCode)
			if key := request.PublicKey; key.RelyingPartID != "whatsapp.com" || len(key.Challenge) != 32 || key.Timeout != 600_000 || key.UserVerification != "required" {
				t.Errorf("request %+v", key)
			}
			if state := alice.Passkey(); !state.Required || !state.Pending || state.Code != "" || len(alice.Companions()) != 0 {
				t.Errorf("before the answer: %+v, companions %v", state, alice.Companions())
			}
			if err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); err != nil {
				t.Fatal(err)
			}
			confirm := await[*events.PairPasskeyConfirmation](c, nil)
			if state := alice.Passkey(); confirm.Code != state.Code || len(state.Code) != 9 || state.Handoff != test.proven {
				t.Errorf("client shows %q; phone %+v", confirm.Code, state)
			}
			if err := c.SendPasskeyConfirmation(w.ctx()); err != nil {
				t.Fatal(err)
			}
			await[*events.Connected](c, nil)
			if state := alice.Passkey(); state.Pending || len(alice.Companions()) != 1 {
				t.Errorf("after pairing: %+v, companions %v", state, alice.Companions())
			}
			if found := w.net.Violations(); len(found) != 0 {
				t.Errorf("violations %v", found)
			}
		})
	}
}

func TestPasskeyRefusesWrongAnswers(t *testing.T) {
	for _, mistake := range PasskeyMistakes() {
		t.Run(string(mistake), func(t *testing.T) {
			w := newWorld(t, Options{})
			alice := w.passkeyAccount("15550001", PasskeyOptions{})
			c, request := w.scanned(alice, false)
			err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, mistake))
			if !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
				t.Errorf("wrong answer: %v, want 401", err)
			}
			if len(alice.Companions()) != 0 {
				t.Error("device was linked all the same")
			}
			if err = c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); err != nil {
				t.Errorf("right answer after a wrong one: %v", err)
			}
			await[*events.PairPasskeyConfirmation](c, nil)
		})
	}
}

func TestPasskeyAnswerOfAnotherPairing(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.passkeyAccount("15550001", PasskeyOptions{})
	first, firstRequest := w.scanned(alice, false)
	second, secondRequest := w.scanned(alice, false)
	answer := w.signed(alice, firstRequest, "")
	if bytes.Equal(firstRequest.PublicKey.Challenge, secondRequest.PublicKey.Challenge) {
		t.Error("two requests have the same challenge")
	}
	if err := second.SendPasskeyResponse(w.ctx(), answer); !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
		t.Errorf("answer to another request: %v", err)
	}
	if err := first.SendPasskeyResponse(w.ctx(), answer); err != nil {
		t.Fatal(err)
	}
	if err := first.SendPasskeyResponse(w.ctx(), answer); err == nil {
		t.Error("an answer was accepted twice")
	}
	if err := second.SendPasskeyResponse(w.ctx(), answer); !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
		t.Errorf("replayed answer: %v", err)
	}
	if err := second.SendPasskeyResponse(w.ctx(), w.signed(alice, secondRequest, "")); err != nil {
		t.Errorf("own answer of the second client: %v", err)
	}
}

func TestPasskeyAnswerAfterTheDeadline(t *testing.T) {
	var shift atomic.Int64
	w := newWorld(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }})
	alice := w.passkeyAccount("15550001", PasskeyOptions{Timeout: time.Minute})
	c, request := w.scanned(alice, false)
	if request.PublicKey.Timeout != 60_000 {
		t.Errorf("timeout %d", request.PublicKey.Timeout)
	}
	shift.Store(int64(time.Minute))
	var refused *whatsmeow.IQError
	if err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); !errors.As(err, &refused) || refused.Code != 410 {
		t.Errorf("late answer: %v", err)
	}
}

func TestPasskeyMakesCodesVoid(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.passkeyAccount("15550001", PasskeyOptions{}), w.account("15550002", "Bob")
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	codes := await[*events.QR](c, nil).Codes
	if err := alice.ScanQR(w.ctx(), codes[0]); err != nil {
		t.Fatal(err)
	}
	request := await[*events.PairPasskeyRequest](c, nil)
	for _, phone := range []*Phone{alice, bob} {
		for _, code := range codes {
			if err := phone.ScanQR(w.ctx(), code); !errors.Is(err, ErrPairingGone) {
				t.Errorf("code of a client that was asked for a passkey: %v", err)
			}
		}
	}
	if _, err := c.PairPhone(w.ctx(), "15550002", false, whatsmeow.PairClientChrome, "Chrome (Linux)"); err == nil {
		t.Error("a pairing code was given in the passkey step")
	}
	if err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); err != nil {
		t.Errorf("answer afterwards: %v", err)
	}
}

func TestPasskeyFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault Fault
		check func(t *testing.T, w *world, alice *Phone, c *client)
	}{
		"request is lost": {Fault{Kind: FaultPasskeyLost, Session: "15550001"}, func(t *testing.T, _ *world, alice *Phone, _ *client) {
			if !alice.Passkey().Pending {
				t.Error("phone did not ask")
			}
		}},
		"request is unreadable and fetched": {Fault{Kind: FaultPasskeyError, Type: passkeyRequestType}, func(t *testing.T, w *world, alice *Phone, c *client) {
			request := await[*events.PairPasskeyRequest](c, nil)
			if err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); err != nil {
				t.Error(err)
			}
		}},
		"request is unreadable and cannot be fetched": {Fault{Kind: FaultPasskeyError, Code: 500}, func(t *testing.T, _ *world, _ *Phone, c *client) {
			if failed := await[*events.PairPasskeyError](c, nil); failed.Continuation {
				t.Errorf("failed with %+v", failed)
			}
		}},
		"continuation is unreadable": {Fault{Kind: FaultPasskeyError, Type: passkeyContinuationType}, func(t *testing.T, w *world, alice *Phone, c *client) {
			request := await[*events.PairPasskeyRequest](c, nil)
			if err := c.SendPasskeyResponse(w.ctx(), w.signed(alice, request, "")); err != nil {
				t.Error(err)
			}
			if failed := await[*events.PairPasskeyError](c, nil); !failed.Continuation {
				t.Errorf("failed with %+v", failed)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			alice := w.passkeyAccount("15550001", PasskeyOptions{})
			if _, err := w.net.Inject(test.fault); err != nil {
				t.Fatal(err)
			}
			c := w.client()
			if err := c.Connect(); err != nil {
				t.Fatal(err)
			}
			if err := alice.ScanQR(w.ctx(), await[*events.QR](c, nil).Codes[0]); err != nil {
				t.Fatal(err)
			}
			test.check(t, w, alice, c)
		})
	}
}

func TestPasskeyRequestsOutOfTurn(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.passkeyAccount("15550001", PasskeyOptions{})
	c := w.client()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	code := await[*events.QR](c, nil).Codes[0]
	steps := map[string]string{"ref": "get", "passkey_request_options": "get", "passkey_prologue": "set", "companion_nonce": "set", "encrypted_pairing_request": "set"}
	ask := func(tag string) error {
		_, err := c.DangerousInternals().SendIQ(w.ctx(), whatsmeow.DangerousInfoQuery{
			Namespace: "md", Type: whatsmeow.DangerousInfoQueryType(steps[tag]), To: types.ServerJID, Content: []waBinary.Node{{Tag: tag}},
		})
		return err
	}
	for tag := range steps {
		if err := ask(tag); err == nil || !strings.Contains(err.Error(), "405") {
			t.Errorf("%s before a phone asked: %v", tag, err)
		}
	}
	if err := alice.ScanQR(w.ctx(), code); err != nil {
		t.Fatal(err)
	}
	await[*events.PairPasskeyRequest](c, nil)
	for _, tag := range []string{"companion_nonce", "encrypted_pairing_request"} {
		if err := ask(tag); err == nil || !strings.Contains(err.Error(), "409") {
			t.Errorf("%s before the answer: %v", tag, err)
		}
	}
	if err := ask("passkey_prologue"); !errors.Is(err, whatsmeow.ErrIQBadRequest) {
		t.Errorf("empty answer: %v", err)
	}
}

func TestSignPasskeyWithoutRequest(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.passkeyAccount("15550001", PasskeyOptions{}), w.account("15550002", "Bob")
	foreign := &types.WebAuthnPublicKey{Challenge: bytes.Repeat([]byte{1}, 32), RelyingPartID: "example.com"}
	for name, test := range map[string]struct {
		phone   *Phone
		options *types.WebAuthnPublicKey
		mistake PasskeyMistake
		want    error
	}{
		"account without a passkey":   {bob, nil, "", ErrNoPasskey},
		"no client was asked":         {alice, nil, "", ErrNoPasskey},
		"request of another party":    {alice, foreign, "", ErrBadPasskey},
		"request without a challenge": {alice, &types.WebAuthnPublicKey{RelyingPartID: "whatsapp.com"}, "", ErrBadPasskey},
		"mistake that does not exist": {alice, &types.WebAuthnPublicKey{Challenge: foreign.Challenge, RelyingPartID: "whatsapp.com"}, "typo", ErrBadPasskey},
	} {
		if _, err := test.phone.SignPasskey(test.options, test.mistake); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for _, timeout := range []time.Duration{-time.Second, maxPasskeyTimeout + 1} {
		if err := bob.RequirePasskey(PasskeyOptions{Timeout: timeout}); !errors.Is(err, ErrBadPasskey) {
			t.Errorf("timeout %s: %v", timeout, err)
		}
	}
	alice.DropPasskey()
	w.pair(alice)
	if err := alice.RequirePasskey(PasskeyOptions{}); err != nil || !alice.Passkey().Required {
		t.Errorf("passkey required again: %v, %+v", err, alice.Passkey())
	}
}
