// Package digigo is the REST dialect of DIGIGO's API reference: operations for callers
// that hold a session's token, and for operators that hold the admin token.
//
// The document has several forms of answers and errors. Each row belongs to a family
// (see families), which has its credential and its forms. Errors have the document's
// texts; errors of requests also have the bad fields, an extension.
//
// A user of the document is a session, its transport rabbitmq is amqp, and its dead
// letters and archive are the one archive of deliveries.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package digigo
