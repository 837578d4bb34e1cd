package sandbox

import (
	"slices"
	"time"
)

// UnknownIQ is a request that no handler knows.
type UnknownIQ struct {
	Key    string // xmlns/type/firstChild
	Stanza string
	From   string // JID of the sender, empty before login
	Time   time.Time
}

// Violation is a stanza of a client that WhatsApp would refuse.
type Violation struct {
	Reason string
	Stanza string
	From   string
	Time   time.Time
}

// records has the latest unknown requests and violations. Guarded by Network.mu.
type records struct {
	unknowns   []UnknownIQ
	violations []Violation
}

func appendBounded[T any](list []T, item T) []T {
	if len(list) >= defaultRecords {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, item)
}

func (r *request) sender() string {
	if r.device == nil {
		return ""
	}
	return r.device.lid().String()
}

func (l *records) recordUnknown(key string, r *request) {
	l.unknowns = appendBounded(l.unknowns, UnknownIQ{Key: key, Stanza: r.node.String(), From: r.sender(), Time: r.net.now()})
	r.net.log.Warn("unknown request", "method", key)
}

// recordViolation records a violation. Call under n.mu.
func (n *Network) recordViolation(r *request, reason string) {
	n.records.violations = appendBounded(n.records.violations, Violation{Reason: reason, Stanza: r.node.String(), From: r.sender(), Time: n.now()})
	n.log.Warn("violation", "error", reason)
}

// UnknownIQs returns the requests without a handler, the oldest first, at most the latest 1000.
func (n *Network) UnknownIQs() []UnknownIQ {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.records.unknowns)
}

// Violations returns the violations of clients, the oldest first, at most the latest 1000.
func (n *Network) Violations() []Violation {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.records.violations)
}

// ClearRecords removes the recorded unknown requests and violations, for scripts that provoke them on purpose.
func (n *Network) ClearRecords() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = records{}
}
