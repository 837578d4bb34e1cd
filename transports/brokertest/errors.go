package brokertest

import (
	"errors"
	"reflect"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Meaning returns the class of a sink's error for the dispatcher.
func Meaning(err error) string {
	switch cause := errors.Unwrap(err); {
	case err == nil:
		return "delivered"
	case cause != nil && (reflect.DeepEqual(err, dispatch.Unreachable(cause)) || reflect.DeepEqual(err, dispatch.UnreachableApart(cause))):
		return "unreachable"
	case cause != nil && reflect.DeepEqual(err, dispatch.Refused(cause)):
		return "refused"
	case cause != nil && reflect.DeepEqual(err, dispatch.Permanent(cause)):
		return "permanent"
	}
	return "retry"
}

// Problems are the fields for which a configuration was refused.
func Problems(err error) map[string]bool {
	fields := map[string]bool{}
	var p refusal.Problems
	if errors.As(err, &p) {
		for _, problem := range p {
			fields[problem.Field] = true
		}
	}
	return fields
}
