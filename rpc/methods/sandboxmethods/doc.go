// Package sandboxmethods has the JSON-RPC methods sandbox.*, which script the simulated WhatsApp network.
//
// They exist only while the server is on that network, and are for admins. A method translates its params into a call of package
// sandbox; the network may be in this process or in another one. Enter at Register.
package sandboxmethods
