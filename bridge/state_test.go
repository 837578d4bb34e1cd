package bridge

import (
	"testing"
	"time"
)

func TestTransitions(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	until := now.Add(time.Hour)
	code := PairingCode{Number: 1, Of: 6, Text: "x", ExpiresAt: now.Add(time.Minute)}
	type step struct {
		in     Input
		d      Details
		want   State
		reason string
	}
	for name, c := range map[string]struct {
		paired bool
		start  State
		steps  []step
	}{
		"pairing": {start: StateCreated, steps: []step{
			{InputConnect, Details{}, StateConnecting, ""},
			{InputCode, Details{Code: code}, StatePairing, ""},
			{InputPaired, Details{}, StateConnecting, ""},
			{InputOpen, Details{}, StateConnected, ""},
		}},
		"pairing times out": {start: StatePairing, steps: []step{
			{InputPairFailed, Details{Reason: reasonPairingTimeout}, StateCreated, reasonPairingTimeout},
		}},
		"unpaired dial fails": {start: StateConnecting, steps: []step{
			{InputLost, Details{Reason: reasonConnectFailed}, StateCreated, reasonConnectFailed},
		}},
		"outage": {paired: true, start: StateConnected, steps: []step{
			{InputLost, Details{}, StateDisconnected, reasonConnectionLost},
			{InputConnect, Details{}, StateConnecting, ""},
			{InputLost, Details{Reason: reasonConnectFailed}, StateDisconnected, reasonConnectFailed},
			{InputConnect, Details{}, StateConnecting, ""},
			{InputOpen, Details{}, StateConnected, ""},
		}},
		"stopped": {paired: true, start: StateConnected, steps: []step{
			{InputStop, Details{}, StateDisconnected, reasonStopped},
		}},
		"the end of a logged out socket says nothing new": {paired: false, start: StateConnected, steps: []step{
			{InputLoggedOut, Details{Reason: "401"}, StateLoggedOut, "401"},
			{InputLost, Details{}, StateLoggedOut, "401"},
			{InputStop, Details{}, StateLoggedOut, "401"},
			{InputOpen, Details{}, StateLoggedOut, "401"},
			{InputConnect, Details{}, StateConnecting, ""},
		}},
		"replaced stays": {paired: true, start: StateConnected, steps: []step{
			{InputReplaced, Details{}, StateReplaced, ""},
			{InputLost, Details{}, StateReplaced, ""},
			{InputShutdown, Details{}, StateReplaced, ""},
		}},
		"replaced, reported after the end of the socket": {paired: true, start: StateConnected, steps: []step{
			{InputLost, Details{}, StateDisconnected, reasonConnectionLost},
			{InputReplaced, Details{}, StateReplaced, ""},
		}},
		"outdated, reported after the end of the socket": {paired: true, start: StateConnected, steps: []step{
			{InputLost, Details{}, StateDisconnected, reasonConnectionLost},
			{InputOutdated, Details{}, StateOutdated, ""},
		}},
		"banned, reported after the end of the socket": {paired: true, start: StateConnected, steps: []step{
			{InputLost, Details{}, StateDisconnected, reasonConnectionLost},
			{InputBanned, Details{Reason: "101", Until: until}, StateBanned, "101"},
		}},
		"banned": {paired: true, start: StateConnecting, steps: []step{
			{InputBanned, Details{Reason: "101", Until: until}, StateBanned, "101"},
			{InputLost, Details{}, StateBanned, "101"},
			{InputUnlink, Details{}, StateCreated, reasonLogout},
		}},
		"outdated": {paired: true, start: StateConnecting, steps: []step{
			{InputOutdated, Details{}, StateOutdated, ""},
			{InputConnect, Details{}, StateConnecting, ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Snapshot{State: c.start}
			for i, step := range c.steps {
				before := s
				var changed bool
				s, changed = s.next(step.in, step.d, c.paired, now)
				if s.State != step.want || s.Reason != step.reason {
					t.Fatalf("step %d, %s: %s (%s), want %s (%s)", i, step.in, s.State, s.Reason, step.want, step.reason)
				}
				if changed != (s != before) {
					t.Errorf("step %d, %s: changed is %v", i, step.in, changed)
				}
				if s.State == StateBanned && !s.Until.Equal(until) {
					t.Errorf("step %d: banned until %v", i, s.Until)
				}
			}
		})
	}
}

// TestEveryStateHasAWayOut checks that a command leads out of each state, and that a connected session can end in each
// way that WhatsApp has.
func TestEveryStateHasAWayOut(t *testing.T) {
	for _, state := range []State{
		StateCreated, StatePairing, StateConnecting, StateConnected, StateDisconnected,
		StateLoggedOut, StateReplaced, StateBanned, StateOutdated,
	} {
		row := transitions[state]
		_, connect := row[InputConnect]
		_, stop := row[InputStop]
		if !connect && !stop {
			t.Errorf("no command leads out of %s", state)
		}
		for in, target := range row {
			if transitions[target.paired] == nil || transitions[target.unpaired] == nil {
				t.Errorf("%s leads %s to a state without a row", in, state)
			}
		}
	}
	for _, in := range []Input{InputLost, InputLoggedOut, InputReplaced, InputBanned, InputOutdated, InputRefused} {
		if _, ok := transitions[StateConnected][in]; !ok {
			t.Errorf("a connected session does not know %s", in)
		}
	}
}

func TestBackoff(t *testing.T) {
	lowest, highest := time.Second, time.Minute
	for failures, limit := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		for _, random := range []float64{0, 0.5, 0.999} {
			got := backoff(failures, lowest, highest, func() float64 { return random })
			if got < limit/4 || got > limit {
				t.Errorf("after %d failures: %v, limit %v", failures, got, limit)
			}
		}
	}
	if got := backoff(1<<30, lowest, highest, func() float64 { return 1 }); got != highest {
		t.Errorf("after very many failures: %v", got)
	}
}
