// Package wuzapi is the REST dialect of wuzapi: the 32 operations of its API
// reference, and 52 of later versions and clients. Callers have a session's token;
// operations on users take the admin token.
//
// Answers have the form {"code", "data", "success"}, errors {"code", "error",
// "success"} with the document's texts. Errors of requests also have
// the bad fields, an extension. Where the real server answered failures with success,
// dropped replies to media or required a body in GET, this dialect follows the intent
// of the document.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package wuzapi
