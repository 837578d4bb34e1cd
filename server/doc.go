// Command waystation serves WhatsApp sessions over a realtime API.
//
// This package owns the process: flags, wiring, the HTTP listener, shutdown and the subcommands. What it wires lives
// elsewhere: config (settings), auth (who calls), socket (the WebSocket), rpc and rpc/methods (what can be called),
// bridge (WhatsApp), transports (journal and database).
//
// Enter at run in main.go; app.go puts the parts together and takes them apart.
package main
