// Package rest is the engine under the REST dialects: it serves the documented HTTP
// APIs of other gateways by calling methods.
//
// A Dialect is the surface of one document: where credentials are, the envelope of
// answers, the form of errors, and a table of routes. A route is a row (Row) with a
// small function that turns a request into calls of methods and their results into
// the documented answer. Everything else is the engine's: routing, authentication,
// limits of bodies and rates, decoding of JSON, forms, multipart, query and path,
// the naming of bad fields, HEAD and OPTIONS, request ids, and the OpenAPI document.
//
// It must not know WhatsApp or SQL, and it implements no operation: what no method
// gives belongs into a method. Enter at New and Dialect.
package rest
