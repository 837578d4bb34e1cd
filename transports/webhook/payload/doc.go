// Package payload is what the formats of webhooks have in common: the event as they get it, where its data says whose it
// is, and how a format that names each of its bodies makes them.
//
// It must not know HTTP or any format, and reads the data of events as any client would. Enter at Format.
package payload
