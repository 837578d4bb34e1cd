// Package guard makes the HTTP clients for every request of the server to an address chosen by others: media URLs, link previews, webhooks, pictures.
//
// It decides which addresses may be reached. A host name is resolved once per connection, every address it has must be public or on the allow list,
// and the connection goes to one of exactly these addresses, so that a DNS change between check and use has no effect. Redirects pass the same check.
// Size, time and number of redirects are limited, and proxies from the environment are ignored.
//
// The package must not know the content or purpose of the requests. Enter at New, then Guard.Client.
package guard
