// Package wa holds what every part of the bridge shares about WhatsApp: typed errors, addresses of chats and people, and values
// that have a form in JSON. It imports no other part of the bridge except the packages of addresses.
package wa
