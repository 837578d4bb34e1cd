// Package guard makes the HTTP clients for every request the server sends to
// an address somebody else chose: media URLs, link previews, webhooks, pictures.
//
// It owns the decision which addresses may be reached. A host name is resolved
// once per connection, every address it has must be public or on the allow
// list, and the connection goes to one of exactly these addresses, so a name
// that changes its mind between check and use gains nothing. Redirects pass the
// same check. Size, time and number of redirects are bounded, and proxies from
// the environment are ignored.
//
// It must not know what is fetched or why. Enter at New, then Guard.Client.
package guard
