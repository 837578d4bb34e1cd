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

// answers are the errors of a Redis by their first word. Those that are away say nothing about the event: it is held
// until the server, or who runs it, thinks better of it.
var answers = map[string]struct {
	away bool
	text string
}{
	"NOAUTH":      {true, "redis asks for a password"},
	"WRONGPASS":   {true, "redis refuses the user or the password"},
	"NOPERM":      {true, "redis refuses the command or the key to this user"},
	"LOADING":     {true, "redis is loading its data"},
	"READONLY":    {true, "this redis is a replica that takes no writes"},
	"MASTERDOWN":  {true, "this redis has lost its master"},
	"CLUSTERDOWN": {true, "the redis cluster is down"},
	"MISCONF":     {true, "redis takes no writes because it cannot save them"},
	"NOREPLICAS":  {true, "redis takes no writes because replicas are missing"},
	"OOM":         {false, "redis is out of memory"},
	"WRONGTYPE":   {false, "the stream's name is that of another kind of data"},
	"TRYAGAIN":    {false, "the redis cluster is moving the stream"},
	"BUSY":        {false, "redis is busy with a script"},
}

// classify tells what an error of a command means for a delivery. Its text has no address and no credentials.
func classify(err error) (classified error, away bool) {
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
		case known.away:
			return dispatch.Unreachable(fmt.Errorf("%s (%s)", known.text, word)), true
		}
		return fmt.Errorf("%s (%s)", known.text, word), false
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
