// Package message converts between WhatsApp's protobuf messages and the message objects that events, results and the store show.
//
// New reads a message of any kind, FromRow the stored form of one. Builder makes the protobuf message for a Content. The package
// sends nothing and keeps nothing.
package message
