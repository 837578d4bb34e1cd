package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Reason says in a word why a target takes no events. It may be shown to everybody.
type Reason string

// The reasons.
const (
	ReasonUnreachable Reason = "unreachable" // no connection
	ReasonUnresolved  Reason = "unresolved"  // the host has no address
	ReasonCertificate Reason = "certificate" // it is not believed
	ReasonTimeout     Reason = "timeout"
	ReasonCredentials Reason = "credentials" // user, password, key or a right of theirs
	ReasonMissing     Reason = "missing"     // the destination of events does not exist
	ReasonNotReady    Reason = "not_ready"   // it takes nothing now: loading, full, a replica
	ReasonRefused     Reason = "refused"     // any other answer
)

// Trouble is why a target takes no events.
type Trouble struct {
	why  Reason
	text string
}

// NewTrouble makes an error of a reason and a text without addresses and credentials.
func NewTrouble(why Reason, text string) *Trouble { return &Trouble{why, text} }

// Error returns the text for people.
func (t *Trouble) Error() string { return t.text }

// Reason returns the category.
func (t *Trouble) Reason() Reason { return t.why }

// ReasonOf is the reason of an error that says one, else that there was an answer; empty for nil.
func ReasonOf(err error) Reason {
	var known interface{ Reason() Reason }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known):
		return known.Reason()
	}
	return ReasonRefused
}

// Unanswered returns the reason why a peer did not respond, as far as the error of a connection shows it; nil = unknown.
func Unanswered(who string, err error) *Trouble {
	var n net.Error
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &certificate):
		return NewTrouble(ReasonCertificate, who+" has a certificate that is not believed: "+certificate.Err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return NewTrouble(ReasonTimeout, who+" did not answer in time")
	case errors.As(err, &name):
		return NewTrouble(ReasonUnresolved, who+" cannot be reached: its host has no address")
	case errors.As(err, &op):
		return NewTrouble(ReasonUnreachable, who+" cannot be reached: "+op.Err.Error())
	}
	return nil
}
