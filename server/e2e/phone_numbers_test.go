package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestPhoneNumbersInEveryForm checks that methods, REST calls and the sandbox accept a number in all usual spellings. Invalid numbers
// in a list get an error of their own.
func TestPhoneNumbersInEveryForm(t *testing.T) {
	w := startRestWorld(t, "wuzapi")
	number := w.peer.number // 11 digits
	forms := []string{
		number, "+" + number, "00" + number, "+" + number[:1] + " " + number[1:4] + " " + number[4:7] + " " + number[7:],
		number[:1] + "-" + number[1:4] + "-" + number[4:7] + "-" + number[7:], "+" + number[:1] + " (" + number[1:4] + ") " + number[4:7] + "." + number[7:],
		"00 " + number[:1] + " " + number[1:], "\u202a+" + number[:1] + "\u00a0" + number[1:] + "\u202c", " +" + number + " ",
		"+" + number[:1] + " " + number[1:] + "@s.whatsapp.net", number[:1] + "-" + number[1:] + "@c.us",
	}
	for _, form := range forms {
		sent := w.call(t, w.caller, "message.sendText", object{"to": form, "text": "hello " + form})
		if sent["chat"] != w.peer.jid() {
			t.Errorf("message.sendText to %q: chat %v", form, sent["chat"])
		}
		if got := w.call(t, w.caller, "chat.get", object{"chat": form}); valueAt(map[string]any(got), "chat/chat") != any(w.peer.jid()) {
			t.Errorf("chat.get %q: %v", form, got)
		}
		id := wuzapiID(t, w, "/wuzapi/chat/send/text", object{"Phone": form, "Body": "hello"})
		w.onPhone(t, number, id, object{"text": "hello"})
		for _, path := range []string{"/user/info", "/user/check", "/user/avatar"} {
			if status, answer := wuzapiPost(t, w, w.caller, "/wuzapi"+path, object{"Phone": form}); status != http.StatusOK {
				if path == "/user/avatar" { // accepts one number, the other routes a list
					t.Errorf("%s %q: %d %s", path, form, status, answer)
				}
			}
		}
		must(t, w.network.addr, "sandbox.getAccount", object{"account": form}, nil)
	}
	// A list: one answer for each number, in the order of the request.
	query := []string{forms[3], "no number", "+1 555 999 0000", "", "12", forms[4], "0155 5010"}
	for _, base := range []string{"", "/wuzapi"} {
		status, answer := wuzapiPost(t, w, w.caller, base+"/user/check", object{"Phone": query})
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
		}{{true, w.peer.jid()}, {false, ""}, {false, "15559990000@s.whatsapp.net"}, {false, ""}, {false, ""}, {true, w.peer.jid()}, {false, ""}} {
			if got := out.Data.Users[i]; got.IsInWhatsapp != want.in || got.JID != want.jid || got.Query != query[i] {
				t.Errorf("/user/check %q: %+v", query[i], got)
			}
		}
	}
	// Accounts and pairing.
	var account object
	must(t, w.network.addr, "sandbox.createAccount", object{"number": "+1 (555) 060-0777"}, nil)
	must(t, w.network.addr, "sandbox.getAccount", object{"account": "15550600777"}, &account)
	must(t, w.network.addr, "sandbox.createAccount", object{"number": w.idle.number, "push_name": "idle"}, nil)
	if code := w.call(t, w.idle, "session.requestPairingCode", object{"phone": "+" + w.idle.number[:1] + " " + w.idle.number[1:]}); str(code["code"]) == "" {
		t.Errorf("session.requestPairingCode: %v", code)
	}
}
