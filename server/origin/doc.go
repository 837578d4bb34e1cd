// Package origin decides which web pages may send requests to this server.
//
// It owns the list of allowed origins, the one check that sockets, event streams and plain requests share, and the
// CORS headers that follow from it. A request without Origin does not come from a page and passes.
//
// It must not know the endpoints or the callers: the cookies of log-ins count for pages of the server itself alone
// (package rest), so an allowed page can do nothing without a token or ticket of its own.
//
// Start reading at New, List.Allows and List.Guard.
package origin
