package webhook

import (
	"errors"
	"strings"
)

// What the methods of Webhooks may answer, besides Problems and errors of the database and the context.
var (
	// ErrNotFound says that the session has no webhook of that id.
	ErrNotFound = errors.New("webhook: not found")
	// ErrTooMany says that the session has Config.MaxPerSession webhooks already.
	ErrTooMany = errors.New("webhook: too many of one session")
)

// Problem is what is wrong with one field of a webhook.
type Problem struct {
	Field string // as in Change, in snake case; events/2 for an element
	Text  string // for people; never repeats a secret
}

// Problems says why a webhook is refused.
type Problems []Problem

// Error names the fields and what is wrong with each.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Field + " " + problem.Text
	}
	return "webhook: " + strings.Join(texts, "; ")
}
