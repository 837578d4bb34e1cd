package webhook

import (
	"net/http"
)

// verdict is the meaning of a response status for a delivery.
type verdict int

const (
	delivered verdict = iota
	retried           // the same request may work later
	refused           // permanent: the delivery becomes a dead letter immediately
)

// verdicts are the statuses that differ from their class: those below 500 for which another attempt may succeed. 403 and 404 are permanent although a
// deployment may return them for a while, because a receiver that wants a retry can return 503; dead letters can be replayed.
var verdicts = map[int]verdict{
	http.StatusRequestTimeout:     retried,
	http.StatusConflict:           retried, // returned by receivers that lock
	http.StatusMisdirectedRequest: retried, // concerns the connection
	http.StatusLocked:             retried,
	http.StatusTooEarly:           retried,
	http.StatusTooManyRequests:    retried,
}

// classify returns the verdict of a status: 2xx delivered, 5xx retried, others refused unless the table says otherwise. Redirects are refused:
// following one would turn the POST into a GET or send the event to an unchecked address.
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
