package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"go.mau.fi/util/jsonbytes"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/transports/kit/refusal"
)

// Bounds of the parts of a WebAuthn assertion, in bytes: the largest sizes that the specification allows or
// authenticators produce, with a margin.
const (
	maxCredentialID      = 1023 // WebAuthn level 2, section 4
	maxClientData        = 8 << 10
	maxAuthenticatorData = 4 << 10 // 37 and extensions
	minAuthenticatorData = 37
	maxSignature         = 4 << 10
	maxUserHandle        = 64 // WebAuthn level 2, section 5.4.3
)

// answerJSON is an AuthenticationResponseJSON (WebAuthn level 3, section 5.1.8.1), as produced by
// PublicKeyCredential.toJSON. Other members, such as clientExtensionResults, are not sent to WhatsApp.
type answerJSON struct {
	ID       any            `json:"id"`
	RawID    any            `json:"rawId"`
	Type     any            `json:"type"`
	Response map[string]any `json:"response"`
}

// ParsePasskeyAnswer parses a WebAuthn assertion. The error is a refusal.Problems with every invalid field.
func ParsePasskeyAnswer(raw json.RawMessage) (*types.WebAuthnResponse, error) {
	var bad refusal.Problems
	var in answerJSON
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		bad.Add("", "must be an object: the result of PublicKeyCredential.toJSON()")
		return nil, bad
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		bad.Add("response", "must be an object with clientDataJSON, authenticatorData and signature")
		return nil, bad
	}
	out := &types.WebAuthnResponse{Type: "public-key"}
	out.RawID = readBytes(&bad, "rawId", in.RawID, 1, maxCredentialID)
	if id := readBytes(&bad, "id", in.ID, 1, maxCredentialID); id != nil && out.RawID != nil && !bytes.Equal(id, out.RawID) {
		bad.Add("id", "is not the same credential as rawId")
	}
	out.ID, _ = in.ID.(string)
	if in.Type != out.Type {
		bad.Add("type", `must be "public-key"`)
	}
	if in.Response == nil {
		bad.Add("response", "is required")
		return nil, bad
	}
	r := &out.Response
	r.ClientDataJSON = readBytes(&bad, "response/clientDataJSON", in.Response["clientDataJSON"], 1, maxClientData)
	r.AuthenticatorData = readBytes(&bad, "response/authenticatorData", in.Response["authenticatorData"], minAuthenticatorData, maxAuthenticatorData)
	r.Signature = readBytes(&bad, "response/signature", in.Response["signature"], 1, maxSignature)
	if handle := in.Response["userHandle"]; handle != nil {
		value := readBytes(&bad, "response/userHandle", handle, 0, maxUserHandle)
		r.UserHandle = &value
	}
	if r.ClientDataJSON != nil {
		checkClientData(&bad, r.ClientDataJSON)
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// readBytes decodes base64url without padding; it returns nil if the value is invalid.
func readBytes(bad *refusal.Problems, field string, value any, least, most int) jsonbytes.UnpaddedURLBytes {
	text, ok := value.(string)
	switch {
	case value == nil || ok && text == "" && least > 0:
		bad.Add(field, "is required")
		return nil
	case !ok:
		bad.Add(field, "must be a string in base64url without padding")
		return nil
	case len(text) > base64.RawURLEncoding.EncodedLen(most):
		bad.Add(field, fmt.Sprintf("is longer than %d bytes", most))
		return nil
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		bad.Add(field, "must be base64url without padding (RFC 4648, section 5)")
		return nil
	case len(decoded) < least:
		bad.Add(field, fmt.Sprintf("is shorter than %d bytes", least))
		return nil
	}
	return decoded
}

// checkClientData checks the members written by the browser except the origin, which only WhatsApp can judge.
func checkClientData(bad *refusal.Problems, encoded []byte) {
	const field = "response/clientDataJSON"
	var data struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		Origin    string `json:"origin"`
	}
	switch err := json.Unmarshal(encoded, &data); {
	case err != nil:
		bad.Add(field, "does not hold JSON")
	case data.Type != "webauthn.get":
		bad.Add(field, `must have the type "webauthn.get": an assertion, not a registration`)
	case data.Challenge == "" || data.Origin == "":
		bad.Add(field, "lacks challenge or origin")
	}
}
