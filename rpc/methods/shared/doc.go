// Package shared contains what the packages of methods have in common: registration of
// methods that act on a session, conversion of errors, and values that may be null.
//
// It must not know a namespace. Enter at OnSession and MapError.
package shared
