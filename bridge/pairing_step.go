package bridge

import (
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// StepName says what a pairing waits for.
type StepName string

// The steps of pairing, in order. The last two occur only for accounts of which WhatsApp demands a passkey.
const (
	StepQR      StepName = "qr"      // a phone has to scan the QR code
	StepCode    StepName = "code"    // a pairing code has to be typed into the phone; the QR code may be scanned as well
	StepPasskey StepName = "passkey" // WhatsApp waits for the answer to its WebAuthn request
	StepConfirm StepName = "confirm" // the answer was accepted; phone and client compare a code
)

// Reasons of states and of PairError events in the passkey steps.
const (
	reasonPasskeyTimeout  = "passkey_timeout"  // the request was not answered in time
	reasonPasskeyFailed   = "passkey_failed"   // the exchange with WhatsApp broke off
	reasonConfirmTimeout  = "confirm_timeout"  // no pair-success followed the answer in time
	reasonPasskeyRejected = "passkey_rejected" // WhatsApp refused an answer; the request stays open
)

// PairingStep is where a pairing stands.
type PairingStep struct {
	Name      StepName
	ExpiresAt time.Time // the step ends then
	// Request is the data to sign with the account's passkey; step passkey only.
	Request *PasskeyRequest
	// Code stands on the phone, too; step confirm only, empty until the phone has continued.
	Code string
	// ConfirmationDue says that the pairing waits for ConfirmPasskey.
	ConfirmationDue bool
}

// PasskeyRequest is WhatsApp's WebAuthn request. It does not change.
type PasskeyRequest struct {
	// Options is a PublicKeyCredentialRequestOptionsJSON (WebAuthn level 3, section 5.1.10).
	Options   json.RawMessage
	challenge string // base64url, as in Options
}

func (p PairingStep) ofPasskey() bool { return p.Name == StepPasskey || p.Name == StepConfirm }

// differs reports whether a step is another one, or says something new; a later expiry alone does not.
func (p PairingStep) differs(from PairingStep) bool {
	p.ExpiresAt, from.ExpiresAt = time.Time{}, time.Time{}
	return p != from
}

// fields is the step as events show it. The WebAuthn request and the code to compare are in the status and in signals only: they are of
// use for some minutes, and the journal keeps its events longer.
func (p PairingStep) fields(code PairingCode) fields {
	out := fields{"step": p.Name, "expires_at": p.ExpiresAt, "confirmation_due": p.ConfirmationDue, "code_number": nil, "code_count": nil}
	if !p.ofPasskey() {
		out["code_number"], out["code_count"] = code.Number, code.Of
	}
	return out
}

// passkeyState is the state of the passkey step under way. Guarded by Session.mu.
type passkeyState struct {
	call   *passkeyCall // waits for WhatsApp; one at a time
	manual bool         // the caller wants to confirm although WhatsApp does not ask for it
}

// passkeyCall identifies a call that waits for WhatsApp.
type passkeyCall struct{ method string }

// endSteps forgets the codes and calls of a pairing. The caller holds s.mu.
func (s *Session) endSteps() {
	s.codes, s.codesOf = nil, 0
	s.passkey = passkeyState{}
}

// endPairing forgets what a pairing that is over was allowed, too. The caller holds s.mu.
func (s *Session) endPairing() {
	s.endSteps()
	s.rebind, s.refusedJID = false, types.EmptyJID
}

// enterStep puts a step of the passkey in force and ends the pairing when it takes too long. The caller holds s.mu.
func (s *Session) enterStep(cli *whatsmeow.Client, step PairingStep, timeoutReason string, f fact) {
	s.feed(InputStep, Details{Step: step}, f)
	if s.watchdog != nil {
		s.watchdog.Stop()
	}
	s.watchdog = time.AfterFunc(time.Until(step.ExpiresAt), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cli == cli && s.snap.State == StatePairing && s.snap.Step == step {
			s.failPairing(timeoutReason, "the step "+string(step.Name)+" took too long")
		}
	})
}

// failPairing ends the pairing and closes its connection. The caller holds s.mu.
func (s *Session) failPairing(reason, text string) {
	s.postPairError(reason, text, 0)
	if s.feed(InputPairFailed, Details{Reason: reason}, fact{}) {
		s.dropClient()
	}
}

// postPairError writes a PairError event without an account; code is WhatsApp's, 0 = none. The caller holds s.mu.
func (s *Session) postPairError(reason, text string, code int) {
	s.post(pairErrorRecord(fields{"jid": nil, "lid": nil, "error": text, "reason": reason}, s.snap.Step, code))
}

func pairErrorRecord(data fields, step PairingStep, code int) journal.Record {
	data["step"], data["code"] = wa.OrNull(string(step.Name)), nil
	if code != 0 {
		data["code"] = code
	}
	return journal.Record{Type: "PairError", Origin: journal.OriginWhatsApp, Time: time.Now().UTC(), Data: mustJSON(data)}
}

// codeShown notes that a pairing code was given out.
func (s *Session) codeShown(cli *whatsmeow.Client, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && s.snap.State == StatePairing && !s.snap.Step.ofPasskey() {
		s.feed(InputStep, Details{Code: s.snap.Code, Step: PairingStep{Name: StepCode, ExpiresAt: ends}}, fact{})
	}
}
