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
	"BUSY":        broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis is busy with a script"),
	"DENIED":      broker.NewAnswer(dispatch.Unreachable, broker.ReasonRefused, "redis takes connections from its own machine alone"),
	"MOVED":       broker.NewAnswer(dispatch.Refused, broker.ReasonRefused, "another node of the redis cluster has the stream: redis+cluster:// finds it"),
	"ASK":         broker.NewAnswer(dispatch.Refused, broker.ReasonRefused, "another node of the redis cluster has the stream: redis+cluster:// finds it"),
}

// complaints are errors without a code of their own, by prefix. Their texts repeat the sent data.
var complaints = map[string]broker.Answer{
	"ERR AUTH":                  answers["WRONGPASS"], // up to Redis 5
	"ERR invalid password":      answers["WRONGPASS"],
	"ERR max number of clients": broker.NewAnswer(dispatch.Unreachable, broker.ReasonNotReady, "redis takes no more connections"),
	"ERR DB index":              broker.NewAnswer(dispatch.Unreachable, broker.ReasonMissing, "redis has no database of this number"),
	"ERR invalid DB index":      broker.NewAnswer(dispatch.Unreachable, broker.ReasonMissing, "redis has no database of this number"),
	"ERR SELECT is not allowed": broker.NewAnswer(dispatch.Unreachable, broker.ReasonMissing, "a redis cluster has database 0 alone"),
	"ERR This instance has cluster support disabled": broker.NewAnswer(dispatch.Unreachable, broker.ReasonRefused, "this redis is no cluster"),
	"ERR unknown command":                            broker.NewAnswer(dispatch.Refused, broker.ReasonRefused, "redis has no such command"),
}

// asReply is the error of a delivery of which a Redis said this.
func asReply(text string) error {
	word, _, _ := strings.Cut(text, " ")
	if known, is := answers[word]; is {
		return known.Err(word)
	}
	for beginning, known := range complaints {
		if strings.HasPrefix(text, beginning) {
			return known.Err(word)
		}
	}
	return fmt.Errorf("redis answered %s", broker.Clip(text))
}

// classify returns the delivery error for an error of a command. Its text contains no address and no credentials.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, redis.Nil) { // of a sentinel
		return dispatch.Unreachable(broker.NewTrouble(broker.ReasonMissing, "the sentinels know no master of this name"))
	}
	var answer redis.Error
	if errors.As(err, &answer) && !networkError(err) {
		return asReply(answer.Error())
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

func networkError(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}
