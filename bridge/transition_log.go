package bridge

import (
	"context"
	"log/slog"
)

// stateLog has the log line of each state, for operators.
var stateLog = map[State]struct {
	level slog.Level
	text  string
}{
	StateCreated:      {slog.LevelInfo, "session is not paired"},
	StatePairing:      {slog.LevelInfo, "session is waiting to be paired"},
	StateConnecting:   {slog.LevelInfo, "session is connecting"},
	StateConnected:    {slog.LevelInfo, "session connected"},
	StateDisconnected: {slog.LevelInfo, "session disconnected"},
	StateLoggedOut:    {slog.LevelWarn, "session was logged out by WhatsApp or its phone; pair it again"},
	StateReplaced:     {slog.LevelWarn, "session was replaced by another connection with its credentials; connect it again when that has ended"},
	StateBanned:       {slog.LevelWarn, "session's account is banned temporarily"},
	StateOutdated:     {slog.LevelWarn, "WhatsApp refuses this client version; update the server"},
}

// logTransition logs a transition that became an event. Phone numbers and names of accounts are left out.
func (s *Session) logTransition(in Input, before, after Snapshot) {
	line, ok := stateLog[after.State]
	if !ok {
		line.text = "session changed its state"
	}
	if in == InputPaired {
		line.text = "session was paired"
	}
	args := []any{"state", after.State, "previous_state", before.State}
	if after.Reason != "" {
		args = append(args, "reason", after.Reason)
	}
	if !after.Until.IsZero() {
		args = append(args, "until", after.Until)
	}
	s.log().Log(context.Background(), line.level, line.text, args...)
}
