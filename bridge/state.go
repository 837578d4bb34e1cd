package bridge

import "time"

// State is the state of a session. It is computed from inputs, never stored.
type State string

// States returns all states.
func States() []State {
	return []State{
		StateCreated, StatePairing, StateConnecting, StateConnected, StateDisconnected, StateLoggedOut, StateReplaced, StateBanned, StateOutdated,
	}
}

// The states of a session.
const (
	StateCreated      State = "created"      // never paired, or unpaired by command; has no keys
	StatePairing      State = "pairing"      // waits for a phone to link it
	StateConnecting   State = "connecting"   // dialling or logging in
	StateConnected    State = "connected"    // logged in
	StateDisconnected State = "disconnected" // paired, no connection; Reason says why
	StateLoggedOut    State = "logged_out"   // the phone or WhatsApp unlinked it
	StateReplaced     State = "replaced"     // another connection with the same keys replaced it
	StateBanned       State = "banned"       // WhatsApp bans the account until Until
	StateOutdated     State = "outdated"     // WhatsApp rejects this client version
)

// Input is an input of the state machine of a session.
type Input string

// The inputs of the machine. The first group are commands, the second group are reports from WhatsApp.
const (
	InputConnect Input = "connect" // connect was requested, or a retry is due
	InputStop    Input = "stop"    // disconnect was requested
	InputUnlink  Input = "unlink"  // logout was carried out

	InputCode            Input = "code"        // a pairing code is displayed
	InputStep            Input = "step"        // pairing continues with another step
	InputPairFailed      Input = "pair_failed" // pairing ended without a device
	InputPaired          Input = "paired"      // a device was linked; login follows
	InputOpen            Input = "open"        // logged in
	InputLost            Input = "lost"        // the connection ended or could not be opened
	InputRefused         Input = "refused"     // WhatsApp refused the login with a code
	InputLoggedOut       Input = "logged_out"  // unlinked by the phone or WhatsApp
	InputReplaced        Input = "replaced"    // another connection replaced it
	InputBanned          Input = "banned"      // temporary ban
	InputOutdated        Input = "outdated"    // client version rejected
	InputShutdown        Input = "shutdown"    // the server stops
	reasonNone                 = ""
	reasonStopped              = "stopped"         // disconnected by command
	reasonLogout               = "logout"          // unlinked by command
	reasonShutdown             = "shutdown"        // the server stopped
	reasonConnectionLost       = "connection_lost" // the socket ended
	reasonConnectFailed        = "connect_failed"  // the connection could not be opened
	reasonKeepAlive            = "keepalive_timeout"
	reasonLoginTimeout         = "login_timeout"
	reasonRedelivery           = "redelivery" // reconnect for unacknowledged events
	reasonPairingTimeout       = "pairing_timeout"
	reasonPairingFailed        = "pairing_failed"
)

// Details are the parameters of an input.
type Details struct {
	Reason string    // one word or WhatsApp's own text
	Until  time.Time // end of a ban; zero = unknown
	Code   PairingCode
	Step   PairingStep
}

// PairingCode is a code to scan or to type into a phone.
type PairingCode struct {
	Number    int       `json:"number"` // 1-based
	Of        int       `json:"of"`     // number of codes until pairing times out
	Text      string    `json:"-"`      // the code itself; a secret until it expires
	ExpiresAt time.Time `json:"expires_at"`
}

// Snapshot is the state with its parameters.
type Snapshot struct {
	State  State
	Reason string
	Since  time.Time
	Until  time.Time   // banned only
	Code   PairingCode // pairing only; empty in the steps passkey and confirm
	Step   PairingStep // pairing only
}

// target is the result of a transition. It depends on whether the session has a device: without one, a lost connection
// leads back to created.
type target struct {
	paired, unpaired State
	reason           string // used if the input has no reason
}

func to(s State) target                    { return target{paired: s, unpaired: s} }
func toBecause(s State, why string) target { return target{paired: s, unpaired: s, reason: why} }
func lost(why string) target {
	return target{paired: StateDisconnected, unpaired: StateCreated, reason: why}
}

// transitions is the whole machine: an input without an entry does not change the state. Final states (logged out,
// replaced, banned, outdated) are left by a command only; the end of their socket is no new information.
var transitions = map[State]map[Input]target{
	StateCreated: {
		InputConnect: to(StateConnecting),
	},
	StateConnecting: {
		InputCode:       to(StatePairing),
		InputStep:       to(StatePairing),
		InputOpen:       to(StateConnected),
		InputPaired:     to(StateConnecting),
		InputPairFailed: lost(reasonPairingFailed),
		InputLost:       lost(reasonConnectionLost),
		InputRefused:    lost(reasonConnectFailed),
		InputLoggedOut:  to(StateLoggedOut),
		InputReplaced:   to(StateReplaced),
		InputBanned:     to(StateBanned),
		InputOutdated:   to(StateOutdated),
		InputStop:       lost(reasonStopped),
		InputShutdown:   lost(reasonShutdown),
		InputUnlink:     toBecause(StateCreated, reasonLogout),
	},
	StatePairing: {
		InputCode:       to(StatePairing),
		InputStep:       to(StatePairing),
		InputPaired:     to(StateConnecting),
		InputPairFailed: toBecause(StateCreated, reasonPairingFailed),
		InputLost:       toBecause(StateCreated, reasonPairingTimeout),
		InputRefused:    toBecause(StateCreated, reasonConnectFailed),
		InputBanned:     to(StateBanned),
		InputOutdated:   to(StateOutdated),
		InputStop:       toBecause(StateCreated, reasonStopped),
		InputShutdown:   toBecause(StateCreated, reasonShutdown),
		InputUnlink:     toBecause(StateCreated, reasonLogout),
	},
	StateConnected: {
		InputLost:      lost(reasonConnectionLost),
		InputRefused:   lost(reasonConnectFailed),
		InputLoggedOut: to(StateLoggedOut),
		InputReplaced:  to(StateReplaced),
		InputBanned:    to(StateBanned),
		InputOutdated:  to(StateOutdated),
		InputStop:      lost(reasonStopped),
		InputShutdown:  lost(reasonShutdown),
		InputUnlink:    toBecause(StateCreated, reasonLogout),
	},
	StateDisconnected: {
		InputConnect:   to(StateConnecting),
		InputLost:      lost(reasonConnectionLost),
		InputOpen:      to(StateConnected),
		InputLoggedOut: to(StateLoggedOut),
		InputReplaced:  to(StateReplaced), // whatsmeow may report the end of the socket before the stanza that explains it
		InputBanned:    to(StateBanned),
		InputOutdated:  to(StateOutdated),
		InputStop:      lost(reasonStopped),
		InputUnlink:    toBecause(StateCreated, reasonLogout),
	},
	StateLoggedOut: {
		InputConnect: to(StateConnecting),
		InputUnlink:  toBecause(StateCreated, reasonLogout),
	},
	StateReplaced: {
		InputConnect:   to(StateConnecting),
		InputLoggedOut: to(StateLoggedOut),
		InputStop:      lost(reasonStopped),
		InputUnlink:    toBecause(StateCreated, reasonLogout),
	},
	StateBanned: {
		InputConnect:   to(StateConnecting),
		InputLoggedOut: to(StateLoggedOut),
		InputStop:      lost(reasonStopped),
		InputUnlink:    toBecause(StateCreated, reasonLogout),
	},
	StateOutdated: {
		InputConnect: to(StateConnecting),
		InputStop:    lost(reasonStopped),
		InputUnlink:  toBecause(StateCreated, reasonLogout),
	},
}

// next returns the snapshot after an input. changed is false if the input does not change the state.
func (s Snapshot) next(in Input, d Details, paired bool, now time.Time) (out Snapshot, changed bool) {
	t, ok := transitions[s.State][in]
	if !ok {
		return s, false
	}
	out = Snapshot{State: t.unpaired, Reason: d.Reason, Since: now}
	if paired {
		out.State = t.paired
	}
	if out.Reason == reasonNone {
		out.Reason = t.reason
	}
	switch out.State {
	case StatePairing:
		out.Code, out.Step = d.Code, d.Step
		if s.State == StatePairing {
			out.Since = s.Since
		}
	case StateBanned:
		out.Until = d.Until
	case StateConnecting, StateConnected:
		out.Reason = d.Reason
	}
	if out.State == s.State && out.Reason == s.Reason && out.Code == s.Code && out.Step == s.Step && out.Until.Equal(s.Until) {
		return s, false
	}
	return out, true
}
