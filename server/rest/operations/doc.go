// Package operations is the REST dialect of the operations API of Waxum: settings,
// privacy tokens and spam reports of sessions, for callers with a bearer token.
//
// Answers have no envelope. Errors have the form {"success", "error": {"code",
// "message"}}, those of credentials {"error", "message"}, and those of bodies are
// lines of text, as documented.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package operations
