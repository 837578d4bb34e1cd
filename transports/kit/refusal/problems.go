package refusal

import (
	"fmt"
	"strings"
)

// Problem describes an invalid field of a configuration.
type Problem struct {
	Field string // in snake case, as in settings and calls; events/2 for an element
	Text  string // for people; never repeats a secret
}

// Problems says why a configuration is refused.
type Problems []Problem

// Error returns the invalid fields and the problem of each.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Field + " " + problem.Text
	}
	return strings.Join(texts, "; ")
}

// Add notes a problem.
func (p *Problems) Add(field, text string) { *p = append(*p, Problem{field, text}) }

// NoEvent is the text of a problem with an element that is not the name of an event.
func NoEvent(name string) string {
	return fmt.Sprintf("is not an event (%.64q); rpc.discover lists them under x-events", name)
}

// Err is nil when there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
