package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Reason classifies an Error.
type Reason string

// The reasons for which a request fails inside the guard.
const (
	ReasonBadURL           Reason = "bad_url"           // not an absolute http or https URL with a plain host
	ReasonForbidden        Reason = "forbidden_address" // the target is not public and not allow-listed
	ReasonUnresolved       Reason = "unresolved"        // the host name has no address
	ReasonUnreachable      Reason = "unreachable"       // no connection to any of its addresses
	ReasonTooManyRedirects Reason = "too_many_redirects"
	ReasonTooLarge         Reason = "too_large" // the body is over the limit
	ReasonTimeout          Reason = "timeout"
)

// Error is a rejection or failure of the guard itself. It is found with errors.As inside the *url.Error that net/http returns. Its text contains the
// host only: paths and queries of such URLs carry secrets.
type Error struct {
	Reason Reason
	Host   string
	Limit  int64 // bytes for ReasonTooLarge, hops for ReasonTooManyRedirects, else 0
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	text := e.describe()
	if e.Host != "" {
		text += " (host " + e.Host + ")"
	}
	if e.Err != nil {
		text += ": " + publicCause(e.Err)
	}
	return text
}

// publicCause returns the reason without details for the operator only: the address of the name server, and the addresses of the name.
func publicCause(err error) string {
	var name *net.DNSError
	var network *net.OpError
	switch {
	case errors.As(err, &name):
		return name.Err
	case errors.As(err, &network) && network.Err != nil:
		return publicCause(network.Err) // which may be another of its kind
	}
	return err.Error()
}

func (e *Error) describe() string {
	switch e.Reason {
	case ReasonBadURL:
		return "not a usable http or https address"
	case ReasonForbidden:
		return "the target is not a public address"
	case ReasonUnresolved:
		return "the host name has no address"
	case ReasonUnreachable:
		return "the target cannot be reached"
	case ReasonTooManyRedirects:
		return fmt.Sprintf("more than %d redirects", e.Limit)
	case ReasonTooLarge:
		return fmt.Sprintf("the body is larger than %d bytes", e.Limit)
	case ReasonTimeout:
		return "no answer in time"
	}
	return string(e.Reason)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns why a request of a guarded client failed; "" when err says
// nothing the guard knows. Time that ran out anywhere counts as ReasonTimeout.
func ReasonOf(err error) Reason {
	var own *Error
	if errors.As(err, &own) {
		return own.Reason
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return ReasonTimeout
	}
	return ""
}
