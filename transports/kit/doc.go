// Package kit has no code of its own: below it is what transports and other parts share without being a transport.
//
// database opens SQLite and PostgreSQL, migrates and repeats transactions that conflict; vault encrypts secrets that are stored;
// guard checks addresses of outbound requests; refusal classifies what brokers answer; base64text decodes every form of base64.
package kit
