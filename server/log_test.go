package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// The log at info covers a session's life and its webhook, without numbers, addresses of people or texts.
func TestInfoLogFollowsASession(t *testing.T) {
	s := startServer(t, "-log-level", "info", "-allow-hosts", "127.0.0.1", "-delivery-backoff", "10ms")
	var broken atomic.Bool
	broken.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(receiver.Close)
	logged := func(parts ...string) {
		t.Helper()
		testkit.Eventually(t, strings.Join(parts, " "), func() bool {
			for line := range strings.SplitSeq(s.logged.String(), "\n") {
				all := strings.Contains(line, "level=INFO") || strings.Contains(line, "level=WARN")
				for _, part := range parts {
					all = all && strings.Contains(line, part)
				}
				if all {
					return true
				}
			}
			return false
		})
	}
	s.pair("shop", "15550100001")
	logged("session is waiting to be paired", "session=shop")
	logged("session was paired", "session=shop")
	logged("session connected", "session=shop")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
	s.call("webhook.update", object{"session": "shop", "url": receiver.URL + "/hook?key=hunter2", "events": []string{"Message"}})
	s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "a private text"})
	logged("delivery failed", "transport=webhook", "session=shop", "500")
	broken.Store(false)
	logged("target recovered", "transport=webhook", "session=shop")
	s.call("session.disconnect", object{"session": "shop"})
	logged("session disconnected", "reason=", "session=shop")
	s.call("session.connect", object{"session": "shop"})
	testkit.Eventually(t, "connection", func() bool { return s.state("shop") == "connected" })
	s.call("sandbox.unlinkDevice", object{"account": "15550100001"})
	logged("session was logged out", "level=WARN", "session=shop")
	for _, secret := range []string{"15550100001", "15550100002", "a private text", "hunter2", "100000000000001"} {
		if strings.Contains(s.logged.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, s.logged)
		}
	}
}
