package sandboxmethods

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

type sandboxAccount struct {
	Account  string              `json:"account" doc:"phone number JID"`
	LID      string              `json:"lid" doc:"LID"`
	PushName string              `json:"push_name" doc:"name shown to others"`
	Devices  []string            `json:"devices" doc:"linked devices, without the phone"`
	Timer    int                 `json:"disappearing_seconds" doc:"timer of the messages in new chats; 0 = off"`
	History  sandboxHistoryFiles `json:"history" doc:"files with history that the phone sent to linked devices"`
	Passkey  sandboxPasskeyState `json:"passkey" doc:"passkey step of pairing, as shown by the phone"`
}

type sandboxHistoryFiles struct {
	Sent      int `json:"sent" doc:"number of files; small parts are sent without one"`
	Downloads int `json:"downloads" doc:"downloads of these files"`
}

func describeAccount(p *sandbox.Phone) sandboxAccount {
	a := sandboxAccount{Account: p.JID().String(), LID: p.LID().String(), PushName: p.PushName(), Devices: []string{}, Timer: p.DefaultTimer(), Passkey: describePasskey(p)}
	a.History.Sent, a.History.Downloads = p.HistoryFiles()
	for _, device := range p.Companions() {
		a.Devices = append(a.Devices, device.String())
	}
	return a
}

type sandboxCreateAccount struct {
	Number       string          `json:"number" rpc:"required,min=5,max=30" doc:"international phone number"`
	PushName     string          `json:"push_name,omitempty" rpc:"max=100" doc:"name shown to others; default the number"`
	BusinessName string          `json:"business_name,omitempty" rpc:"max=100" doc:"makes it a business account"`
	Passkey      *sandboxPasskey `json:"passkey,omitempty" doc:"an object, which may be empty, makes the account link devices only with its passkey"`
	ContactSalt  *bool           `json:"contact_salt,omitempty" doc:"whether the account has the salt of tokens for first contacts (cstoken); default true"`
	AutoReply    string          `json:"auto_reply,omitempty" rpc:"enum=echo|none" doc:"echo answers every message with its text, except automatic replies; default none"`
}

type sandboxScan struct {
	asAccount
	Session string `json:"session,omitempty" rpc:"max=100" doc:"session that shows the code; alternative to qr"`
	QR      string `json:"qr,omitempty" rpc:"max=2048" doc:"content of the QR code"`
}

func (p *sandboxScan) Validate() error {
	if (p.Session == "") == (p.QR == "") {
		return rpc.InvalidParams("", "exactly one of session and qr is required")
	}
	return nil
}

func (p *sandboxScan) resolveSession(b *bridge.Bridge) error {
	if p.Session == "" {
		return nil
	}
	s, err := sessionOf(b, p.Session)
	if err != nil {
		return err
	}
	code := s.Status().Code.Text
	if code == "" {
		return rpc.Conflict("the session shows no pairing code; connect it first")
	}
	p.Session, p.QR = "", code
	return nil
}

type sandboxEnterCode struct {
	asAccount
	Code string `json:"code" rpc:"required,min=8,max=9" doc:"the eight characters from session.requestPairingCode"`
}

type sandboxUnlink struct {
	asAccount
	Device string `json:"device,omitempty" rpc:"max=100" doc:"linked device, as sandbox.getAccount lists it; default all"`
}

type sandboxAutoReply struct {
	asAccount
	Mode string `json:"mode" rpc:"required,enum=echo|none" doc:"echo answers every message with its text, except automatic replies"`
}

type sandboxSetPresence struct {
	asAccount
	Available bool `json:"available" rpc:"required" doc:"whether the person is online"`
}

func sessionOf(b *bridge.Bridge, id string) (*bridge.Session, error) {
	if b == nil {
		return nil, rpc.InvalidParams("/session", "there are no sessions in the sandbox's own process")
	}
	return b.Session(id)
}

func registerAccounts(reg *rpc.Registry, d Deps) {
	onNetwork(reg, d, "createAccount", "Register a number on the simulated network, with a phone.",
		func(_ context.Context, n *sandbox.Network, p *sandboxCreateAccount) (result sandboxAccount, err error) {
			phone, err := n.AddAccount(sandbox.AccountOptions{
				Number: plainNumber(p.Number), PushName: p.PushName, BusinessName: p.BusinessName, Passkey: p.Passkey.passkeyOptions(),
				NoContactSalt: p.ContactSalt != nil && !*p.ContactSalt,
			})
			if err != nil {
				return result, at("/number", err)
			}
			if p.AutoReply == "echo" {
				phone.AutoReply(sandbox.Echo)
			}
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "getAccount", "Show an account of the simulated network.",
		func(_ context.Context, phone *sandbox.Phone, _ *asAccount) (sandboxAccount, error) {
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "scanQrCode", "Scan a session's QR code with the account's phone. This links the session or, if the account requires it, requests the passkey.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxScan) (result sandboxAccount, err error) {
			if err := phone.ScanQR(ctx, p.QR); err != nil {
				return result, at("/qr", err)
			}
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "enterPairingCode", "Enter a session's pairing code on the account's phone. This links the session or, if the account requires it, requests the passkey.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxEnterCode) (result sandboxAccount, err error) {
			if err := phone.EnterCode(ctx, p.Code); err != nil {
				return result, at("/code", err)
			}
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "unlinkDevice", "Remove linked devices on the account's phone; their sessions are logged out.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxUnlink) (result sandboxAccount, err error) {
			devices := phone.Companions()
			if p.Device != "" {
				device, err := types.ParseJID(p.Device)
				if err != nil {
					return result, rpc.InvalidParams("/device", "is not the JID of a device")
				}
				devices = []types.JID{device}
			}
			for _, device := range devices {
				if err := phone.Unlink(device); err != nil {
					return result, err
				}
			}
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "changeIdentity", "Reinstall WhatsApp on the account's phone: it gets a new identity key, its linked devices are logged out, and accounts that know it are notified (event IdentityChange).",
		func(_ context.Context, phone *sandbox.Phone, _ *asAccount) (result sandboxAccount, err error) {
			if err := phone.ChangeIdentity(); err != nil {
				return result, err
			}
			return describeAccount(phone), nil
		})
	onPhone(reg, d, "setRequestMode", "Set how the account's phone treats requests of its linked devices for history, app state and keys.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRequestMode) (done, error) {
			phone.SetRequestMode(requestModes[p.Mode])
			return did(nil)
		})
	registerBusiness(reg, d)
	onPhone(reg, d, "setAutoReply", "Switch automatic replies of the account's phone on or off.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxAutoReply) (done, error) {
			if p.Mode == "echo" {
				phone.AutoReply(sandbox.Echo)
			} else {
				phone.AutoReply(nil)
			}
			return did(nil)
		})
	onPhone(reg, d, "setPresence", "Set an account online or offline.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxSetPresence) (done, error) {
			return did(phone.SetAvailable(p.Available))
		})
}
