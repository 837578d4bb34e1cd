// Package wuzapi makes of events what receivers written for wuzapi expect: an object of event, type and sometimes state,
// whose event has the field names of whatsmeow's Go structs.
//
// It fills in what our events know; what they do not know has the zero value of the Go type. Messages sent
// through this server are marked with IsFromAPI, as DIGIGO's are, whose events the document names and does not show.
//
// Enter at Payload and Types. It must not know HTTP, and reads the data of events as any client would.
package wuzapi
