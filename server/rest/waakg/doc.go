// Package waakg is the REST dialect of WA-AKG's HTTP API.
//
// The document and its public server differ in their answers: this dialect answers
// a superset with status, success and the documented keys. Requests without a
// credential and those with an unknown one have different errors, as documented.
//
// It must not know WhatsApp or SQL: it is a table of rows that call methods. Enter at
// New.
package waakg
