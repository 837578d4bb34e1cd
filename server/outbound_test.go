package main

import (
	"testing"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/guard"
)

// TestAllowedHosts checks the permitted addresses on WhatsApp, with a simulation in this process, and with one in
// another.
func TestAllowedHosts(t *testing.T) {
	allow := []string{"10.0.0.1", "10.0.0.2:8080", "10.0.0.3:*", "10.1.0.0/16"}
	for address, want := range map[string][3]bool{ // WhatsApp, -sandbox, -sandbox-addr
		"http://127.0.0.1:3000/":  {false, true, false},
		"http://127.0.0.1/":       {false, true, false},
		"http://127.8.9.1:9/":     {false, true, false},
		"http://localhost:3000/":  {false, true, false},
		"http://[::1]:3000/":      {false, true, false},
		"http://10.0.0.1/":        {true, true, true},
		"https://10.0.0.1/":       {true, true, true},
		"http://10.0.0.1:8080/":   {false, true, true},
		"http://10.0.0.1:22/":     {false, true, true},
		"http://10.0.0.2:8080/":   {true, true, true},
		"http://10.0.0.2/":        {false, false, false},
		"http://10.0.0.3:12345/":  {true, true, true},
		"http://10.1.2.3/":        {true, true, true},
		"http://10.1.2.3:9200/":   {false, true, true},
		"http://10.9.9.9/":        {false, false, false},
		"http://169.254.169.254/": {false, false, false},
		"http://93.184.216.34:9/": {true, true, true},
	} {
		for i, cfg := range []config.Config{{}, {Sandbox: true}, {SandboxAddr: "127.0.0.1:1"}} {
			cfg.AllowHosts = allow
			g, err := guard.New(guardConfig(&cfg))
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Check(t.Context(), address); (err == nil) != want[i] {
				t.Errorf("%s in case %d: %v", address, i, err)
			}
			g.Close()
		}
	}
}

// TestLocalWebhookInTheSandbox sets a webhook on this machine with default settings.
func TestLocalWebhookInTheSandbox(t *testing.T) {
	s := startServer(t)
	s.call("session.create", object{"session_id": "shop"})
	for _, url := range []string{"http://127.0.0.1:8099/hook", "http://localhost:8099/hook?note=a b"} {
		s.call("webhook.update", object{"session": "shop", "url": url})
	}
}
