// Package kit has no code of its own. The packages below it are shared by the transports and other parts of the server.
//
// database opens SQLite and PostgreSQL, migrates and repeats transactions that conflict; vault encrypts secrets that are stored;
// guard checks addresses of outbound requests; refusal classifies the errors of brokers; base64text decodes every form of base64;
// testkit is for tests.
package kit
