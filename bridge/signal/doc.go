// Package signal guards the Signal and app-state stores of a session. A decryption is written in one transaction with the event of
// the decrypted message, no two encryptions use the same message key, and each step of an app-state collection is one transaction.
package signal
