package bridge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// passkeyRequested handles WhatsApp's request for the account's passkey after a phone has accepted the session.
// whatsmeow has made a new pairing secret, so that codes displayed before no longer link a device.
func (s *Session) passkeyRequested(cli *whatsmeow.Client, e *events.PairPasskeyRequest) {
	request, err := newPasskeyRequest(e.PublicKey)
	if err != nil {
		s.passkeyFailed(cli, err)
		return
	}
	limit := s.b.cfg.PasskeyTimeout
	if asked := time.Duration(e.PublicKey.Timeout) * time.Millisecond; asked > 0 {
		limit = min(limit, asked)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted || s.snap.State != StatePairing && s.snap.State != StateConnecting {
		return
	}
	var withdrawn StepName
	if !s.snap.Step.ofPasskey() {
		withdrawn = s.snap.Step.Name
	}
	s.endSteps()
	now := time.Now().UTC()
	step := PairingStep{Name: StepPasskey, ExpiresAt: now.Add(limit), Request: request}
	s.enterStep(cli, step, reasonPasskeyTimeout, fact{data: map[string]any{"withdrawn": wa.OrNull(string(withdrawn))}})
	s.b.journal.Signal(journal.Signal{Session: s.id, Type: "PasskeyRequest", Time: now, Data: mustJSON(fields{
		"public_key": request.Options, "expires_at": step.ExpiresAt, "withdrawn": wa.OrNull(string(withdrawn)),
	})})
}

// newPasskeyRequest converts WhatsApp's request into the form that PublicKeyCredential.parseRequestOptionsFromJSON
// accepts.
func newPasskeyRequest(key *types.WebAuthnPublicKey) (*PasskeyRequest, error) {
	if key == nil || len(key.Challenge) == 0 {
		return nil, errors.New("WhatsApp's passkey request has no challenge")
	}
	allowed := make([]map[string]any, 0, len(key.AllowCredentials))
	for _, c := range key.AllowCredentials {
		credential := map[string]any{"id": c.ID, "type": c.Type}
		if c.Transports != nil {
			credential["transports"] = c.Transports
		}
		allowed = append(allowed, credential)
	}
	options := map[string]any{"challenge": key.Challenge, "rpId": key.RelyingPartID, "allowCredentials": allowed, "userVerification": key.UserVerification}
	if key.Timeout > 0 {
		options["timeout"] = key.Timeout
	}
	if key.Extensions != nil {
		options["extensions"] = key.Extensions
	}
	encoded, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	return &PasskeyRequest{Options: encoded, challenge: base64.RawURLEncoding.EncodeToString(key.Challenge)}, nil
}

// passkeyContinued handles WhatsApp's acceptance of the answer; the phone has sent its part of the code.
func (s *Session) passkeyContinued(cli *whatsmeow.Client, e *events.PairPasskeyConfirmation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted || s.snap.State != StatePairing || !s.snap.Step.ofPasskey() {
		return
	}
	now := time.Now().UTC()
	step := PairingStep{
		Name: StepConfirm, ExpiresAt: now.Add(s.b.cfg.ConfirmTimeout), Code: e.Code, ConfirmationDue: !e.SkipHandoffUX || s.passkey.manual,
	}
	s.enterStep(cli, step, reasonConfirmTimeout, fact{})
	s.b.journal.Signal(journal.Signal{Session: s.id, Type: "PasskeyConfirmation", Time: now, Data: mustJSON(fields{
		"code": step.Code, "confirmation_due": step.ConfirmationDue, "expires_at": step.ExpiresAt,
	})})
	if step.ConfirmationDue {
		return
	}
	s.b.spawn(func() {
		ctx, cancel := context.WithDeadline(s.b.ctx, step.ExpiresAt)
		defer cancel()
		if err := cli.SendPasskeyConfirmation(ctx); err != nil {
			s.passkeyFailed(cli, err)
		}
	})
}

// passkeyFailed ends the pairing, which whatsmeow cannot continue.
func (s *Session) passkeyFailed(cli *whatsmeow.Client, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted || s.snap.State != StatePairing {
		return
	}
	if wa.ConnectionLost(cause) || wa.ReasonOf(wa.Wrap("pair", cause)) == wa.ReasonNotConnected || errors.Is(cause, context.Canceled) {
		s.failPairing(reasonConnectionLost, "the connection ended in the passkey step")
		return
	}
	s.log().Warn("the passkey step failed", "error", cause)
	s.failPairing(reasonPasskeyFailed, "the passkey exchange with WhatsApp broke off")
}

// SubmitPasskey answers the request of the step passkey. It returns when WhatsApp has accepted the answer; pairing then
// continues, or waits for ConfirmPasskey if WhatsApp or manual requires it. After an answer that WhatsApp rejects, the
// request stays open. ctx bounds the wait.
func (s *Session) SubmitPasskey(ctx context.Context, answer *types.WebAuthnResponse, manual bool) error {
	s.mu.Lock()
	cli, step := s.cli, s.snap.Step
	call, err := s.beginPasskeyCall("session.submitPasskey", StepPasskey)
	if err == nil {
		s.passkey.manual = manual // set before WhatsApp can continue
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer s.endPasskeyCall(call)
	if err := step.Request.answers(answer); err != nil {
		return err
	}
	if err := cli.SendPasskeyResponse(ctx, answer); err != nil {
		return s.passkeyRefused(cli, "submit the passkey answer", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && s.snap.State == StatePairing && s.snap.Step == step { // otherwise the phone has continued already
		s.enterStep(cli, PairingStep{Name: StepConfirm, ExpiresAt: time.Now().UTC().Add(s.b.cfg.ConfirmTimeout)}, reasonConfirmTimeout, fact{})
	}
	return nil
}

// answers rejects an answer to another request. WhatsApp would only report it as wrong.
func (r *PasskeyRequest) answers(answer *types.WebAuthnResponse) error {
	var signed struct {
		Challenge string `json:"challenge"`
	}
	_ = json.Unmarshal(answer.Response.ClientDataJSON, &signed) // ParsePasskeyAnswer has validated it
	if strings.TrimRight(signed.Challenge, "=") != r.challenge {
		return wa.BadParam("response/response/clientDataJSON", "signs another challenge than that of the present passkey request; session.getStatus shows it")
	}
	return nil
}

// ConfirmPasskey confirms that the phone shows the code of the step confirm. A non-empty code must equal that code;
// dashes, spaces and case are ignored. ctx bounds the wait.
func (s *Session) ConfirmPasskey(ctx context.Context, code string) error {
	s.mu.Lock()
	cli, step := s.cli, s.snap.Step
	call, err := s.beginPasskeyCall("session.confirmPasskey", StepConfirm)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer s.endPasskeyCall(call)
	if code != "" && plainCode(code) != plainCode(step.Code) {
		return wa.BadParam("code", "is not the code that session.getStatus shows; do not confirm when the phone shows another one")
	}
	if err := cli.SendPasskeyConfirmation(ctx); err != nil {
		return s.passkeyRefused(cli, "confirm the passkey", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && s.snap.State == StatePairing && s.snap.Step == step {
		s.enterStep(cli, PairingStep{Name: StepConfirm, ExpiresAt: time.Now().UTC().Add(s.b.cfg.ConfirmTimeout), Code: step.Code}, reasonConfirmTimeout, fact{})
	}
	return nil
}

func plainCode(code string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
}

// beginPasskeyCall admits a call in its step, at most one at a time. The caller holds s.mu.
func (s *Session) beginPasskeyCall(method string, in StepName) (*passkeyCall, error) {
	step := s.snap.Step
	refuse := func(kind wa.Kind, text string) (*passkeyCall, error) {
		return nil, &wa.Error{Reason: wa.ReasonConflict, Kind: kind, Message: text}
	}
	switch {
	case s.deleted:
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such session")
	case s.snap.State != StatePairing && (s.snap.Reason == reasonPasskeyTimeout || s.snap.Reason == reasonConfirmTimeout):
		return refuse(wa.KindPasskeyExpired, "the passkey request has expired: call session.connect and let the phone scan a new code")
	case s.snap.State != StatePairing || !step.ofPasskey() || s.cli == nil:
		return refuse(wa.KindNoPasskeyRequest, "WhatsApp has not asked this session for a passkey")
	case s.passkey.call != nil:
		return refuse(wa.KindPasskeyBusy, s.passkey.call.method+" is waiting for WhatsApp")
	case in == StepPasskey && step.Name != StepPasskey:
		return refuse(wa.KindPasskeyAnswered, "WhatsApp has accepted an answer to this request already")
	case in == StepConfirm && !step.ConfirmationDue:
		return refuse(wa.KindNoConfirmationDue, "the pairing does not wait for a confirmation")
	}
	s.passkey.call = &passkeyCall{method: method}
	return s.passkey.call, nil
}

func (s *Session) endPasskeyCall(call *passkeyCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passkey.call == call {
		s.passkey.call = nil
	}
}

// passkeyRefused converts WhatsApp's error answer to a call of the passkey step into an error of this package. The step
// stays open.
func (s *Session) passkeyRefused(cli *whatsmeow.Client, what string, cause error) error {
	var refused *whatsmeow.IQError
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if !errors.As(cause, &refused) {
		return wa.Wrap(what, cause)
	}
	if s.cli == cli && s.snap.State == StatePairing {
		s.postPairError(reasonPasskeyRejected, "WhatsApp refused to "+what, refused.Code)
	}
	return &wa.Error{
		Reason: wa.ReasonWhatsApp, Kind: wa.KindPasskeyRejected, WACode: refused.Code, Err: cause,
		Message: "could not " + what + ": WhatsApp refused it; the request stays open until it expires",
	}
}
