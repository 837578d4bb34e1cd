package bridge

import (
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// StepName is the step that a pairing waits for.
type StepName string

// The steps of pairing, in order. The last two occur only for accounts for which WhatsApp requires a passkey.
const (
	StepQR      StepName = "qr"      // a phone must scan the QR code
	StepCode    StepName = "code"    // a pairing code must be typed into the phone; scanning the QR code also works
	StepPasskey StepName = "passkey" // WhatsApp waits for the answer to its WebAuthn request
	StepConfirm StepName = "confirm" // the answer was accepted; phone and client compare a code
)

// Reasons of states and of PairError events in the passkey steps.
const (
	reasonPasskeyTimeout  = "passkey_timeout"  // the request was not answered in time
	reasonPasskeyFailed   = "passkey_failed"   // the exchange with WhatsApp failed
	reasonConfirmTimeout  = "confirm_timeout"  // no pair-success followed the answer in time
	reasonPasskeyRejected = "passkey_rejected" // WhatsApp rejected an answer; the request stays open
)

// PairingStep is the current step of a pairing.
type PairingStep struct {
	Name      StepName
	ExpiresAt time.Time // end of the step
	// Request is the data to sign with the account's passkey; step passkey only.
	Request *PasskeyRequest
	// Code is also displayed by the phone; step confirm only, empty until the phone has continued.
	Code string
	// ConfirmationDue means that the pairing waits for ConfirmPasskey.
	ConfirmationDue bool
}

// PasskeyRequest is WhatsApp's WebAuthn request. It is immutable.
type PasskeyRequest struct {
	// Options is a PublicKeyCredentialRequestOptionsJSON (WebAuthn level 3, section 5.1.10).
	Options   json.RawMessage
	challenge string // base64url, as in Options
}

func (p PairingStep) ofPasskey() bool { return p.Name == StepPasskey || p.Name == StepConfirm }

// differs reports whether a step differs in more than its expiry.
func (p PairingStep) differs(from PairingStep) bool {
	p.ExpiresAt, from.ExpiresAt = time.Time{}, time.Time{}
	return p != from
}

// fields returns the step in the form of events. The WebAuthn request and the code to compare are in the status and in
// signals only: they are valid for some minutes, and the journal keeps its events longer.
func (p PairingStep) fields(code PairingCode) fields {
	out := fields{"step": p.Name, "expires_at": p.ExpiresAt, "confirmation_due": p.ConfirmationDue, "code_number": nil, "code_count": nil}
	if !p.ofPasskey() {
		out["code_number"], out["code_count"] = code.Number, code.Of
	}
	return out
}

// passkeyState is the state of the passkey step in progress. Guarded by Session.mu.
type passkeyState struct {
	call   *passkeyCall // the call that waits for WhatsApp; at most one
	manual bool         // the caller wants to confirm although WhatsApp does not request it
}

// passkeyCall identifies a call that waits for WhatsApp.
type passkeyCall struct{ method string }

// endSteps clears the codes and calls of a pairing. The caller holds s.mu.
func (s *Session) endSteps() {
	s.codes, s.codesOf = nil, 0
	s.passkey = passkeyState{}
}

// endPairing clears the codes, the calls and the permission to rebind of a pairing that is over. The caller holds s.mu.
func (s *Session) endPairing() {
	s.endSteps()
	s.rebind, s.refusedJID = false, types.EmptyJID
}

// enterStep starts a passkey step and its timeout, which ends the pairing. The caller holds s.mu.
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

// postPairError records a PairError event without an account; code is WhatsApp's, 0 = none. The caller holds s.mu.
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

// codeShown records that a pairing code was returned to a caller.
func (s *Session) codeShown(cli *whatsmeow.Client, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && s.snap.State == StatePairing && !s.snap.Step.ofPasskey() {
		s.feed(InputStep, Details{Code: s.snap.Code, Step: PairingStep{Name: StepCode, ExpiresAt: ends}}, fact{})
	}
}
