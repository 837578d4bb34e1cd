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
	errRefused  = broker.NewTrouble(broker.ReasonNotReady, "the broker did not take the message, most likely because a queue is full")
	errLongName = errors.New("the name of the queue or the routing key is longer than 255 bytes for this session")
)

// unroutable says that no queue took a message.
type unroutable struct{ code int }

func (u *unroutable) Error() string {
	return "no queue is bound for the message's routing key"
}

// Reason implements the interface of broker.ReasonOf.
func (u *unroutable) Reason() broker.Reason { return broker.ReasonMissing }

// answers classify the broker's reply codes. Whether a rejection concerns one route only depends on the request that caused it.
var answers = map[int]broker.Answer{
	amqp.AccessRefused:      broker.NewAnswer(nil, broker.ReasonCredentials, "the broker refuses the user, the password or a right"),
	amqp.NotFound:           broker.NewAnswer(nil, broker.ReasonMissing, "the exchange or queue is not there"),
	amqp.ResourceLocked:     broker.NewAnswer(nil, broker.ReasonRefused, "the queue is exclusive to another connection"),
	amqp.PreconditionFailed: broker.NewAnswer(nil, broker.ReasonRefused, "the exchange or queue exists with other arguments, or the message is larger than the broker takes"),
	amqp.NotAllowed:         broker.NewAnswer(nil, broker.ReasonRefused, "the broker has no such virtual host, or does not allow it"),
	amqp.ResourceError:      broker.NewAnswer(nil, broker.ReasonNotReady, "the broker is short of resources"),
	amqp.ConnectionForced:   broker.NewAnswer(nil, broker.ReasonNotReady, "the broker closed the connection"),
}

// asReply makes an error of a class of a broker's refusal.
func asReply(class func(error) error, refusal *amqp.Error) error {
	known, is := answers[refusal.Code]
	if !is {
		known = broker.NewAnswer(nil, broker.ReasonRefused, "the broker refuses")
	}
	return known.As(class).Err(fmt.Sprintf("%d %s", refusal.Code, broker.Clip(refusal.Reason)))
}

// classify returns the delivery error for an error, with the code of the archive. The text contains no address and no credentials.
func classify(err error) (code int, classified error) {
	var back *unroutable
	var known *broker.Trouble
	var refusal *amqp.Error
	var one *routeError
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, errLongName):
		return 0, dispatch.Permanent(err)
	case errors.As(err, &back):
		return back.code, err
	case errors.Is(err, errRefused):
		return 0, dispatch.Refused(err)
	case errors.Is(err, broker.ErrClosed), errors.Is(err, context.Canceled):
		return 0, err
	case errors.As(err, &known):
		return 0, dispatch.Unreachable(known)
	case errors.Is(err, context.DeadlineExceeded):
		return 0, dispatch.Unreachable(broker.NewTrouble(broker.ReasonTimeout, "the broker did not confirm in time"))
	case errors.As(err, &one):
		return one.answer.Code, asReply(dispatch.Refused, one.answer)
	case errors.As(err, &refusal) && (refusal.Server || refusal == amqp.ErrCredentials || refusal == amqp.ErrVhost):
		return refusal.Code, asReply(dispatch.Unreachable, refusal)
	}
	return 0, dispatch.Unreachable(asUnreachable(err))
}

// asUnreachable is why there was no answer.
func asUnreachable(err error) *broker.Trouble {
	if errors.Is(err, errLost) || errors.Is(err, amqp.ErrClosed) {
		return broker.NewTrouble(broker.ReasonUnreachable, errLost.Error())
	}
	if trouble := broker.Unanswered("the broker", err); trouble != nil {
		return trouble
	}
	return broker.NewTrouble(broker.ReasonUnreachable, "the broker cannot be reached: "+broker.Clip(err.Error()))
}
