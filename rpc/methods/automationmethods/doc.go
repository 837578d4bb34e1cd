// Package automationmethods contains the JSON-RPC methods of automation: the settings of a session's assistant and its auto-replies.
//
// It must not know HTTP, sockets or the documents' dialects. Enter at Register.
package automationmethods
