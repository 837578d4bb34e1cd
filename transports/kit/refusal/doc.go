// Package refusal reports which fields of settings are rejected, and why: one type for all settings of callers and the operator, so that one function
// converts it for callers.
//
// It must not know the purpose of the settings. Enter at Problems.
package refusal
