package methods_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/sandboxmethods"
)

// newSandboxAdmin returns an admin with the sandbox methods.
func newSandboxAdmin(t *testing.T) *admin {
	a := newAdmin(t)
	sandboxmethods.Register(a.calls, sandboxmethods.Deps{Network: a.network, Bridge: a.bridge})
	return a
}

func (a *admin) status(session string) result {
	a.t.Helper()
	return a.call("session.getStatus", params{"session": session})
}

// step waits until session.getStatus shows a step of the session's pairing.
func (a *admin) step(session, name string, match func(result) bool) result {
	a.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		status := a.status(session)
		pairing, _ := status["pairing"].(map[string]any)
		if pairing != nil && pairing["step"] == name && (match == nil || match(pairing)) {
			return pairing
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("the session is %v, pairing %v, and not in the step %s", status["state"], pairing, name)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ask brings a session into the step passkey.
func (a *admin) ask(session, account string, byCode bool) result {
	a.t.Helper()
	a.call("session.connect", params{"session": session, "wait_seconds": 10})
	a.step(session, "qr", nil)
	var described result
	if byCode {
		code := a.call("session.requestPairingCode", params{"session": session, "phone": account})
		if pairing := a.step(session, "code", nil); pairing["expires_at"] == nil {
			a.t.Errorf("step %v", pairing)
		}
		described = a.call("sandbox.enterPairingCode", params{"account": account, "code": code["code"]})
	} else {
		described = a.call("sandbox.scanQrCode", params{"account": account, "session": session})
	}
	if passkey := described.object("passkey"); passkey["required"] != true || passkey["pending"] != true {
		a.t.Errorf("phone shows %v", passkey)
	}
	return a.step(session, "passkey", nil)
}

func (a *admin) sign(account, session, wrong string) json.RawMessage {
	a.t.Helper()
	p := params{"account": account, "session": session}
	if wrong != "" {
		p["wrong"] = wrong
	}
	raw, err := json.Marshal(a.call("sandbox.signPasskey", p)["response"])
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

func (a *admin) connected(session string) {
	a.t.Helper()
	s, err := a.bridge.Session(session)
	if err != nil {
		a.t.Fatal(err)
	}
	a.until(s, bridge.StateConnected)
}

func TestPasskeyPairingOverMethods(t *testing.T) {
	for name, way := range map[string]struct {
		byCode  bool
		passkey params
	}{
		"QR code":      {false, params{}},
		"pairing code": {true, params{}},
		"pairing code that the phone does not verify": {true, params{"instead_of_code": true, "timeout_seconds": 300}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newSandboxAdmin(t)
			a.call("sandbox.createAccount", params{"number": "15550001", "passkey": way.passkey})
			a.call("session.create", params{"session_id": "ada"})
			pairing := a.ask("ada", "15550001", way.byCode)
			key := pairing.object("public_key")
			if key["rpId"] != "whatsapp.com" || key["challenge"] == "" || key["userVerification"] != "required" || key["allowCredentials"] == nil ||
				pairing["code_number"] != nil || pairing["confirmation_due"] != false {
				t.Errorf("step %v", pairing)
			}
			if code := a.call("session.getQrCode", params{"session": "ada"}); code["code"] != "" || code["image"] != "" {
				t.Errorf("QR code in the passkey step: %v", code)
			}
			a.call("session.submitPasskey", params{"session": "ada", "response": a.sign("15550001", "ada", ""), "confirm": "manual"})
			pairing = a.step("ada", "confirm", func(p result) bool { return p["confirmation_due"] == true })
			shown := a.call("sandbox.getAccount", params{"account": "15550001"}).object("passkey")["code"]
			if pairing["confirmation_code"] != shown || shown == nil {
				t.Errorf("session shows %v, phone %v", pairing["confirmation_code"], shown)
			}
			a.refused(rpc.CodeInvalidParams, "/code", "session.confirmPasskey", params{"session": "ada", "code": "XXXX-XXXX"})
			a.call("session.confirmPasskey", params{"session": "ada", "code": strings.ToLower(strings.ReplaceAll(shown.(string), "-", ""))})
			a.connected("ada")
			if status := a.status("ada"); status["pairing"] != nil || status["logged_in"] != true {
				t.Errorf("status %v", status)
			}
		})
	}
}

func TestPasskeyErrorsOverMethods(t *testing.T) {
	a := newSandboxAdmin(t)
	a.call("sandbox.createAccount", params{"number": "15550001"})
	a.call("sandbox.setPasskey", params{"account": "15550001", "required": true})
	a.call("session.create", params{"session_id": "ada"})
	refused := func(what, method string, p params, code int, reason string) {
		t.Helper()
		p["session"] = "ada"
		answer, failed := a.try(method, p)
		if failed == nil || failed.Code != code || failed.Reason != reason {
			t.Errorf("%s: %v %v, want code %d and reason %s", what, answer, failed, code, reason)
		}
	}
	a.refused(rpc.CodeNotFound, "", "sandbox.signPasskey", params{"account": "15550001"})
	a.refused(rpc.CodeConflict, "", "sandbox.signPasskey", params{"account": "15550001", "session": "ada"})
	a.ask("ada", "15550001", false)
	good := a.sign("15550001", "ada", "")
	refused("confirm before the answer", "session.confirmPasskey", params{}, rpc.CodeConflict, "no_confirmation_due")
	refused("pairing code", "session.requestPairingCode", params{"phone": "15550001"}, rpc.CodeConflict, "passkey_pending")
	for _, wrong := range []string{"signature", "key", "origin", "rp_id", "user_verification", "counter", "credential"} {
		refused(wrong, "session.submitPasskey", params{"response": a.sign("15550001", "ada", wrong)}, rpc.CodeWhatsApp, "passkey_rejected")
	}
	a.refused(rpc.CodeInvalidParams, "/response/response/clientDataJSON", "session.submitPasskey", params{"session": "ada", "response": a.sign("15550001", "ada", "challenge")})
	a.step("ada", "passkey", nil)
	a.call("session.disconnect", params{"session": "ada"})
	refused("answer after disconnect", "session.submitPasskey", params{"response": good}, rpc.CodeConflict, "no_passkey_request")

	a.call("sandbox.setPasskey", params{"account": "15550001", "required": true, "timeout_seconds": 0.2})
	a.ask("ada", "15550001", false)
	good = a.sign("15550001", "ada", "")
	s, _ := a.bridge.Session("ada")
	a.until(s, bridge.StateCreated)
	if status := a.status("ada"); status["reason"] != "passkey_timeout" || status["pairing"] != nil || status["state"] != "created" {
		t.Errorf("status after the time-out: %v", status)
	}
	refused("late answer", "session.submitPasskey", params{"response": good}, rpc.CodeConflict, "passkey_expired")
}

func TestPasskeyAnswerShape(t *testing.T) {
	a := newSandboxAdmin(t)
	a.call("sandbox.createAccount", params{"number": "15550001", "passkey": params{}})
	a.call("session.create", params{"session_id": "ada"})
	a.ask("ada", "15550001", false)
	good := a.sign("15550001", "ada", "")
	change := func(field string, value any) json.RawMessage {
		var answer map[string]any
		if err := json.Unmarshal(good, &answer); err != nil {
			t.Fatal(err)
		}
		into := answer
		if inner, ok := strings.CutPrefix(field, "response/"); ok {
			inside := maps.Clone(answer["response"].(map[string]any))
			answer["response"], into, field = inside, inside, inner
		}
		if into[field] = value; value == nil {
			delete(into, field)
		}
		raw, _ := json.Marshal(answer)
		return raw
	}
	for _, field := range []string{"id", "rawId", "type", "response", "response/clientDataJSON", "response/authenticatorData", "response/signature"} {
		for what, value := range map[string]any{
			"missing": nil, "empty": "", "number": 7, "list": []string{"AAAA"}, "padded": "AAAA=", "standard alphabet": "+/+/", "text": "not base64!", "huge": strings.Repeat("A", 20000),
		} {
			t.Run(field+" "+what, func(t *testing.T) {
				a.t = t
				a.refused(rpc.CodeInvalidParams, "/response/"+field, "session.submitPasskey", params{"session": "ada", "response": change(field, value)})
			})
		}
	}
	a.t = t
	for _, test := range map[string]struct {
		pointer  string
		response any
	}{
		"user handle is a number":         {"/response/response/userHandle", change("response/userHandle", 1)},
		"user handle is too long":         {"/response/response/userHandle", change("response/userHandle", strings.Repeat("A", 88))},
		"authenticator data too short":    {"/response/response/authenticatorData", change("response/authenticatorData", "AAAA")},
		"other id than rawId":             {"/response/id", change("id", "AAAA")},
		"client data is not JSON":         {"/response/response/clientDataJSON", change("response/clientDataJSON", "AAAA")},
		"client data of a registration":   {"/response/response/clientDataJSON", a.sign("15550001", "ada", "type")},
		"text instead of an object":       {"/response", "text"},
		"list instead of an object":       {"/response", []int{1}},
		"nothing":                         {"/response", nil},
		"confirm is not one of its words": {"/confirm", nil},
	} {
		p := params{"session": "ada", "response": test.response}
		if test.pointer == "/confirm" {
			p["response"], p["confirm"] = good, "perhaps"
		}
		a.refused(rpc.CodeInvalidParams, test.pointer, "session.submitPasskey", p)
	}
	// None of these calls reached WhatsApp; additional members from browsers are accepted, and the user handle may be absent.
	var answer map[string]any
	if err := json.NewDecoder(bytes.NewReader(change("response/userHandle", nil))).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	answer["authenticatorAttachment"], answer["clientExtensionResults"], answer["later"] = "cross-platform", params{"uvm": []int{1}}, true
	a.call("session.submitPasskey", params{"session": "ada", "response": answer})
	a.connected("ada")
}

func TestRebindOverMethods(t *testing.T) {
	a := newSandboxAdmin(t)
	a.call("sandbox.createAccount", params{"number": "15550001"})
	a.call("sandbox.createAccount", params{"number": "15550002", "passkey": params{}})
	a.call("session.create", params{"session_id": "shop"})
	if status := a.status("shop"); status["bound_number"] != nil {
		t.Errorf("a new session is bound: %v", status)
	}
	a.call("session.connect", params{"session": "shop", "wait_seconds": 10})
	a.call("sandbox.scanQrCode", params{"account": "15550001", "session": "shop"})
	a.connected("shop")
	a.call("session.logout", params{"session": "shop"})
	if status := a.status("shop"); status["bound_number"] != "15550001" || status["jid"] != nil {
		t.Errorf("after logout: %v", status)
	}
	a.call("sandbox.setPasskey", params{"account": "15550002", "required": false})
	a.call("session.connect", params{"session": "shop", "wait_seconds": 10})
	a.refused(rpc.CodeConflict, "", "sandbox.scanQrCode", params{"account": "15550002", "session": "shop"})
	s, _ := a.bridge.Session("shop")
	a.until(s, bridge.StateCreated)
	if status := a.status("shop"); status["reason"] != "wrong_number" || status["bound_number"] != "15550001" {
		t.Errorf("after another number has scanned: %v", status)
	}
	if devices := a.call("sandbox.getAccount", params{"account": "15550002"}).list("devices"); len(devices) != 0 {
		t.Errorf("the phone lists %v", devices)
	}
	if _, failed := a.try("session.requestPairingCode", params{"session": "shop", "phone": "15550002"}); failed == nil || failed.Reason != "wrong_number" || failed.Code != rpc.CodeConflict {
		t.Errorf("pairing code for another number: %v", failed)
	}
	a.call("sandbox.setPasskey", params{"account": "15550002", "required": true})
	code := a.call("session.requestPairingCode", params{"session": "shop", "phone": "15550002", "rebind": true})
	a.call("sandbox.enterPairingCode", params{"account": "15550002", "code": code["code"]})
	a.step("shop", "passkey", nil)
	a.call("session.submitPasskey", params{"session": "shop", "response": a.sign("15550002", "shop", "")})
	a.connected("shop")
	if status := a.status("shop"); status["bound_number"] != "15550002" {
		t.Errorf("after rebind: %v", status)
	}
}
