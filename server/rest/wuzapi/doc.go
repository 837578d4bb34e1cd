// Package wuzapi is the REST dialect of wuzapi's API reference: 32 operations for
// callers that hold a session's token.
//
// Answers have the form {"code", "data", "success"}, errors {"code", "error",
// "success"} with the document's texts. An error that concerns the request also
// names its field and what is wrong with it, which the document does not have.
// Where the real server answered failures with success, left replies to media out or
// wanted a body in GET alone, this dialect does what the document means.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package wuzapi
