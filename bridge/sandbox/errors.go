package sandbox

import "errors"

// Errors of the Go API.
var (
	// ErrNoAccount: the network has no such account.
	ErrNoAccount = errors.New("no such account")
	// ErrBadJID: the text is not a JID or number, or not one that fits here.
	ErrBadJID = errors.New("bad address")
	// ErrAccountExists: the network has an account with this number.
	ErrAccountExists = errors.New("account exists already")
	// ErrBadQR: the text is not the content of a pairing QR code.
	ErrBadQR = errors.New("not a pairing code")
	// ErrPairingGone: the connection that showed the code has ended, or the code was replaced.
	ErrPairingGone = errors.New("pairing has ended")
	// ErrWrongCode: the pairing code typed into the phone is not the one that was shown.
	ErrWrongCode = errors.New("wrong pairing code")
	// ErrPairingRefused: the client answered the pairing with an error.
	ErrPairingRefused = errors.New("client refused the pairing")
	// ErrTooManyDevices: the account has no free device number.
	ErrTooManyDevices = errors.New("too many linked devices")
	// ErrNoPasskey: the account has no passkey, or no client has a pending request for it.
	ErrNoPasskey = errors.New("no passkey request")
	// ErrBadPasskey: an assertion does not verify, or a passkey's options are out of range.
	ErrBadPasskey = errors.New("bad passkey answer")
	// ErrClosed: the network was closed.
	ErrClosed = errors.New("network is closed")
	// ErrNoDevice: the account has no such linked device.
	ErrNoDevice = errors.New("no such device")
	// ErrNoButton: the message has no such button or row, or none that sends an answer.
	ErrNoButton = errors.New("no button or row of this id sends an answer")
)
