package badinput

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestLogNamesNoPersonAndNoSecret runs the whole life of two sessions at the level debug, one paired by QR code and one by
// pairing code: messages in and out, a group, errors, a restart, a logout and deletion. No line of the process holds a phone
// number, a name, a text or a secret that was used. The log of the sandbox process is not part of the test.
func TestLogNamesNoPersonAndNoSecret(t *testing.T) {
	const (
		ann, ben, carla, dora = "15550770001", "15550770002", "15550770003", "15550770004"
		shortToken, hookKey   = "s4rttokn", "webhook-canary-key-0123456789"
		proxyKey, words       = "proxy-canary-key", "meet me under the clock"
		subject, name         = "Harbour Choir Canary", "Ben Canaryname"
		wrongToken            = "wrong-token-canary-000000"
	)
	secrets := []string{
		ann, ben, carla, dora, shortToken, hookKey, proxyKey, words, subject, name, wrongToken, e2etest.AdminToken, "Anncanary", "Carlacanary",
		"reply-canary", "caption-canary",
	}
	network, root := e2etest.StartSandbox(t)
	addr, dir := testkit.FreeAddress(t), t.TempDir()
	file := filepath.Join(dir, "waystation.db")
	serve := func() *e2etest.Process {
		return e2etest.StartServer(t, addr, network, root, dir, file, "-log-level", "debug", "-allow-hosts", "127.0.0.1")
	}
	server := serve()
	for number, push := range map[string]string{ann: "Anncanary", ben: name, carla: "Carlacanary"} {
		e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": number, "push_name": push}, nil)
	}
	var made struct {
		Token    string
		Warnings []string
	}
	e2etest.MustCall(t, addr, "session.create", object{"session_id": "shop", "token": shortToken, "webhook": object{
		"url": "http://127.0.0.1:9/hook", "secret": hookKey,
	}, "proxy": object{"enabled": false, "url": "socks5://me:" + proxyKey + "@127.0.0.1:1080"}}, &made)
	if len(made.Warnings) != 1 || strings.Contains(made.Warnings[0], shortToken) {
		t.Errorf("warnings about a short token: %q", made.Warnings)
	}
	e2etest.MustCall(t, addr, "session.create", object{"session_id": "desk"}, &made)
	e2etest.MustCall(t, addr, "session.connect", object{"session": "shop"}, nil)
	testkit.Within(t, 20*time.Second, "the QR code is scanned", func() bool {
		return e2etest.CallMethod(addr, "sandbox.scanQrCode", object{"account": ann, "session": "shop"}, nil) == nil
	})
	var shown struct{ Code string }
	e2etest.MustCall(t, addr, "session.requestPairingCode", object{"session": "desk", "phone": ben}, &shown)
	e2etest.MustCall(t, network.Addr, "sandbox.enterPairingCode", object{"account": ben, "code": shown.Code}, nil)
	secrets = append(secrets, made.Token, shown.Code)
	for _, session := range []string{"shop", "desk"} {
		testkit.Within(t, 20*time.Second, session+" is connected", func() bool { return e2etest.IsConnected(server, session) })
	}

	e2etest.MustCall(t, addr, "message.sendText", object{"session": "shop", "to": ben, "text": words}, nil)
	e2etest.MustCall(t, network.Addr, "sandbox.send", object{"account": carla, "to": ann, "content": object{"type": "text", "text": "reply-canary"}}, nil)
	e2etest.MustCall(t, addr, "message.sendImage", object{"session": "shop", "to": carla, "caption": "caption-canary", "media": object{"base64": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 7))}}, nil)
	e2etest.MustCall(t, addr, "group.create", object{"session": "shop", "name": subject, "participants": []string{ben, carla}}, nil)
	// Errors: an unknown number, a broken proxy, a wrong credential, a message that does not exist.
	_ = e2etest.CallMethod(addr, "message.sendText", object{"session": "shop", "to": dora, "text": words}, nil)
	_ = e2etest.CallMethod(addr, "contact.getInfo", object{"session": "shop", "contact": dora}, nil)
	_ = e2etest.CallMethod(addr, "message.react", object{"session": "shop", "chat": carla, "message_id": "NONE", "emoji": "x"}, nil)
	_ = e2etest.CallMethod(addr, "session.create", object{"session_id": "next", "token": shortToken}, nil)
	if response, err := e2etest.Client.Get("http://" + addr + "/v1/ws?token=" + wrongToken); err == nil {
		_ = response.Body.Close()
	}
	testkit.Within(t, 20*time.Second, "the messages have arrived", func() bool {
		var found struct{ Messages []object }
		return e2etest.CallMethod(addr, "message.search", object{"session": "shop", "query": "reply-canary"}, &found) == nil && len(found.Messages) > 0
	})
	before := server.Text()
	server.Kill()
	server = serve()
	for _, session := range []string{"shop", "desk"} {
		testkit.Within(t, 20*time.Second, session+" is connected again", func() bool { return e2etest.IsConnected(server, session) })
	}
	e2etest.MustCall(t, addr, "session.logout", object{"session": "shop"}, nil)
	e2etest.MustCall(t, addr, "session.delete", object{"session": "desk", "purge": true}, nil)
	for life, text := range map[string]string{"first": before, "second": server.Text()} {
		if !strings.Contains(text, "Successfully") {
			t.Errorf("the %s process wrote no line of whatsmeow: the level is not debug", life)
		}
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 && secret != "" {
				t.Errorf("the log of the %s process holds %q: %s", life, secret, text[max(0, i-160):min(len(text), i+100)])
			}
		}
	}
	if !strings.Contains(before, "token of a session is short") {
		t.Error("no warning about the short token in the log")
	}
}
