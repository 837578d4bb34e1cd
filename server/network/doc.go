// Package network selects the network of a server's sessions: WhatsApp, a simulation in the server's process, or a
// simulation in a process of its own. It contains both ends of the calls to that process.
package network
