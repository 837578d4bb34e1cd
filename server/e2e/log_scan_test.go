package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		ann, ben, carla, dora, shortToken, hookKey, proxyKey, words, subject, name, wrongToken, adminToken, "Anncanary", "Carlacanary",
		"reply-canary", "caption-canary",
	}
	network, root := startSandbox(t)
	addr, dir := freeAddress(t), t.TempDir()
	file := filepath.Join(dir, "waystation.db")
	serve := func() *process {
		return startServer(t, addr, network, root, dir, file, "-log-level", "debug", "-allow-hosts", "127.0.0.1")
	}
	server := serve()
	for number, push := range map[string]string{ann: "Anncanary", ben: name, carla: "Carlacanary"} {
		must(t, network.addr, "sandbox.createAccount", object{"number": number, "push_name": push}, nil)
	}
	var made struct {
		Token    string
		Warnings []string
	}
	must(t, addr, "session.create", object{"session_id": "shop", "token": shortToken, "webhook": object{
		"url": "http://127.0.0.1:9/hook", "secret": hookKey,
	}, "proxy": object{"enabled": false, "url": "socks5://me:" + proxyKey + "@127.0.0.1:1080"}}, &made)
	if len(made.Warnings) != 1 || strings.Contains(made.Warnings[0], shortToken) {
		t.Errorf("warnings about a short token: %q", made.Warnings)
	}
	must(t, addr, "session.create", object{"session_id": "desk"}, &made)
	must(t, addr, "session.connect", object{"session": "shop"}, nil)
	eventually(t, 20*time.Second, "the QR code is scanned", func() bool {
		return call(addr, "sandbox.scanQrCode", object{"account": ann, "session": "shop"}, nil) == nil
	})
	var shown struct{ Code string }
	must(t, addr, "session.requestPairingCode", object{"session": "desk", "phone": ben}, &shown)
	must(t, network.addr, "sandbox.enterPairingCode", object{"account": ben, "code": shown.Code}, nil)
	secrets = append(secrets, made.Token, shown.Code)
	for _, session := range []string{"shop", "desk"} {
		eventually(t, 20*time.Second, session+" is connected", func() bool { return connected(server, session) })
	}

	must(t, addr, "message.sendText", object{"session": "shop", "to": ben, "text": words}, nil)
	must(t, network.addr, "sandbox.send", object{"account": carla, "to": ann, "content": object{"type": "text", "text": "reply-canary"}}, nil)
	must(t, addr, "message.sendImage", object{"session": "shop", "to": carla, "caption": "caption-canary", "media": object{"base64": dataURL("image/jpeg", jpegFile(t, 7))}}, nil)
	must(t, addr, "group.create", object{"session": "shop", "name": subject, "participants": []string{ben, carla}}, nil)
	// Errors: an unknown number, a broken proxy, a wrong credential, a message that does not exist.
	_ = call(addr, "message.sendText", object{"session": "shop", "to": dora, "text": words}, nil)
	_ = call(addr, "contact.getInfo", object{"session": "shop", "contact": dora}, nil)
	_ = call(addr, "message.react", object{"session": "shop", "chat": carla, "message_id": "NONE", "emoji": "x"}, nil)
	_ = call(addr, "session.create", object{"session_id": "next", "token": shortToken}, nil)
	if response, err := client.Get("http://" + addr + "/v1/ws?token=" + wrongToken); err == nil {
		_ = response.Body.Close()
	}
	eventually(t, 20*time.Second, "the messages have arrived", func() bool {
		var found struct{ Messages []object }
		return call(addr, "message.search", object{"session": "shop", "query": "reply-canary"}, &found) == nil && len(found.Messages) > 0
	})
	before := server.text()
	server.kill()
	server = serve()
	for _, session := range []string{"shop", "desk"} {
		eventually(t, 20*time.Second, session+" is connected again", func() bool { return connected(server, session) })
	}
	must(t, addr, "session.logout", object{"session": "shop"}, nil)
	must(t, addr, "session.delete", object{"session": "desk", "purge": true}, nil)
	for life, text := range map[string]string{"first": before, "second": server.text()} {
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

// text returns the output of the process.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}
