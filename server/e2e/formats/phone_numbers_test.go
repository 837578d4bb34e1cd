package formats

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// TestPhoneNumbersInEveryForm checks that methods, REST calls and the sandbox accept a number in all usual spellings. Invalid numbers
// in a list get an error of their own.
func TestPhoneNumbersInEveryForm(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	number := w.Peer.Number // 11 digits
	forms := []string{
		number, "+" + number, "00" + number, "+" + number[:1] + " " + number[1:4] + " " + number[4:7] + " " + number[7:],
		number[:1] + "-" + number[1:4] + "-" + number[4:7] + "-" + number[7:], "+" + number[:1] + " (" + number[1:4] + ") " + number[4:7] + "." + number[7:],
		"00 " + number[:1] + " " + number[1:], "\u202a+" + number[:1] + "\u00a0" + number[1:] + "\u202c", " +" + number + " ",
		"+" + number[:1] + " " + number[1:] + "@s.whatsapp.net", number[:1] + "-" + number[1:] + "@c.us",
	}
	for _, form := range forms {
		sent := w.Call(t, w.Caller, "message.sendText", object{"to": form, "text": "hello " + form})
		if sent["chat"] != w.Peer.JID() {
			t.Errorf("message.sendText to %q: chat %v", form, sent["chat"])
		}
		if got := w.Call(t, w.Caller, "chat.get", object{"chat": form}); e2etest.ValueAt(map[string]any(got), "chat/chat") != any(w.Peer.JID()) {
			t.Errorf("chat.get %q: %v", form, got)
		}
		id := wuzapiID(t, w, "/wuzapi/chat/send/text", object{"Phone": form, "Body": "hello"})
		w.OnPhone(t, number, id, object{"text": "hello"})
		for _, path := range []string{"/user/info", "/user/check", "/user/avatar"} {
			if status, answer := wuzapiPost(t, w, w.Caller, "/wuzapi"+path, object{"Phone": form}); status != http.StatusOK {
				if path == "/user/avatar" { // accepts one number, the other routes a list
					t.Errorf("%s %q: %d %s", path, form, status, answer)
				}
			}
		}
		e2etest.MustCall(t, w.Network.Addr, "sandbox.getAccount", object{"account": form}, nil)
	}
	// A list: one answer for each number, in the order of the request.
	query := []string{forms[3], "no number", "+1 555 999 0000", "", "12", forms[4], "0155 5010"}
	for _, base := range []string{"", "/wuzapi"} {
		status, answer := wuzapiPost(t, w, w.Caller, base+"/user/check", object{"Phone": query})
		var out struct {
			Data struct {
				Users []struct {
					IsInWhatsapp bool
					JID, Query   string
				}
			}
		}
		if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK || len(out.Data.Users) != len(query) {
			t.Fatalf("/user/check: %d %s", status, answer)
		}
		for i, want := range []struct {
			in  bool
			jid string
		}{{true, w.Peer.JID()}, {false, ""}, {false, "15559990000@s.whatsapp.net"}, {false, ""}, {false, ""}, {true, w.Peer.JID()}, {false, ""}} {
			if got := out.Data.Users[i]; got.IsInWhatsapp != want.in || got.JID != want.jid || got.Query != query[i] {
				t.Errorf("/user/check %q: %+v", query[i], got)
			}
		}
	}
	// Accounts and pairing.
	var account object
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": "+1 (555) 060-0777"}, nil)
	e2etest.MustCall(t, w.Network.Addr, "sandbox.getAccount", object{"account": "15550600777"}, &account)
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": w.Idle.Number, "push_name": "idle"}, nil)
	if code := w.Call(t, w.Idle, "session.requestPairingCode", object{"phone": "+" + w.Idle.Number[:1] + " " + w.Idle.Number[1:]}); e2etest.TextOf(code["code"]) == "" {
		t.Errorf("session.requestPairingCode: %v", code)
	}
}
