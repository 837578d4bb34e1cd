package main

import (
	"testing"

	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Deleting a session deletes the cursors of every credential's consumers in it, and no others.
func TestDeletedSessionLosesItsCursors(t *testing.T) {
	s := startServer(t, "-session", "none")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	s.call("session.create", object{"session_id": "bakery"})
	own := dial(t, s.url("/v1/ws"), token, object{"consumer": "reader"})
	all := dial(t, s.url("/v1/ws"), s.token, object{"consumer": "reader", "from": "oldest"})
	shop := auth.SessionPrincipal(s.app.bridge.OwnerOf("shop"))
	stored := func() (sessions []string) {
		for _, principal := range []string{"admin", shop} {
			list, err := s.app.consumers.List(t.Context(), principal, "reader")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				sessions = append(sessions, c.Session)
			}
		}
		return sessions
	}
	if got := stored(); len(got) != 3 {
		t.Fatalf("cursors of %v", got)
	}
	s.call("session.delete", object{"session": "shop"})
	if _, _, err := own.ws.Read(t.Context()); err == nil {
		t.Error("the socket of a deleted session goes on")
	}
	_ = all.ws.CloseNow()
	testkit.Eventually(t, "the connections end", func() bool { return s.app.endpoint.Connections() == 0 })
	if got := stored(); len(got) != 1 || got[0] != "bakery" {
		t.Errorf("cursors of %v are left", got)
	}
	consumers := s.call("events.consumers", object{})["consumers"].([]any)
	if len(consumers) != 1 || consumers[0].(object)["connected"] != false {
		t.Errorf("%v", consumers)
	}
	s.call("events.deleteConsumer", object{"consumer": "reader"})
}
