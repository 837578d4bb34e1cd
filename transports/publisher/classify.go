package publisher

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// DefaultClassify is the default of Config.Classify, for publishers whose errors are unknown. Errors of connections, expired deadlines and closed publishers
// are Unreachable: all events are held until the broker is back. All other errors are retried by the policy, because they may concern the event
// alone. It recognises a closed publisher by the word "closed", since Watermill's publishers have no common error for it.
func DefaultClassify(err error) error {
	if trouble := broker.Unanswered("the broker", err); trouble != nil {
		return dispatch.Unreachable(trouble)
	}
	if strings.Contains(strings.ToLower(err.Error()), "closed") {
		return dispatch.Unreachable(broker.NewTrouble(broker.ReasonUnreachable, broker.Clip(err.Error())))
	}
	return broker.NewTrouble(broker.ReasonRefused, broker.Clip(err.Error()))
}

// classifyError returns the delivery error for an error of a call, without credentials of URLs.
func (s *Sink) classifyError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broker.ErrClosed), errors.Is(ctx.Err(), context.Canceled):
		return withoutCredentials(err) // the sink, the target or the dispatcher ends
	}
	if classified := s.cfg.Classify(withoutCredentials(err)); classified != nil {
		return classified
	}
	return withoutCredentials(err) // Classify cannot turn an error into a success
}

// credentials matches the user information of a URL.
var credentials = regexp.MustCompile(`://[^/\s@]+@`)

// maskedError is an error whose text has no credentials of URLs.
type maskedError struct {
	error
	text string
}

func (m *maskedError) Error() string { return m.text }
func (m *maskedError) Unwrap() error { return m.error }

func withoutCredentials(err error) error {
	if text := err.Error(); credentials.MatchString(text) {
		return &maskedError{err, credentials.ReplaceAllString(text, "://***@")}
	}
	return err
}
