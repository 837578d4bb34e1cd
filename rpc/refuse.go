package rpc

import (
	"math"
	"net/http"
	"strconv"
)

// statuses gives errors their HTTP status where HTTP has one; others are the server's fault (500).
var statuses = map[int]int{
	CodeParse: http.StatusBadRequest, CodeInvalidRequest: http.StatusBadRequest, CodeInvalidParams: http.StatusBadRequest,
	CodeUnauthenticated: http.StatusUnauthorized, CodeForbidden: http.StatusForbidden, CodeNotFound: http.StatusNotFound,
	CodeConflict: http.StatusConflict, CodeRateLimited: http.StatusTooManyRequests, CodeTooLarge: http.StatusRequestEntityTooLarge,
	CodePositionLost: http.StatusGone, CodeNotSupported: http.StatusNotImplemented, CodeShuttingDown: http.StatusServiceUnavailable,
	CodeTimeout: http.StatusGatewayTimeout, CodeSessionNotConnected: http.StatusServiceUnavailable, CodeOwnerUnavailable: http.StatusServiceUnavailable,
}

// HTTPStatus is the status of an answer that is this error.
func HTTPStatus(problem *Error) int {
	status := statuses[problem.Code]
	switch {
	case status != 0:
		return status
	case problem.Reason == reasonStorage:
		return http.StatusServiceUnavailable // the request may be valid; it could not be checked
	}
	return http.StatusInternalServerError
}

// reasonStorage marks internal errors that pass with the trouble of the database.
const reasonStorage = "storage"

// Refuse answers an HTTP request outside of JSON-RPC with the error object that a call would get, as {"error":{...}}.
func (reg *Registry) Refuse(w http.ResponseWriter, problem *Error) {
	if problem.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(problem.RetryAfter.Seconds()))))
	}
	if problem.Code == CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="waystation"`)
	}
	body := append(problem.AppendJSON([]byte(`{"error":`), reg.requestID()), '}', '\n')
	writeJSON(w, HTTPStatus(problem), body)
}
