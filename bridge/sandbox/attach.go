package sandbox

import (
	"net/http"

	"go.mau.fi/whatsmeow"
)

// NewHTTPClient makes a client whose every connection, whatever the URL says, goes through dial and without TLS. Share one among many whatsmeow clients.
func NewHTTPClient(dial DialFunc) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:    dial,
		DialTLSContext: dial,
		// A kept connection would outlive the client that used it; a new one to loopback or memory costs nothing worth saving.
		DisableKeepAlives: true,
	}}
}

// Attach points a whatsmeow client at the sandbox: login, socket and media. Call it before Connect.
func Attach(cli *whatsmeow.Client, dial DialFunc) {
	client := NewHTTPClient(dial)
	cli.SetPreLoginHTTPClient(client)
	cli.SetWebsocketHTTPClient(client)
	cli.SetMediaHTTPClient(client)
}
