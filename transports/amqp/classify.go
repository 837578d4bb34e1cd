package amqp

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

var (
	errRefused  = errors.New("the broker did not take the message, most likely because a queue is full")
	errLongName = errors.New("the name of the queue or the routing key is longer than 255 bytes for this session")
)

// unroutable says that no queue took a message.
type unroutable struct{ code int }

func (u *unroutable) Error() string {
	return "no queue is bound for the message's routing key"
}

// Reason implements what broker.ReasonOf asks for.
func (u *unroutable) Reason() broker.Reason { return broker.ReasonMissing }

// blockedError says that the broker has asked for no more messages.
type blockedError struct{ reason string }

func (b *blockedError) Error() string {
	return "the broker takes no messages now: " + broker.Clip(b.reason)
}

// Reason implements what broker.ReasonOf asks for.
func (b *blockedError) Reason() broker.Reason { return broker.ReasonNotReady }

// RefusedError says that the broker refuses what the settings ask for. Code is that of the protocol: 406 = an exchange or
// a queue of that name exists with other arguments, 405 = another connection has it exclusively, 403 = user, password or
// rights, 404 = not there, 530 = no such virtual host.
type RefusedError struct {
	Code int
	Text string // of the broker
}

// Error says what is wrong and what the broker said.
func (e *RefusedError) Error() string {
	what, known := refusals[e.Code]
	if !known {
		what = "the broker refuses"
	}
	return fmt.Sprintf("%s (%d %s)", what, e.Code, e.Text)
}

// Reason says in a word what the code means.
func (e *RefusedError) Reason() broker.Reason {
	switch e.Code {
	case amqp.AccessRefused:
		return broker.ReasonCredentials
	case amqp.NotFound:
		return broker.ReasonMissing
	case amqp.ResourceError, amqp.ConnectionForced:
		return broker.ReasonNotReady
	}
	return broker.ReasonRefused
}

// refusals are what codes mean, for people.
var refusals = map[int]string{
	amqp.AccessRefused:      "the broker refuses the user, the password or a right",
	amqp.NotFound:           "the exchange or queue is not there",
	amqp.ResourceLocked:     "the queue is exclusive to another connection",
	amqp.PreconditionFailed: "the exchange or queue exists with other arguments, or the message is larger than the broker takes",
	amqp.NotAllowed:         "the broker has no such virtual host, or does not allow it",
	amqp.ResourceError:      "the broker is short of resources",
	amqp.ConnectionForced:   "the broker closed the connection",
}

// classify tells what an error means for a delivery, with the code of the archive. away says that the event is not at
// fault: it is held until the broker, or who runs it, thinks better of it. The text has no address and no credentials.
func classify(err error) (code int, classified error, away bool) {
	var back *unroutable
	var full *blockedError
	var answer *amqp.Error
	var one *narrow
	switch {
	case err == nil:
		return 0, nil, false
	case errors.Is(err, errLongName):
		return 0, dispatch.Permanent(err), false
	case errors.As(err, &back):
		return back.code, err, false
	case errors.Is(err, errRefused), errors.Is(err, broker.ErrClosed), errors.Is(err, context.Canceled):
		return 0, err, false
	case errors.As(err, &full):
		return 0, dispatch.Unreachable(err), true
	case errors.Is(err, context.DeadlineExceeded):
		return 0, dispatch.Unreachable(broker.NewTrouble(broker.ReasonTimeout, "the broker did not confirm in time")), true
	case errors.As(err, &one):
		return one.answer.Code, dispatch.Refused(&RefusedError{one.answer.Code, broker.Clip(one.answer.Reason)}), false
	case errors.As(err, &answer) && (answer.Server || answer == amqp.ErrCredentials || answer == amqp.ErrVhost):
		return answer.Code, dispatch.Unreachable(&RefusedError{answer.Code, broker.Clip(answer.Reason)}), true
	}
	return 0, dispatch.Unreachable(unreached(err)), true
}

// unreached is why there was no answer.
func unreached(err error) *broker.Trouble {
	if errors.Is(err, errLost) || errors.Is(err, amqp.ErrClosed) {
		return broker.NewTrouble(broker.ReasonUnreachable, errLost.Error())
	}
	if trouble := broker.Unanswered("the broker", err); trouble != nil {
		return trouble
	}
	return broker.NewTrouble(broker.ReasonUnreachable, "the broker cannot be reached: "+broker.Clip(err.Error()))
}
