package rpc

import (
	"sync/atomic"
	"time"
)

// Outcome classes of calls, for figures.
const (
	outcomeOK       = iota
	outcomeRefused  // the caller's doing
	outcomeLimited  // rates, limits, a server that ends
	outcomeWhatsApp // not connected, or refused there
	outcomeTimeout
	outcomeFailed // the server's doing
	outcomeClasses
)

var outcomeNames = [outcomeClasses]string{"ok", "refused", "limited", "whatsapp", "timeout", "failed"}

// outcomeOf are the classes of errors; the others are refusals.
var outcomeOf = map[int]int{
	CodeInternal: outcomeFailed, CodeRateLimited: outcomeLimited, CodeShuttingDown: outcomeLimited, CodeOwnerUnavailable: outcomeLimited,
	CodeWhatsApp: outcomeWhatsApp, CodeSessionNotConnected: outcomeWhatsApp, CodeTimeout: outcomeTimeout,
}

// outcomes counts calls of a method.
type outcomes [outcomeClasses]atomic.Uint64

func (o *outcomes) countOutcome(problem *Error) {
	class := outcomeOK
	if problem != nil {
		class = outcomeRefused
		if of, listed := outcomeOf[problem.Code]; listed {
			class = of
		}
	}
	o[class].Add(1)
}

// ended records the outcome and the duration of a call that began at a time.
func (m *method) ended(problem *Error, began time.Time) {
	m.outcomes.countOutcome(problem)
	if m.observe != nil {
		m.observe(time.Since(began))
	}
}

// Outcome is how many calls of a method ended in a way, since the registry was made.
type Outcome struct {
	Method string
	Class  string // ok, refused, limited, whatsapp, timeout or failed
	Calls  uint64
}

// Outcomes lists the nonzero counts, by method and class.
func (reg *Registry) Outcomes() []Outcome {
	var list []Outcome
	for _, m := range reg.Methods() {
		for class := range outcomeClasses {
			if n := reg.methods[m.Name].outcomes[class].Load(); n > 0 {
				list = append(list, Outcome{m.Name, outcomeNames[class], n})
			}
		}
	}
	return list
}
