package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/types"
)

// Values of WhatsApp's request: the relying party, and the only web origin on which a browser lets a page sign for it.
const (
	passkeyRelyingParty = "whatsapp.com"
	passkeyOrigin       = "https://web.whatsapp.com"
	passkeyType         = "public-key"
	assertionType       = "webauthn.get"
)

// Flags of authenticator data (WebAuthn level 2, section 6.1).
const (
	flagUserPresent  = 0x01
	flagUserVerified = 0x04
)

// authenticatorDataSize is the size of authenticator data without extensions: hash of the relying party 32, flags 1, counter 4 bytes.
const authenticatorDataSize = 37

// passkey is the key pair of an account's phone, with the server's counters for it. Guarded by Network.mu.
type passkey struct {
	options    PasskeyOptions
	private    *ecdsa.PrivateKey
	credential []byte
	userHandle []byte
	signed     uint32 // counter of the authenticator: how often it signed
	accepted   uint32 // counter of the latest assertion that the server accepted
}

func newPasskey(random *entropy, options PasskeyOptions) (*passkey, error) {
	// A scalar that is zero or not below the order of the curve is refused; the chance is about 2^-32 a try.
	for range 8 {
		if private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), random.bytes(32)); err == nil {
			return &passkey{
				options: options, private: private, credential: random.bytes(32), userHandle: random.bytes(16),
				signed: 1, accepted: 1, // the registration
			}, nil
		}
	}
	return nil, errors.New("sandbox: cannot generate a passkey: no valid scalar in 8 attempts")
}

// PasskeyMistake is an error that SignPasskey puts into an assertion.
type PasskeyMistake string

// Mistakes of SignPasskey. The zero value is a correct assertion.
const (
	MistakeChallenge        PasskeyMistake = "challenge"         // signs another challenge
	MistakeSignature        PasskeyMistake = "signature"         // one byte of the signature is changed
	MistakeKey              PasskeyMistake = "key"               // signed by another key
	MistakeOrigin           PasskeyMistake = "origin"            // made on another web origin
	MistakeRelyingParty     PasskeyMistake = "rp_id"             // made for another relying party
	MistakeType             PasskeyMistake = "type"              // client data of a registration
	MistakeUserPresence     PasskeyMistake = "user_presence"     // flag "user present" is not set
	MistakeUserVerification PasskeyMistake = "user_verification" // flag "user verified" is not set
	MistakeCounter          PasskeyMistake = "counter"           // counter does not advance
	MistakeCredential       PasskeyMistake = "credential"        // id of another credential
	MistakeUserHandle       PasskeyMistake = "user_handle"       // handle of another user
)

// PasskeyMistakes lists every mistake.
func PasskeyMistakes() []PasskeyMistake {
	return []PasskeyMistake{
		MistakeChallenge, MistakeSignature, MistakeKey, MistakeOrigin, MistakeRelyingParty, MistakeType, MistakeUserPresence, MistakeUserVerification,
		MistakeCounter, MistakeCredential, MistakeUserHandle,
	}
}

// clientData is the JSON that a browser signs (WebAuthn level 2, section 5.8.1).
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// sign creates an assertion as a browser and an authenticator would for a page on WhatsApp's origin. Call under Network.mu.
func (k *passkey) sign(challenge []byte, mistake PasskeyMistake, random *entropy) (*types.WebAuthnResponse, error) {
	data := clientData{Type: assertionType, Challenge: base64.RawURLEncoding.EncodeToString(challenge), Origin: passkeyOrigin}
	relyingParty, flags, signer := passkeyRelyingParty, byte(flagUserPresent|flagUserVerified), k.private
	credential, handle := k.credential, k.userHandle
	k.signed++
	counter := k.signed
	switch mistake {
	case "", MistakeSignature:
	case MistakeChallenge:
		data.Challenge = base64.RawURLEncoding.EncodeToString(random.bytes(32))
	case MistakeKey:
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("sandbox: sign a passkey assertion: %w", err)
		}
		signer = other
	case MistakeOrigin:
		data.Origin = "https://whatsapp.example"
	case MistakeRelyingParty:
		relyingParty = "whatsapp.example"
	case MistakeType:
		data.Type = "webauthn.create"
	case MistakeUserPresence:
		flags &^= flagUserPresent
	case MistakeUserVerification:
		flags &^= flagUserVerified
	case MistakeCounter:
		counter = k.accepted
	case MistakeCredential:
		credential = random.bytes(len(credential))
	case MistakeUserHandle:
		handle = random.bytes(len(handle))
	default:
		return nil, fmt.Errorf("sandbox: %w: unknown mistake %q", ErrBadPasskey, mistake)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("sandbox: sign a passkey assertion: %w", err)
	}
	party := sha256.Sum256([]byte(relyingParty))
	authenticator := binary.BigEndian.AppendUint32(append(party[:], flags), counter)
	digest := assertionDigest(authenticator, encoded)
	signature, err := ecdsa.SignASN1(rand.Reader, signer, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sandbox: sign a passkey assertion: %w", err)
	}
	if mistake == MistakeSignature {
		signature[len(signature)-1] ^= 1
	}
	response := &types.WebAuthnResponse{ID: base64.RawURLEncoding.EncodeToString(credential), RawID: credential, Type: passkeyType}
	response.Response.ClientDataJSON, response.Response.AuthenticatorData, response.Response.Signature = encoded, authenticator, signature
	response.Response.UserHandle = (*unpadded)(&handle)
	return response, nil
}

// assertionDigest returns the digest that the authenticator signs: SHA-256 over authenticatorData || SHA-256(clientDataJSON).
func assertionDigest(authenticator, encoded []byte) [32]byte {
	hash := sha256.Sum256(encoded)
	return sha256.Sum256(slices.Concat(authenticator, hash[:]))
}

// verify checks an assertion as a relying party does (WebAuthn level 2, section 7.2) and records its counter. The error wraps ErrBadPasskey.
func (k *passkey) verify(response *types.WebAuthnResponse, challenge []byte) error {
	data, authenticator := response.Response.ClientDataJSON, []byte(response.Response.AuthenticatorData)
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrBadPasskey, what) }
	var client clientData
	if response.Type != passkeyType || json.Unmarshal(data, &client) != nil || len(authenticator) < authenticatorDataSize {
		return bad("not an assertion")
	}
	if !slices.Equal(response.RawID, k.credential) || response.ID != base64.RawURLEncoding.EncodeToString(k.credential) {
		return bad("unknown credential")
	}
	if handle := response.Response.UserHandle; handle != nil && !slices.Equal(*handle, k.userHandle) {
		return bad("handle of another user")
	}
	party := sha256.Sum256([]byte(passkeyRelyingParty))
	flags, counter := authenticator[32], binary.BigEndian.Uint32(authenticator[33:37])
	switch {
	case client.Type != assertionType:
		return bad("client data of another type")
	case client.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return bad("another challenge")
	case client.Origin != passkeyOrigin || client.CrossOrigin:
		return bad("another origin")
	case !slices.Equal(authenticator[:32], party[:]):
		return bad("another relying party")
	case flags&flagUserPresent == 0:
		return bad("user not present")
	case flags&flagUserVerified == 0:
		return bad("user not verified")
	}
	digest := assertionDigest(authenticator, data)
	if !ecdsa.VerifyASN1(&k.private.PublicKey, digest[:], response.Response.Signature) {
		return bad("wrong signature")
	}
	if counter <= k.accepted && (counter != 0 || k.accepted != 0) {
		return bad("counter does not advance")
	}
	k.accepted = counter
	return nil
}
