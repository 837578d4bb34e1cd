package main

import (
	"context"
	"strings"
	"testing"
)

func TestFirstSessionShowsCodes(t *testing.T) {
	s := startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.call("sandbox.createAccount", object{"number": "15550100001"})
	show := func() (ended chan struct{}) {
		session, err := s.app.firstSession(ctx)
		if err != nil || session == nil || session.ID() != "default" {
			t.Fatal(session, err)
		}
		ended = make(chan struct{})
		go func() {
			defer close(ended)
			s.app.showCodes(ctx, session)
		}()
		return ended
	}
	says := func(text string) {
		t.Helper()
		eventually(t, text, func() bool { return strings.Contains(s.out.String(), text) })
	}

	ended := show()
	says("Code 1 of ")
	says("▀")
	s.call("sandbox.restart", nil)
	<-ended
	says("No phone scanned the codes of session default")

	ended = show()
	eventually(t, "code", func() bool { return s.state("default") == "pairing" })
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "default"})
	<-ended
	says("Session default is connected as 15550100001.")
	if strings.Contains(s.out.String(), "\x1b") {
		t.Error("colours were sent to something that is no terminal")
	}
	if session, err := s.app.firstSession(ctx); session != nil || err != nil {
		t.Errorf("a paired session is shown again: %v, %v", session, err)
	}
}

func TestNoFirstSessionBesideOthers(t *testing.T) {
	s := startServer(t)
	s.call("session.create", object{"session_id": "shop"})
	if session, err := s.app.firstSession(t.Context()); session != nil || err != nil {
		t.Errorf("got %v, %v", session, err)
	}
}
