package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Of -max-watches the credentials of one session may use a quarter, those of all sessions three quarters, and the admin token the rest.
func TestWatchesAreShared(t *testing.T) {
	s := startServer(t, "-max-watches", "8")
	watch := func(c *socketClient, id string) (refusal any) {
		t.Helper()
		c.send(object{"jsonrpc": "2.0", "id": id, "method": "delivery.watch", "params": object{}})
		for {
			frame := c.read()
			if frame["method"] == "delivery.watching" {
				return nil
			}
			if frame["id"] == id {
				problem, _ := frame["error"].(object)
				data, _ := problem["data"].(object)
				return fmt.Sprint(data["reason"], ": ", problem["message"])
			}
		}
	}
	const refused = "rate_limited: too many open watches"
	for _, c := range []struct {
		session string // "" = the admin token
		more    int    // watches that it may open
	}{{"a", 2}, {"b", 2}, {"c", 2}, {"d", 0}, {"", 2}} {
		token := s.token
		if c.session != "" {
			token = s.call("session.create", object{"session_id": c.session})["token"].(string)
		}
		client := dial(t, s.url("/v1/ws"), token, nil)
		for i := range c.more {
			if refusal := watch(client, fmt.Sprint("watch-", i)); refusal != nil {
				t.Errorf("watch %d of %q: %v", i, c.session, refusal)
			}
		}
		if refusal := watch(client, "more"); refusal != refused {
			t.Errorf("one more watch of %q: %v", c.session, refusal)
		}
	}
}

// The admin token has -watch-tokens tokens at most that have not expired, and each is good for -watch-token-ttl.
func TestWatchTokensAreBounded(t *testing.T) {
	s := startServer(t, "-watch-tokens", "2", "-watch-token-ttl", "20m")
	for range 2 {
		if made := s.call("delivery.createWatchToken", nil); made["ttl_seconds"] != 1200.0 {
			t.Errorf("made %v", made)
		}
	}
	if r := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "delivery.createWatchToken", nil); r.Error == nil || r.Error.Data.Reason != "rate_limited" {
		t.Errorf("a third: %+v", r.Error)
	}
	short := startServer(t, "-watch-tokens", "1", "-watch-token-ttl", "1s")
	token := short.call("delivery.createWatchToken", nil)["token"].(string)
	testkit.Eventually(t, "the token expires", func() bool {
		status, _, stop := short.follow("?watch_token="+token, "", "")
		stop()
		return status == http.StatusUnauthorized
	})
	short.call("delivery.createWatchToken", nil) // the expired one made room
}
