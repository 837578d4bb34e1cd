// Package wwebjs is the REST dialect of the HTTP API around whatsapp-web.js. It serves
// a part of the document.
//
// The session is in the path, and answers have success beside a key of their own.
// Session routes answer unknown sessions with status 200. Ids end in @c.us outside and
// are native among params.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package wwebjs
