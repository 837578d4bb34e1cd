package sandbox

import (
	"net/http"

	"go.mau.fi/whatsmeow"
)

// NewHTTPClient returns a client that opens every connection through dial and without TLS, regardless of the URL. Share one among many whatsmeow clients.
func NewHTTPClient(dial DialFunc) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:    dial,
		DialTLSContext: dial,
		// A kept connection would outlive the client that used it, and opening one over loopback or memory is cheap.
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
