package redis

import (
	"context"
	"crypto/tls"
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
	text string
}{
	"NOAUTH":      {away, "redis asks for a password"},
	"WRONGPASS":   {away, "redis refuses the user or the password"},
	"NOPERM":      {refused, "redis refuses the command, the key or the channel to this user"},
	"LOADING":     {away, "redis is loading its data"},
	"READONLY":    {away, "this redis is a replica that takes no writes"},
	"MASTERDOWN":  {away, "this redis has lost its master"},
	"CLUSTERDOWN": {away, "the redis cluster is down"},
	"MISCONF":     {away, "redis takes no writes because it cannot save them"},
	"NOREPLICAS":  {away, "redis takes no writes because replicas are missing"},
	"OOM":         {retried, "redis is out of memory"},
	"WRONGTYPE":   {refused, "the stream's name is that of another kind of data"},
	"TRYAGAIN":    {retried, "the redis cluster is moving the stream"},
	"BUSY":        {retried, "redis is busy with a script"},
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
			return dispatch.Unreachable(errors.New(answers["WRONGPASS"].text)), true
		case !is:
			return fmt.Errorf("redis answered %s", broker.Clip(answer.Error())), false
		}
		shown := fmt.Errorf("%s (%s)", known.text, word)
		switch known.verdict {
		case away:
			return dispatch.Unreachable(shown), true
		case refused:
			return dispatch.Refused(shown), false
		}
		return shown, false
	}
	if errors.Is(err, broker.ErrClosed) || errors.Is(err, context.Canceled) {
		return err, false
	}
	return dispatch.Unreachable(errors.New(reason(err))), true
}

func network(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}

// reason is why there was no answer.
func reason(err error) string {
	var n net.Error
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return "redis has a certificate that is not believed: " + certificate.Err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return "redis did not answer in time"
	case errors.As(err, &name):
		return "there is no host of the redis' name"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return "redis cannot be reached: " + op.Err.Error()
	}
	return "redis cannot be reached: " + broker.Clip(err.Error())
}
