// Package digigo is the REST dialect of DIGIGO's API reference: operations for callers
// that hold a session's token, and for operators that hold the admin token.
//
// The document has several forms of answers and errors. Each row belongs to a family
// (see families), which says what credential it takes and which forms it has. Errors
// have the document's texts; one that concerns the request also names its field and
// what is wrong with it, which the document does not have.
//
// A user of the document is a session, its transport rabbitmq is amqp, and its dead
// letters and archive are the one archive of deliveries.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package digigo
