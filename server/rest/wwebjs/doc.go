// Package wwebjs is the REST dialect of the HTTP API around whatsapp-web.js: the
// operations of its document, and those of the fork wwebjs-api that have a method.
//
// The session is in the path, and answers have success beside a key of their own.
// Session routes answer unknown sessions with status 200. Ids end in @c.us outside and
// are native among params.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package wwebjs
