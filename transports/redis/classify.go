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

// answers are the errors of a Redis by their first word.
var answers = map[string]broker.Answer{
	"NOAUTH":      broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "redis asks for a password"),
	"WRONGPASS":   broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "redis refuses the user or the password"),
	"NOPERM":      broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "redis refuses the command, the key or the channel to this user"),
	"LOADING":     broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis is loading its data"),
	"READONLY":    broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "this redis is a replica that takes no writes"),
	"MASTERDOWN":  broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "this redis has lost its master"),
	"CLUSTERDOWN": broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "the redis cluster is down"),
	"MISCONF":     broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis takes no writes because it cannot save them"),
	"NOREPLICAS":  broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis takes no writes because replicas are missing"),
	"OOM":         broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis is out of memory"),
	"WRONGTYPE":   broker.NewAnswer(dispatch.Refused, broker.ReasonRefused, "the stream's name is that of another kind of data"),
	"TRYAGAIN":    broker.NewAnswer(nil, broker.ReasonNotReady, "the redis cluster is moving the stream"),
	"BUSY":        broker.NewAnswer(nil, broker.ReasonNotReady, "redis is busy with a script"),
}

// classify tells what an error of a command means for a delivery. Its text has no address and no credentials.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var answer redis.Error
	if errors.As(err, &answer) && !network(err) {
		word, _, _ := strings.Cut(answer.Error(), " ")
		known, is := answers[word]
		switch {
		case is:
			return known.Err(word)
		case strings.HasPrefix(answer.Error(), "ERR AUTH"), strings.HasPrefix(answer.Error(), "ERR invalid password"): // up to Redis 5
			return answers["WRONGPASS"].Err("AUTH")
		}
		return fmt.Errorf("redis answered %s", broker.Clip(answer.Error()))
	}
	var few *tooFew
	if errors.As(err, &few) {
		return dispatch.Unreachable(broker.NewTrouble(broker.ReasonNotReady, few.Error()))
	}
	if errors.Is(err, broker.ErrClosed) || errors.Is(err, context.Canceled) {
		return err
	}
	trouble := broker.Unanswered("redis", err)
	if trouble == nil {
		trouble = broker.NewTrouble(broker.ReasonUnreachable, "redis cannot be reached: "+broker.Clip(err.Error()))
	}
	return dispatch.Unreachable(trouble)
}

// classify is that of an error of the sink's own server or cluster. Of a cluster another part may be well; where it is now,
// when a server is away, is asked anew, since go-redis does so by itself once a minute.
func (s *Sink) classify(err error) error {
	classified := classify(err)
	if of, is := s.client.(*redis.ClusterClient); is && dispatch.IsUnreachable(classified) {
		of.ReloadState(context.Background())
		return dispatch.UnreachableApart(errors.Unwrap(classified))
	}
	return classified
}

func network(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}
