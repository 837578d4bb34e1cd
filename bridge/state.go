package bridge

import "time"

// State is where a session stands. It is computed from what happened, never
// stored.
type State string

// States are all there are.
func States() []State {
	return []State{
		StateCreated, StatePairing, StateConnecting, StateConnected, StateDisconnected, StateLoggedOut, StateReplaced, StateBanned, StateOutdated,
	}
}

// The states of a session.
const (
	StateCreated      State = "created"      // never paired, or unpaired by command; holds nothing
	StatePairing      State = "pairing"      // waits for a phone to link it
	StateConnecting   State = "connecting"   // dialling or logging in
	StateConnected    State = "connected"    // logged in
	StateDisconnected State = "disconnected" // paired, no connection; Reason says why
	StateLoggedOut    State = "logged_out"   // the phone or WhatsApp unlinked it
	StateReplaced     State = "replaced"     // another connection with the same keys took over
	StateBanned       State = "banned"       // WhatsApp bars the account until Until
	StateOutdated     State = "outdated"     // WhatsApp refuses this client version
)

// Input is something that happened to a session.
type Input string

// The inputs of the machine. The first group are commands, the second come
// from WhatsApp.
const (
	InputConnect Input = "connect" // connect was asked for, or a retry is due
	InputStop    Input = "stop"    // disconnect was asked for
	InputUnlink  Input = "unlink"  // logout was carried out

	InputCode            Input = "code"        // a pairing code is up
	InputStep            Input = "step"        // pairing goes on with another step
	InputPairFailed      Input = "pair_failed" // pairing ended without a device
	InputPaired          Input = "paired"      // a device was linked; login follows
	InputOpen            Input = "open"        // logged in
	InputLost            Input = "lost"        // the connection ended or could not be opened
	InputRefused         Input = "refused"     // WhatsApp refused the login with a code of its own
	InputLoggedOut       Input = "logged_out"  // unlinked from the other side
	InputReplaced        Input = "replaced"    // another connection took over
	InputBanned          Input = "banned"      // temporary ban
	InputOutdated        Input = "outdated"    // client version refused
	InputShutdown        Input = "shutdown"    // the server stops
	reasonNone                 = ""
	reasonStopped              = "stopped"         // disconnected by command
	reasonLogout               = "logout"          // unlinked by command
	reasonShutdown             = "shutdown"        // the server stopped
	reasonConnectionLost       = "connection_lost" // the socket ended
	reasonConnectFailed        = "connect_failed"  // it could not be opened
	reasonKeepAlive            = "keepalive_timeout"
	reasonLoginTimeout         = "login_timeout"
	reasonRedelivery           = "redelivery" // to have unacknowledged events again
	reasonPairingTimeout       = "pairing_timeout"
	reasonPairingFailed        = "pairing_failed"
)

// Details go with an input.
type Details struct {
	Reason string    // why, in one word or WhatsApp's own text
	Until  time.Time // end of a ban; zero = unknown
	Code   PairingCode
	Step   PairingStep
}

// PairingCode is what a phone scans or types.
type PairingCode struct {
	Number    int       `json:"number"` // 1-based
	Of        int       `json:"of"`     // how many there will be before pairing times out
	Text      string    `json:"-"`      // the code itself; a secret until it expires
	ExpiresAt time.Time `json:"expires_at"`
}

// Snapshot is the machine's state with what belongs to it.
type Snapshot struct {
	State  State
	Reason string
	Since  time.Time
	Until  time.Time   // banned only
	Code   PairingCode // pairing only; empty in the steps passkey and confirm
	Step   PairingStep // pairing only
}

// paired is the part of a transition that depends on whether the session has a
// device: without one a lost connection leads back to created.
type target struct {
	paired, unpaired State
	reason           string // used when the input brings none
}

func to(s State) target                    { return target{paired: s, unpaired: s} }
func toBecause(s State, why string) target { return target{paired: s, unpaired: s, reason: why} }
func lost(why string) target {
	return target{paired: StateDisconnected, unpaired: StateCreated, reason: why}
}

// transitions is the whole machine: a missing pair means that the input does
// not change that state. Final states (logged out, replaced, banned, outdated)
// are left by a command only; the end of their socket says nothing new.
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

// next computes the snapshot after an input. changed is false when the input
// says nothing new to this state.
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
