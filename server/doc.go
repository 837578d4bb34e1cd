// Command waystation serves WhatsApp sessions over a realtime API.
//
// This package owns the process: flags, wiring, the HTTP listener, shutdown and the subcommands. The parts are
// packages of their own: config (settings), auth (credentials), socket (the WebSocket), rpc and rpc/methods (the
// methods), bridge (WhatsApp), transports (journal and database).
//
// Start reading at run in main.go; app.go opens and closes the parts.
package main
