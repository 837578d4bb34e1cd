package webhook

import (
	"net/http"
)

// verdict is what an answer means for a delivery.
type verdict int

const (
	delivered verdict = iota
	retried           // the same request may work later
	refused           // it will not: the delivery becomes a dead letter at once
)

// verdicts are the answers that mean something else than their class: those below 500 of which another attempt may go
// better. 403 and 404 are refused although a deployment may answer them for a while, because a receiver that wants a
// repeat has 503 for it; dead letters can be replayed.
var verdicts = map[int]verdict{
	http.StatusRequestTimeout:     retried,
	http.StatusConflict:           retried, // receivers that lock say so
	http.StatusMisdirectedRequest: retried, // about the connection
	http.StatusLocked:             retried,
	http.StatusTooEarly:           retried,
	http.StatusTooManyRequests:    retried,
}

// classify tells what a status means: 2xx delivered, 5xx retried, others refused unless the table says otherwise.
// Redirects are refused: following one would turn the POST into a GET or send the event to an address nobody checked.
func classify(status int) verdict {
	if v, ok := verdicts[status]; ok {
		return v
	}
	switch {
	case status >= 200 && status < 300:
		return delivered
	case status >= 500:
		return retried
	}
	return refused
}
