// Package rest is the engine under the REST dialects: it serves the documented HTTP
// APIs of other gateways by calling methods.
//
// A Dialect is the surface of one document: where credentials are, the envelope of
// answers, the form of errors, and a table of routes. A route is a row: a request
// and an answer whose tags name params and results of one method (Pass), one of several
// such forms (OneOf), or a small function that calls several methods (Row). Everything else is the engine's: routing, authentication,
// limits of bodies and rates, decoding of JSON, forms, multipart, query and path,
// the naming of bad fields, HEAD and OPTIONS, request ids, and the OpenAPI document.
//
// It must not know WhatsApp or SQL, and it implements no operation: effects belong
// into methods. Enter at New, Dialect and Pass.
package rest
