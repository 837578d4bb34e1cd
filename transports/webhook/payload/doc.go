// Package payload contains the common parts of the webhook formats: the event as they receive it, the origin in its data, and the construction of
// bodies with a name.
//
// It must not know HTTP or any format, and reads the data of events as any client would. Enter at Format.
package payload
