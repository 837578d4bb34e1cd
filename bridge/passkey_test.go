package bridge_test

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

func (w *world) passkeyAccount(number string, options sandbox.PasskeyOptions) *sandbox.Phone {
	w.t.Helper()
	phone, err := w.net.AddAccount(sandbox.AccountOptions{Number: number, PushName: "Ada", Passkey: &options})
	if err != nil {
		w.t.Fatal(err)
	}
	return phone
}

// reachesStep waits for a step of pairing.
func (w *world) reachesStep(s *bridge.Session, name bridge.StepName) bridge.PairingStep {
	w.t.Helper()
	st, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.Step.Name == name })
	if err != nil {
		w.t.Fatalf("the session is %s (%s), step %q instead of %q", st.State, st.Reason, st.Step.Name, name)
	}
	if st.State != bridge.StatePairing || !st.Step.ExpiresAt.After(time.Now()) {
		w.t.Errorf("step %s in state %s expires at %s", name, st.State, st.Step.ExpiresAt)
	}
	return st.Step
}

// askedForPasskey returns a session whose code was scanned or typed by a phone with a passkey.
func (w *world) askedForPasskey(id string, phone *sandbox.Phone, byCode bool) *bridge.Session {
	w.t.Helper()
	s := w.create(id)
	w.askForPasskey(s, phone, byCode)
	return s
}

func (w *world) askForPasskey(s *bridge.Session, phone *sandbox.Phone, byCode bool) {
	w.t.Helper()
	if err := s.Connect(w.ctx()); err != nil {
		w.t.Fatal(err)
	}
	w.reachesStep(s, bridge.StepQR)
	if byCode {
		code, _, err := s.RequestPairingCode(w.ctx(), phone.JID().User, true)
		if err != nil {
			w.t.Fatal(err)
		}
		w.reachesStep(s, bridge.StepCode)
		if err = phone.EnterCode(w.ctx(), code); err != nil {
			w.t.Fatal(err)
		}
	} else if err := phone.ScanQR(w.ctx(), s.QR().Text); err != nil {
		w.t.Fatal(err)
	}
	w.reachesStep(s, bridge.StepPasskey)
}

// sign answers the session's request like a page on WhatsApp's origin.
func (w *world) sign(s *bridge.Session, phone *sandbox.Phone, mistake sandbox.PasskeyMistake) *types.WebAuthnResponse {
	w.t.Helper()
	var options types.WebAuthnPublicKey
	if err := json.Unmarshal(s.Status().Step.Request.Options, &options); err != nil {
		w.t.Fatal(err)
	}
	answer, err := phone.SignPasskey(&options, mistake)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func kindOf(err error) wa.Kind {
	var e *wa.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

var passkeyWays = map[string]struct {
	byCode  bool
	options sandbox.PasskeyOptions
}{
	"QR code":      {},
	"pairing code": {byCode: true},
	"pairing code that the phone does not verify": {byCode: true, options: sandbox.PasskeyOptions{InsteadOfCode: true}},
}

func TestPairWithPasskey(t *testing.T) {
	for name, way := range passkeyWays {
		for _, manual := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", confirmed by the caller"}[manual], func(t *testing.T) {
				w := newWorld(t)
				ada, bob := w.passkeyAccount("15550001", way.options), w.account("15550002", "Bob")
				s := w.askedForPasskey("ada", ada, way.byCode)
				if st := s.Status(); st.Code.Text != "" || s.QR().Text != "" || len(st.Step.Request.Options) == 0 {
					t.Errorf("in the passkey step a code is up, or no request: %+v", st)
				}
				if err := s.SubmitPasskey(w.ctx(), w.sign(s, ada, ""), manual); err != nil {
					t.Fatal(err)
				}
				if manual {
					st, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.Step.ConfirmationDue })
					if err != nil || st.Step.Code != ada.Passkey().Code {
						t.Fatalf("step %+v, phone shows %q: %v", st.Step, ada.Passkey().Code, err)
					}
					if err = s.ConfirmPasskey(w.ctx(), "AAAA-AAAA"); wa.ReasonOf(err) != wa.ReasonBadParam {
						t.Errorf("wrong code: %v", err)
					}
					if err = s.ConfirmPasskey(w.ctx(), st.Step.Code); err != nil {
						t.Fatal(err)
					}
				}
				w.reaches(s, bridge.StateConnected)
				if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("hello")); err != nil {
					t.Fatal(err)
				}
				w.reader("ada").text("hello")
				var steps []any
				for _, e := range w.all("ada") {
					if pairing, ok := e.data["pairing"].(map[string]any); ok {
						steps = append(steps, pairing["step"])
						if pairing["step"] == "passkey" && (e.data["withdrawn"] != map[bool]any{false: "qr", true: "code"}[way.byCode] || pairing["expires_at"] != e.data["expires_at"]) {
							t.Errorf("event of the passkey step: %s", e.Data)
						}
					}
				}
				steps = slices.Compact(steps)
				want := []any{"qr", "passkey", "confirm"}
				if way.byCode {
					want = []any{"qr", "code", "passkey", "confirm"}
				}
				if !slices.Equal(steps, want) {
					t.Errorf("events tell of the steps %v, want %v", steps, want)
				}
			})
		}
	}
}

func TestPasskeyAnswersThatAreWrong(t *testing.T) {
	for _, mistake := range sandbox.PasskeyMistakes() {
		t.Run(string(mistake), func(t *testing.T) {
			w := newWorld(t)
			ada := w.passkeyAccount("15550001", sandbox.PasskeyOptions{})
			s := w.askedForPasskey("ada", ada, false)
			err := s.SubmitPasskey(w.ctx(), w.sign(s, ada, mistake), false)
			if mistake == sandbox.MistakeChallenge {
				if wa.ReasonOf(err) != wa.ReasonBadParam {
					t.Errorf("answer to another request: %v", err)
				}
			} else {
				var refused *wa.Error
				if !errors.As(err, &refused) || refused.Reason != wa.ReasonWhatsApp || refused.Kind != wa.KindPasskeyRejected || refused.WACode != 401 {
					t.Errorf("wrong answer: %v", err)
				}
				if e := w.reader("ada").of("PairError"); e.data["reason"] != "passkey_rejected" || e.data["code"] != 401.0 || e.data["step"] != "passkey" {
					t.Errorf("event %s", e.Data)
				}
			}
			w.reachesStep(s, bridge.StepPasskey)
			if err = s.SubmitPasskey(w.ctx(), w.sign(s, ada, ""), false); err != nil {
				t.Fatalf("right answer after a wrong one: %v", err)
			}
			w.reaches(s, bridge.StateConnected)
		})
	}
}

func TestPasskeyCallsInTheWrongState(t *testing.T) {
	w := newWorld(t)
	ada := w.passkeyAccount("15550001", sandbox.PasskeyOptions{})
	s := w.create("ada")
	foreign := new(types.WebAuthnResponse)
	both := func(when string, submit, confirm wa.Kind) {
		t.Helper()
		if err := s.SubmitPasskey(w.ctx(), foreign, false); kindOf(err) != submit {
			t.Errorf("%s: submit: %v, want %s", when, err, submit)
		}
		if err := s.ConfirmPasskey(w.ctx(), ""); kindOf(err) != confirm {
			t.Errorf("%s: confirm: %v, want %s", when, err, confirm)
		}
	}
	both("stopped", wa.KindNoPasskeyRequest, wa.KindNoPasskeyRequest)
	if err := s.Connect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.reachesStep(s, bridge.StepQR)
	both("QR code", wa.KindNoPasskeyRequest, wa.KindNoPasskeyRequest)
	if err := s.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	both("disconnected", wa.KindNoPasskeyRequest, wa.KindNoPasskeyRequest)

	w.askForPasskey(s, ada, false)
	if err := s.ConfirmPasskey(w.ctx(), ""); kindOf(err) != wa.KindNoConfirmationDue {
		t.Errorf("confirm before the answer: %v", err)
	}
	if _, _, err := s.RequestPairingCode(w.ctx(), "15550001", false); kindOf(err) != wa.KindPasskeyPending {
		t.Errorf("pairing code in the passkey step: %v", err)
	}
	if err := s.Connect(w.ctx()); err != nil || s.Status().Step.Name != bridge.StepPasskey {
		t.Errorf("connect in the passkey step: %v, %+v", err, s.Status())
	}
	answer := w.sign(s, ada, "")
	if err := s.SubmitPasskey(w.ctx(), answer, true); err != nil {
		t.Fatal(err)
	}
	if err := s.SubmitPasskey(w.ctx(), answer, true); kindOf(err) != wa.KindPasskeyAnswered {
		t.Errorf("answered twice: %v", err)
	}
	if _, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.Step.ConfirmationDue }); err != nil {
		t.Fatal(err)
	}
	if err := s.ConfirmPasskey(w.ctx(), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.ConfirmPasskey(w.ctx(), ""); kindOf(err) == "" {
		t.Errorf("confirmed twice: %v", err)
	}
	w.reaches(s, bridge.StateConnected)
	both("connected", wa.KindNoPasskeyRequest, wa.KindNoPasskeyRequest)
}

func TestPasskeyTimesOut(t *testing.T) {
	short := func(w *world) { w.config.ConfirmTimeout = 200 * time.Millisecond }
	for name, test := range map[string]struct {
		config  func(*world)
		options sandbox.PasskeyOptions
		fault   sandbox.Fault
		answer  bool
		manual  bool
		reason  string
	}{
		"request says how long":      {options: sandbox.PasskeyOptions{Timeout: 200 * time.Millisecond}, reason: "passkey_timeout"},
		"setting says how long":      {config: func(w *world) { w.config.PasskeyTimeout = 200 * time.Millisecond }, reason: "passkey_timeout"},
		"phone does not continue":    {config: short, fault: sandbox.Fault{Kind: sandbox.FaultPasskeyLost, Type: "crsc_continuation"}, answer: true, reason: "confirm_timeout"},
		"caller does not confirm":    {config: short, answer: true, manual: true, reason: "confirm_timeout"},
		"continuation is unreadable": {fault: sandbox.Fault{Kind: sandbox.FaultPasskeyError, Type: "crsc_continuation"}, answer: true, reason: "passkey_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.config != nil {
				w.stop()
				test.config(w)
				w.start()
			}
			ada := w.passkeyAccount("15550001", test.options)
			if test.fault.Kind != "" {
				if _, err := w.net.Inject(test.fault); err != nil {
					t.Fatal(err)
				}
			}
			s := w.askedForPasskey("ada", ada, false)
			answer := w.sign(s, ada, "")
			if test.answer {
				if err := s.SubmitPasskey(w.ctx(), answer, test.manual); err != nil {
					t.Fatal(err)
				}
			}
			st := w.reaches(s, bridge.StateCreated)
			if st.Reason != test.reason || st.Step != (bridge.PairingStep{}) || st.HasClient {
				t.Errorf("afterwards: %+v", st)
			}
			if e := w.reader("ada").of("PairError"); e.data["reason"] != test.reason {
				t.Errorf("event %s", e.Data)
			}
			want := wa.KindPasskeyExpired
			if test.reason == "passkey_failed" {
				want = wa.KindNoPasskeyRequest
			}
			if err := s.SubmitPasskey(w.ctx(), answer, false); kindOf(err) != want {
				t.Errorf("late answer: %v", err)
			}
			w.net.ClearFaults()
			if err := ada.RequirePasskey(sandbox.PasskeyOptions{}); err != nil {
				t.Fatal(err)
			}
			if test.config == nil { // the session can be paired as before
				w.askForPasskey(s, ada, false)
				if err := s.SubmitPasskey(w.ctx(), answer, false); wa.ReasonOf(err) != wa.ReasonBadParam {
					t.Errorf("answer of the earlier pairing: %v", err)
				}
				if err := s.SubmitPasskey(w.ctx(), w.sign(s, ada, ""), false); err != nil {
					t.Fatal(err)
				}
				w.reaches(s, bridge.StateConnected)
			}
		})
	}
}

func TestPasskeyRequestThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	ada := w.passkeyAccount("15550001", sandbox.PasskeyOptions{})
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultPasskeyError, Code: 500}); err != nil {
		t.Fatal(err)
	}
	s := w.create("ada")
	if err := s.Connect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.reachesStep(s, bridge.StepQR)
	if err := ada.ScanQR(w.ctx(), s.QR().Text); err != nil {
		t.Fatal(err)
	}
	if st := w.reaches(s, bridge.StateCreated); st.Reason != "passkey_failed" {
		t.Errorf("afterwards: %+v", st)
	}
}

// TestPasskeyStepIsInterrupted checks that a pairing that ends in the passkey step leaves neither a hanging call nor a
// step.
func TestPasskeyStepIsInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		interrupt func(w *world, s *bridge.Session) error
		reason    string // reason of the resulting state; "" = the session is gone
	}{
		"connection is cut": {func(w *world, _ *bridge.Session) error { w.net.Restart(); return nil }, "connection_lost"},
		"disconnect":        {func(w *world, s *bridge.Session) error { return s.Disconnect(w.ctx()) }, "stopped"},
		"session deleted":   {func(w *world, s *bridge.Session) error { return w.bridge.Delete(w.ctx(), s.ID(), false) }, ""},
		"server restarted":  {func(w *world, _ *bridge.Session) error { w.restart(); return nil }, "restart"},
	} {
		for _, answered := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " after the answer"}[answered], func(t *testing.T) {
				w := newWorld(t)
				ada := w.passkeyAccount("15550001", sandbox.PasskeyOptions{})
				s := w.askedForPasskey("ada", ada, true)
				answer := w.sign(s, ada, "")
				if answered {
					if err := s.SubmitPasskey(w.ctx(), answer, true); err != nil {
						t.Fatal(err)
					}
					w.reachesStep(s, bridge.StepConfirm)
				}
				if err := test.interrupt(w, s); err != nil {
					t.Fatal(err)
				}
				if test.reason == "" {
					if err := s.SubmitPasskey(w.ctx(), answer, false); wa.ReasonOf(err) != wa.ReasonNotFound {
						t.Errorf("answer to a deleted session: %v", err)
					}
					s = w.create("ada")
				} else {
					s = w.session("ada")
					st := w.reaches(s, bridge.StateCreated)
					if test.reason != "restart" && st.Reason != test.reason || st.Step != (bridge.PairingStep{}) || st.Reason == "pairing_timeout" {
						t.Errorf("afterwards: %+v", st)
					}
					if err := s.SubmitPasskey(w.ctx(), answer, false); kindOf(err) != wa.KindNoPasskeyRequest {
						t.Errorf("answer afterwards: %v", err)
					}
					if err := s.ConfirmPasskey(w.ctx(), ""); kindOf(err) != wa.KindNoPasskeyRequest {
						t.Errorf("confirmation afterwards: %v", err)
					}
				}
				w.askForPasskey(s, ada, false)
				if err := s.SubmitPasskey(w.ctx(), w.sign(s, ada, ""), false); err != nil {
					t.Fatal(err)
				}
				w.reaches(s, bridge.StateConnected)
				if len(ada.Companions()) != 1 {
					t.Errorf("linked devices %v", ada.Companions())
				}
			})
		}
	}
}

func TestPasskeyCallsDoNotHang(t *testing.T) {
	for name, interrupt := range map[string]func(w *world, s *bridge.Session) error{
		"connection is cut": func(w *world, _ *bridge.Session) error { w.net.Restart(); return nil },
		"disconnect":        func(w *world, s *bridge.Session) error { return s.Disconnect(w.ctx()) },
		"session deleted":   func(w *world, s *bridge.Session) error { return w.bridge.Delete(w.ctx(), s.ID(), false) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ada := w.passkeyAccount("15550001", sandbox.PasskeyOptions{})
			s := w.askedForPasskey("ada", ada, false)
			// The network reads the answer and sends no more data on the connection.
			if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultStall, Tag: "iq", Type: "set"}); err != nil {
				t.Fatal(err)
			}
			answer, done := w.sign(s, ada, ""), make(chan error, 1)
			go func() { done <- s.SubmitPasskey(w.ctx(), answer, false) }()
			deadline := time.Now().Add(patience)
			for kindOf(s.SubmitPasskey(w.ctx(), new(types.WebAuthnResponse), false)) != wa.KindPasskeyBusy && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			if err := interrupt(w, s); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done:
				if reason := wa.ReasonOf(err); reason != wa.ReasonNotConnected && reason != wa.ReasonNotFound {
					t.Errorf("call on an interrupted pairing: %v", err)
				}
			case <-time.After(patience):
				t.Fatal("the call hangs")
			}
		})
	}
}

func TestTwoSessionsInThePasskeyStep(t *testing.T) {
	w := newWorld(t)
	ada, bea := w.passkeyAccount("15550001", sandbox.PasskeyOptions{}), w.passkeyAccount("15550002", sandbox.PasskeyOptions{})
	// Two sessions of one account, one of another.
	sessions := []*bridge.Session{w.askedForPasskey("one", ada, false), w.askedForPasskey("two", ada, true), w.askedForPasskey("three", bea, false)}
	phones := []*sandbox.Phone{ada, ada, bea}
	for i, s := range sessions {
		for j, other := range sessions {
			if i == j {
				continue
			}
			if err := s.SubmitPasskey(w.ctx(), w.sign(other, phones[j], ""), false); wa.ReasonOf(err) != wa.ReasonBadParam {
				t.Errorf("session %d takes the answer to session %d: %v", i, j, err)
			}
		}
	}
	var wait sync.WaitGroup
	for i, s := range sessions {
		answer := w.sign(s, phones[i], "")
		wait.Go(func() {
			if err := s.SubmitPasskey(w.ctx(), answer, false); err != nil {
				// One authenticator signs for two sessions: its counter may arrive out of order, which WhatsApp
				// rejects.
				if err = s.SubmitPasskey(w.ctx(), w.sign(s, phones[i], ""), false); err != nil {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	wait.Wait()
	for i, s := range sessions {
		if st := w.reaches(s, bridge.StateConnected); st.JID.User != phones[i].JID().User {
			t.Errorf("session %d is %s", i, st.JID)
		}
	}
}
