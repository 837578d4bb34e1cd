package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// get requests a REST route and returns status and body.
func (s *testServer) get(path, token string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Token", token)
	response, err := plainHTTP.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

func (s *testServer) pairingStep(session string) string {
	s.t.Helper()
	pairing, _ := s.call("session.getStatus", object{"session": session})["pairing"].(object)
	step, _ := pairing["step"].(string)
	return step
}

// A socket receives the request, a later one finds it in the status, and REST neither hangs nor shows the void code.
func TestPasskeyOnSocketAndREST(t *testing.T) {
	s := startServer(t)
	s.call("sandbox.createAccount", object{"number": "15550100001", "passkey": object{}})
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	client := dial(t, s.url("/v1/ws"), token, object{"filters": []object{{"sessions": []string{"*"}, "include_volatile": true}}})
	s.call("session.connect", object{"session": "shop", "wait_seconds": 10})
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "shop"})
	var options object
	for seen := map[string]bool{}; !seen["state"] || !seen["request"]; {
		frame := client.read()
		params, _ := frame["params"].(object)
		data, _ := params["data"].(object)
		switch pairing, _ := data["pairing"].(object); {
		case frame["method"] == "signal" && params["type"] == "PasskeyRequest":
			seen["request"] = true
			options, _ = data["public_key"].(object)
			if options["challenge"] == nil || data["expires_at"] == nil || data["withdrawn"] != "qr" {
				t.Errorf("signal %v", data)
			}
		case frame["method"] == "event" && params["type"] == "SessionState" && pairing["step"] == "passkey":
			seen["state"] = true
			if data["withdrawn"] != "qr" || pairing["expires_at"] == nil || pairing["public_key"] != nil {
				t.Errorf("event %v", data)
			}
		}
	}
	late := dial(t, s.url("/v1/ws"), token, nil)
	pairing, _ := late.call("session.getStatus", object{})["pairing"].(object)
	if key, _ := pairing["public_key"].(object); key["challenge"] != options["challenge"] {
		t.Errorf("a later socket finds %v", pairing)
	}
	for _, dialect := range []string{"", "/wuzapi"} {
		if code, body := s.get(dialect+"/session/status", token); code != http.StatusOK || !strings.Contains(strings.ToLower(body), `"loggedin":false`) {
			t.Errorf("%s/session/status in the passkey step: %d %s", dialect, code, body)
		}
		if code, body := s.get(dialect+"/session/qr", token); code == http.StatusOK || !strings.Contains(body, "passkey") {
			t.Errorf("%s/session/qr in the passkey step: %d %s", dialect, code, body)
		}
	}
	answer := late.call("session.submitPasskey", object{"response": s.call("sandbox.signPasskey", object{"account": "15550100001", "public_key": options})["response"]})
	if encoded, err := json.Marshal(answer); err != nil || !strings.Contains(string(encoded), `"status"`) {
		t.Errorf("answer %s", encoded)
	}
	testkit.Eventually(t, "connection", func() bool { return s.state("shop") == "connected" })
	if code, body := s.get("/wuzapi/session/status", token); code != http.StatusOK || !strings.Contains(body, `"LoggedIn":true`) {
		t.Errorf("status afterwards: %d %s", code, body)
	}
}

func TestGreetingMentionsPasskey(t *testing.T) {
	s := startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.call("sandbox.createAccount", object{"number": "15550100001", "passkey": object{"timeout_seconds": 1}})
	session, err := s.app.firstSteps().CreateSession(ctx, "default")
	if err != nil || session == nil {
		t.Fatal(session, err)
	}
	ended := make(chan struct{})
	show := func() {
		defer close(ended)
		s.app.firstSteps().ShowCodes(ctx, session)
	}
	says := func(text string) {
		t.Helper()
		testkit.Eventually(t, text, func() bool { return strings.Contains(s.out.String(), text) })
	}
	go show()
	says("Code 1 of ")
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "default"})
	says("WhatsApp now asks for the passkey")
	<-ended
	says("Session default is not linked (passkey_timeout)")

	s.call("sandbox.setPasskey", object{"account": "15550100001", "required": true})
	s.call("session.connect", object{"session": "default", "wait_seconds": 10})
	ended = make(chan struct{})
	go show()
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "default"})
	testkit.Eventually(t, "passkey step", func() bool { return s.pairingStep("default") == "passkey" })
	s.call("session.submitPasskey", object{"session": "default", "response": s.call("sandbox.signPasskey", object{"account": "15550100001"})["response"]})
	<-ended
	says("Session default is connected as 15550100001.")
}
