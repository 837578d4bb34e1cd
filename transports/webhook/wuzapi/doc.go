// Package wuzapi converts events for receivers written for wuzapi: an object of event, type and sometimes state, whose event has the field names of
// whatsmeow's Go structs.
//
// It fills in the fields known from our events; the others have the zero value of the Go type. Messages sent through this server are marked with
// IsFromAPI, like those of DIGIGO, whose events the document names and does not show.
//
// Enter at Payload and Types. It must not know HTTP, and reads the data of events as any client would.
package wuzapi
