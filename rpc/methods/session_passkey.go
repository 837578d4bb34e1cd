package methods

import (
	"context"
	"encoding/json"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type submitPasskeyParams struct {
	Response wa.JSONObject `json:"response" rpc:"required" doc:"WebAuthn assertion as returned by PublicKeyCredential.toJSON(): id, rawId, type, response{clientDataJSON, authenticatorData, signature, userHandle}, in base64url without padding"`
	Confirm  string        `json:"confirm" rpc:"enum=auto|manual" doc:"manual = wait for session.confirmPasskey even where WhatsApp permits to skip it; default auto"`
}

type confirmPasskeyParams struct {
	Code string `json:"code" rpc:"max=20" doc:"the code that the phone shows, to be compared with that of the session; default: the caller has compared"`
}

func registerSessionPasskey(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.submitPasskey", Timeout: pairingTimeout, Summary: "Answer WhatsApp's passkey request in the pairing step passkey."}, submitPasskey)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.confirmPasskey", Timeout: pairingTimeout, Summary: "Confirm in the pairing step confirm that the phone shows the same code."},
		func(ctx context.Context, s *bridge.Session, p *confirmPasskeyParams) (statusResult, error) {
			if err := s.ConfirmPasskey(ctx, p.Code); err != nil {
				return statusResult{}, err
			}
			return statusResult{Status: shapeStatus(s.Status())}, nil
		})
}

func submitPasskey(ctx context.Context, s *bridge.Session, p *submitPasskeyParams) (statusResult, error) {
	answer, err := bridge.ParsePasskeyAnswer(json.RawMessage(p.Response))
	if refused := shared.RefusedFields("/response", err); refused != nil {
		return statusResult{}, refused
	}
	if err == nil {
		err = s.SubmitPasskey(ctx, answer, p.Confirm == "manual")
	}
	if err != nil {
		return statusResult{}, err
	}
	return statusResult{Status: shapeStatus(s.Status())}, nil
}

// pairingStep is the step at which a pairing waits.
type pairingStep struct {
	Step             string          `json:"step" doc:"qr, code, passkey or confirm"`
	ExpiresAt        time.Time       `json:"expires_at" doc:"when the step ends"`
	CodeNumber       *int            `json:"code_number" doc:"number of the current QR code, from 1; null in the steps passkey and confirm"`
	CodeCount        *int            `json:"code_count" doc:"number of codes before pairing ends"`
	PublicKey        json.RawMessage `json:"public_key" doc:"step passkey: WebAuthn request for PublicKeyCredential.parseRequestOptionsFromJSON; answer it with session.submitPasskey"`
	ConfirmationCode *string         `json:"confirmation_code" doc:"step confirm: the code that the phone shows, too; null until the phone has continued"`
	ConfirmationDue  bool            `json:"confirmation_due" doc:"step confirm: session.confirmPasskey has to be called"`
}

func shapePairing(st bridge.Status) *pairingStep {
	if st.State != bridge.StatePairing {
		return nil
	}
	out := &pairingStep{
		Step: string(st.Step.Name), ExpiresAt: st.Step.ExpiresAt.UTC(), ConfirmationCode: shared.Optional(st.Step.Code), ConfirmationDue: st.Step.ConfirmationDue,
	}
	if st.Code.Number > 0 {
		out.CodeNumber, out.CodeCount = &st.Code.Number, &st.Code.Of
	}
	if request := st.Step.Request; request != nil {
		out.PublicKey = request.Options
	}
	return out
}
