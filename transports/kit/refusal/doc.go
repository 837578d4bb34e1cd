// Package refusal says which fields of settings are refused, and why: one type for all that callers and the operator
// configure, so that one place turns it into what a caller sees.
//
// It must not know what the settings are for. Enter at Problems.
package refusal
