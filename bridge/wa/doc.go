// Package wa has the types that all parts of the bridge share: typed errors, addresses of chats and people, and values
// that can be encoded as JSON. It imports no other part of the bridge except the packages of addresses.
package wa
