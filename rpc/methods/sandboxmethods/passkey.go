package sandboxmethods

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

// sandboxPasskey is the passkey behaviour of an account.
type sandboxPasskey struct {
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty" rpc:"min=0,max=3600" doc:"how long a request may be answered; default 600"`
	InsteadOfCode  bool    `json:"instead_of_code,omitempty" doc:"request the passkey as soon as a pairing code was entered, without verifying the code"`
}

func (p *sandboxPasskey) passkeyOptions() *sandbox.PasskeyOptions {
	if p == nil {
		return nil
	}
	return &sandbox.PasskeyOptions{Timeout: time.Duration(p.TimeoutSeconds * float64(time.Second)), InsteadOfCode: p.InsteadOfCode}
}

type sandboxSetPasskey struct {
	asAccount
	Required bool `json:"required" rpc:"required" doc:"whether devices are linked only with the account's passkey"`
	sandboxPasskey
}

type sandboxPasskeyState struct {
	Required bool    `json:"required" doc:"devices are linked only with the account's passkey"`
	Pending  bool    `json:"pending" doc:"a client has a request for the passkey and is not linked yet"`
	Code     *string `json:"code" doc:"code that the phone shows for comparison; null before it has continued"`
	Handoff  bool    `json:"handoff" doc:"the client proved that its code was scanned or entered"`
}

func describePasskey(p *sandbox.Phone) sandboxPasskeyState {
	state := p.Passkey()
	return sandboxPasskeyState{Required: state.Required, Pending: state.Pending, Code: wa.OrNull(state.Code), Handoff: state.Handoff}
}

type sandboxSignPasskey struct {
	asAccount
	Session   string        `json:"session,omitempty" rpc:"max=100" doc:"session whose request is answered; default the latest request of the account"`
	PublicKey wa.JSONObject `json:"public_key,omitempty" doc:"or the request itself, as in session.getStatus and PasskeyRequest"`
	Wrong     string        `json:"wrong,omitempty" rpc:"enum=challenge|signature|key|origin|rp_id|type|user_presence|user_verification|counter|credential|user_handle" doc:"error in the answer; default none"`
}

func (p *sandboxSignPasskey) resolveSession(b *bridge.Bridge) error {
	if p.Session == "" {
		return nil
	}
	if p.PublicKey != nil {
		return rpc.InvalidParams("/public_key", "exactly one of session and public_key is required")
	}
	s, err := sessionOf(b, p.Session)
	if err != nil {
		return err
	}
	request := s.Status().Step.Request
	if request == nil {
		return rpc.Conflict("the session was not asked for a passkey")
	}
	p.Session, p.PublicKey = "", wa.JSONObject(request.Options)
	return nil
}

type sandboxSignedPasskey struct {
	Response json.RawMessage `json:"response" doc:"WebAuthn assertion; the parameter response of session.submitPasskey"`
}

// signedCredential is an assertion in the form of PublicKeyCredential.toJSON; the members it adds are not sent to
// WhatsApp.
type signedCredential struct {
	*types.WebAuthnResponse
	Attachment string         `json:"authenticatorAttachment"`
	Extensions map[string]any `json:"clientExtensionResults"`
}

func registerPasskey(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "setPasskey", "Set whether an account links devices only with its passkey.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxSetPasskey) (result sandboxPasskeyState, err error) {
			if p.Required {
				err = phone.RequirePasskey(*p.passkeyOptions())
			} else {
				phone.DropPasskey()
			}
			return describePasskey(phone), err
		})
	onPhone(reg, d, "signPasskey", "Answer a passkey request as a page on WhatsApp's own web origin would, or with an error in the answer.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxSignPasskey) (result sandboxSignedPasskey, err error) {
			var options *types.WebAuthnPublicKey
			if p.PublicKey != nil {
				options = new(types.WebAuthnPublicKey)
				if err = json.Unmarshal(p.PublicKey, options); err != nil {
					return result, rpc.InvalidParams("/public_key", "is not a WebAuthn request")
				}
			}
			answer, err := phone.SignPasskey(options, sandbox.PasskeyMistake(p.Wrong))
			if err != nil {
				return result, err
			}
			result.Response, err = json.Marshal(signedCredential{answer, "platform", map[string]any{}})
			return result, err
		})
}
