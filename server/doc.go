// Command waystation serves WhatsApp sessions over a realtime API.
//
// This package owns the process: it connects the parts, starts them in order and shuts them down. The parts are
// packages of their own: cli (commands), config (settings), api (HTTP), auth (credentials), socket (the WebSocket), rpc
// and rpc/methods (the methods), bridge (WhatsApp), transports (journal and database).
//
// Start reading at newApp in app.go, which lists the steps of a start; main.go begins with the command line.
package main
