// Package budget bounds the memory that request bodies and unread replies of all callers occupy together, and the share
// of it that one principal may occupy.
//
// A Budget counts bytes by principal. Body reads the body of an HTTP request against a Budget: it counts bytes as they
// arrive instead of the announced length, and ends requests that make no progress.
package budget
