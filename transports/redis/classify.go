package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// verdict is what an answer means for a delivery.
type verdict int

const (
	retried verdict = iota
	away            // says nothing about the event: all are held until the server, or who runs it, thinks better of it
	refused         // the same, of this stream or channel alone: rights may be given for some of them
)

// answers are the errors of a Redis by their first word.
var answers = map[string]struct {
	verdict
	reason broker.Reason
	text   string
}{
	"NOAUTH":      {away, broker.ReasonCredentials, "redis asks for a password"},
	"WRONGPASS":   {away, broker.ReasonCredentials, "redis refuses the user or the password"},
	"NOPERM":      {refused, broker.ReasonCredentials, "redis refuses the command, the key or the channel to this user"},
	"LOADING":     {away, broker.ReasonNotReady, "redis is loading its data"},
	"READONLY":    {away, broker.ReasonNotReady, "this redis is a replica that takes no writes"},
	"MASTERDOWN":  {away, broker.ReasonNotReady, "this redis has lost its master"},
	"CLUSTERDOWN": {away, broker.ReasonNotReady, "the redis cluster is down"},
	"MISCONF":     {away, broker.ReasonNotReady, "redis takes no writes because it cannot save them"},
	"NOREPLICAS":  {away, broker.ReasonNotReady, "redis takes no writes because replicas are missing"},
	"OOM":         {away, broker.ReasonNotReady, "redis is out of memory"},
	"WRONGTYPE":   {refused, broker.ReasonRefused, "the stream's name is that of another kind of data"},
	"TRYAGAIN":    {retried, broker.ReasonNotReady, "the redis cluster is moving the stream"},
	"BUSY":        {retried, broker.ReasonNotReady, "redis is busy with a script"},
}

// classify tells what an error of a command means for a delivery. Its text has no address and no credentials.
func classify(err error) (classified error, isAway bool) {
	if err == nil {
		return nil, false
	}
	var answer redis.Error
	if errors.As(err, &answer) && !network(err) {
		word, _, _ := strings.Cut(answer.Error(), " ")
		known, is := answers[word]
		switch {
		case !is && strings.HasPrefix(answer.Error(), "ERR AUTH"), !is && strings.HasPrefix(answer.Error(), "ERR invalid password"):
			return dispatch.Unreachable(broker.NewTrouble(broker.ReasonCredentials, answers["WRONGPASS"].text)), true
		case !is:
			return fmt.Errorf("redis answered %s", broker.Clip(answer.Error())), false
		}
		shown := broker.NewTrouble(known.reason, known.text+" ("+word+")")
		switch known.verdict {
		case away:
			return dispatch.Unreachable(shown), true
		case refused:
			return dispatch.Refused(shown), false
		}
		return shown, false
	}
	var few *tooFew
	if errors.As(err, &few) {
		return dispatch.Unreachable(broker.NewTrouble(broker.ReasonNotReady, few.Error())), true
	}
	if errors.Is(err, broker.ErrClosed) || errors.Is(err, context.Canceled) {
		return err, false
	}
	trouble := broker.Unanswered("redis", err)
	if trouble == nil {
		trouble = broker.NewTrouble(broker.ReasonUnreachable, "redis cannot be reached: "+broker.Clip(err.Error()))
	}
	return dispatch.Unreachable(trouble), true
}

// classify is that of an error of the sink's own server or cluster. Of a cluster another part may be well; where it is now,
// when a server is away, is asked anew, since go-redis does so by itself once a minute.
func (s *Sink) classify(err error) (classified error, isAway bool) {
	classified, isAway = classify(err)
	if of, is := s.client.(*redis.ClusterClient); is && isAway {
		of.ReloadState(context.Background())
		return dispatch.UnreachableApart(errors.Unwrap(classified)), true
	}
	return classified, isAway
}

func network(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}
