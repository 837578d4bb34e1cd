// Package origin decides which web pages may talk to this server.
//
// It owns the list of allowed origins, the one check that sockets, event streams and plain requests share, and the CORS
// headers that follow from it. A request without Origin does not come from a page and passes.
//
// It must not know what is served or who calls: credentials never come by cookies, so an allowed page can do nothing
// without a token or ticket of its own.
//
// Enter at New, List.Allows and List.Guard.
package origin
