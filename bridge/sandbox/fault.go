package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// FaultKind is the kind of a fault.
type FaultKind string

// Faults of stanzas from a session.
const (
	// FaultCut ends the connection before the stanza is handled.
	FaultCut FaultKind = "cut"
	// FaultCutAfter handles the stanza and ends the connection before the answer is sent.
	FaultCutAfter FaultKind = "cut_after"
	// FaultStall leaves the connection open but stops reading and sending on it.
	FaultStall FaultKind = "stall"
	// FaultRefuseSend refuses a message with Code in its acknowledgement (463 when Code is 0).
	FaultRefuseSend FaultKind = "refuse_send"
	// FaultRefuseRequest answers a request with the error Code (503 when Code is 0).
	FaultRefuseRequest FaultKind = "refuse_request"
	// FaultReply changes the reply to a request with the function Reply.
	FaultReply FaultKind = "reply"
)

// Faults of stanzas to a session.
const (
	// FaultCutDelivery ends the connection instead of delivering; the stanza stays queued.
	FaultCutDelivery FaultKind = "cut_delivery"
	// FaultUndecryptable corrupts the ciphertexts of a message.
	FaultUndecryptable FaultKind = "undecryptable"
	// FaultDuplicate delivers twice.
	FaultDuplicate FaultKind = "duplicate"
	// FaultReorder delivers after the stanza that follows.
	FaultReorder FaultKind = "reorder"
)

// Faults of the passkey step of pairing. Type selects the notification: passkey_prologue_request or crsc_continuation; empty is the next one.
const (
	// FaultPasskeyLost drops the notification: the client is never asked for the passkey, or the phone never continues.
	FaultPasskeyLost FaultKind = "passkey_lost"
	// FaultPasskeyError corrupts the notification. A client that fetches the request instead gets it when Code is 0, else the error Code.
	FaultPasskeyError FaultKind = "passkey_error"
)

// Faults of connections and of the whole network.
const (
	// FaultSlow delays every stanza to the session by Delay, until the fault is cleared.
	FaultSlow FaultKind = "slow"
	// FaultRefuseLogin answers a login with failure Code (503 when Code is 0).
	FaultRefuseLogin FaultKind = "refuse_login"
	// FaultTemporaryBan ends the connection and refuses logins as banned for Delay.
	FaultTemporaryBan FaultKind = "temporary_ban"
	// FaultClientOutdated ends the connection and refuses logins as too old a version.
	FaultClientOutdated FaultKind = "client_outdated"
	// FaultStreamReplaced ends the connection at once, as if the same device had connected elsewhere.
	FaultStreamReplaced FaultKind = "stream_replaced"
	// FaultLoggedOut unlinks the session's device at once.
	FaultLoggedOut FaultKind = "logged_out"
	// FaultServiceUnavailable ends the connection at once with stream error 503.
	FaultServiceUnavailable FaultKind = "service_unavailable"
	// FaultStreamError ends the connection at once with stream error Code (500 when Code is 0).
	FaultStreamError FaultKind = "stream_error"
	// FaultStreamEnd ends the connection at once with the stanza that ends a stream without an error.
	FaultStreamEnd FaultKind = "stream_end"
	// FaultFirstContact makes messages to a person need a token, until the fault is cleared: the one that the recipient issued (tctoken) or the one derived
	// from the sender's own salt (cstoken). Messages without either are refused with 463.
	FaultFirstContact FaultKind = "first_contact"
	// FaultMediaUpload and FaultMediaDownload fail requests to the media host with HTTP status Code (404 when Code is 0).
	FaultMediaUpload   FaultKind = "media_upload"
	FaultMediaDownload FaultKind = "media_download"
)

// Fault is a rule: the kind of fault, the sessions and stanzas it applies to, and how often.
type Fault struct {
	Kind FaultKind
	// Session is the JID or number of the account it is for, with a device part for one of its devices only; empty applies to all accounts.
	Session string
	// Tag and Type select stanzas by their name and type attribute; empty is any. Faults of messages apply to messages alone.
	Tag, Type string
	// Match selects stanzas further; nil is any. It runs under the network's mutex and must not call the network.
	Match func(*waBinary.Node) bool
	// Reply returns the reply that FaultReply sends in place of its argument. It runs under the network's mutex and must not call the network.
	Reply func(waBinary.Node) waBinary.Node
	// Skip is the number of matching stanzas to pass first.
	Skip int
	// Times is how often the fault applies: 0 is once, a negative number until the fault is cleared.
	Times int
	// Code is the error code of kinds that have one.
	Code int
	// Delay is the duration of kinds that have one.
	Delay time.Duration
}

const (
	maxFaults = 1000
	maxSlow   = time.Hour
	maxBan    = 365 * 24 * time.Hour
	// banReason is WhatsApp's code for a ban because of too many messages to people who do not have the account in their contacts.
	banReason = 101
)

var messageFaults = map[FaultKind]bool{FaultRefuseSend: true, FaultUndecryptable: true}

// Inject activates a fault, or applies it at once where its kind says so. The id is for ClearFault; it is empty for faults applied at once. The
// error wraps ErrBadJID, ErrNoAccount or ErrNoDevice, or describes the invalid field.
func (n *Network) Inject(f Fault) (string, error) {
	rule := &faultRule{Fault: f, skip: f.Skip, left: f.Times}
	if f.Times == 0 {
		rule.left = 1
	}
	if f.Skip < 0 || f.Delay < 0 || f.Delay > maxBan || f.Kind == FaultSlow && f.Delay > maxSlow || f.Code < 0 {
		return "", fmt.Errorf("sandbox: fault %q with a number out of range", f.Kind)
	}
	if f.Session != "" {
		var err error
		if rule.session, err = parseUser(f.Session); err != nil {
			return "", err
		}
	}
	if messageFaults[f.Kind] {
		if f.Tag != "" && f.Tag != "message" {
			return "", fmt.Errorf("sandbox: fault %q is for messages", f.Kind)
		}
		rule.Tag = "message"
	}
	switch f.Kind {
	case FaultMediaUpload, FaultMediaDownload:
		return "", n.injectMedia(f)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.Session != "" && n.find(rule.session) == nil {
		return "", fmt.Errorf("sandbox: %w: %s", ErrNoAccount, f.Session)
	}
	return n.inject(rule)
}

func (n *Network) injectMedia(f Fault) error {
	code, times := f.Code, f.Times
	if code == 0 {
		code = 404
	}
	switch {
	case times == 0:
		times = 1
	case times < 0:
		times = 0
	}
	if f.Kind == FaultMediaUpload {
		return n.FailMedia(MediaUpload, code, times)
	}
	return n.FailMedia(MediaDownload, code, times)
}

// inject activates or applies a checked fault. Call under n.mu.
func (n *Network) inject(rule *faultRule) (string, error) {
	switch rule.Kind {
	case FaultStreamReplaced, FaultServiceUnavailable, FaultStreamError, FaultStreamEnd, FaultLoggedOut:
		return "", n.endSessions(rule)
	case FaultCut, FaultCutAfter, FaultStall, FaultRefuseSend, FaultRefuseRequest, FaultReply, FaultCutDelivery, FaultUndecryptable, FaultDuplicate, FaultReorder,
		FaultPasskeyLost, FaultPasskeyError, FaultSlow, FaultRefuseLogin, FaultTemporaryBan, FaultClientOutdated, FaultFirstContact:
	default:
		return "", fmt.Errorf("sandbox: unknown kind of fault %q", rule.Kind)
	}
	if len(n.faults.rules) >= maxFaults {
		return "", fmt.Errorf("sandbox: more than %d faults", maxFaults)
	}
	rule.id = n.newID()
	n.faults.rules = append(n.faults.rules, rule)
	n.applyFaults()
	if rule.Kind == FaultTemporaryBan || rule.Kind == FaultClientOutdated {
		for _, d := range n.faultDevices(rule) {
			d.conn.close()
		}
	}
	return rule.id, nil
}

// endSessions ends the streams of the connections that a fault covers. Call under n.mu.
func (n *Network) endSessions(rule *faultRule) error {
	devices := n.faultDevices(rule)
	if rule.Kind == FaultLoggedOut {
		devices = n.companions(rule)
	}
	if len(devices) == 0 {
		return fmt.Errorf("sandbox: %w that fault %q applies to", ErrNoDevice, rule.Kind)
	}
	for _, d := range devices {
		switch rule.Kind {
		case FaultLoggedOut:
			n.unlinkDevice(d, true)
		case FaultStreamReplaced:
			n.endStream(d.conn, conflictNode("replaced"))
		case FaultStreamEnd:
			n.endStream(d.conn, waBinary.Node{Tag: "xmlstreamend"})
		case FaultStreamError:
			n.endStream(d.conn, streamError(cmp.Or(rule.Code, 500)))
		default:
			n.endStream(d.conn, streamError(503))
		}
	}
	return nil
}

func streamError(code int) waBinary.Node {
	return waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": strconv.Itoa(code)}}
}

func conflictNode(kind string) waBinary.Node {
	return waBinary.Node{Tag: "stream:error", Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": kind}}}}
}

// companions returns the linked devices that a rule covers, in a stable order. Call under n.mu.
func (n *Network) companions(rule *faultRule) []*device {
	var list []*device
	for _, a := range n.sortedAccounts() {
		for _, d := range a.sortedDevices() {
			if !d.isPhone() && rule.isFor(d.account, d) {
				list = append(list, d)
			}
		}
	}
	return list
}

// faultDevices returns the connected devices that a rule covers. Call under n.mu.
func (n *Network) faultDevices(rule *faultRule) []*device {
	return slices.DeleteFunc(n.companions(rule), func(d *device) bool { return d.conn == nil })
}

// ClearFault ends a fault; no-op for an unknown or ended one.
func (n *Network) ClearFault(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults.rules = slices.DeleteFunc(n.faults.rules, func(rule *faultRule) bool { return rule.id == id })
	n.applyFaults()
}

// ClearFaults ends all faults, those of the media host too.
func (n *Network) ClearFaults() {
	n.ClearMediaFaults()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults.rules = nil
	n.applyFaults()
}

// applyFaults recomputes the effects of the lasting kinds FaultSlow and FaultFirstContact. Call under n.mu.
func (n *Network) applyFaults() {
	n.faults.firstContact = slices.ContainsFunc(n.faults.rules, func(rule *faultRule) bool { return rule.Kind == FaultFirstContact })
	for c := range n.conns {
		c.delay = n.faults.delayFor(c.device)
	}
}

// Cut ends the connections of an account's devices (of one device, when the JID names it) without a closing stanza; empty means all accounts. It returns their number.
func (n *Network) Cut(session string) (int, error) {
	rule := &faultRule{}
	if session != "" {
		var err error
		if rule.session, err = parseUser(session); err != nil {
			return 0, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	devices := n.faultDevices(rule)
	for _, d := range devices {
		d.conn.close()
	}
	return len(devices), nil
}

// Restart cuts every connection, pairing ones included, as if the server process had been replaced; accounts, devices and queues stay.
func (n *Network) Restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.close()
	}
}
