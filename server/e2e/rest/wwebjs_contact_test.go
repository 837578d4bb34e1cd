package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// wwebjsContactCase returns the case of an operation on a person; call has the call of its number.
func wwebjsContactCase(path string, person func(t *testing.T, w *restWorld) string, call func(number string) restCall, effect func(t *testing.T, w *restWorld, number string, out outcome)) restCase {
	return restCase{operation: "POST /contact/" + path + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
		number := person(t, w)
		return restAct{
			values: resttest.Values{"contactId": number + "@c.us"},
			calls:  []restCall{call(number)},
			effect: func(t *testing.T, out outcome) { effect(t, w, number, out) },
		}
	}}
}

// ofContact is a call with the person as the param contact.
func ofContact(method string) func(number string) restCall {
	return func(number string) restCall { return restCall{method, object{"contact": number}} }
}

// wwebjsBlock returns the case of blocking or unblocking a person.
func wwebjsBlock(path string, blocked bool) restCase {
	return wwebjsContactCase(path, func(t *testing.T, w *restWorld) string {
		number := w.NewPhone(t)
		if !blocked {
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{number}, "blocked": true})
		}
		return number
	}, func(number string) restCall {
		return restCall{"contact.setBlocked", object{"contacts": []string{number}, "blocked": blocked}}
	}, func(t *testing.T, w *restWorld, number string, out outcome) {
		if out.rpc == nil {
			e2etest.CheckSame(t, "result", true, out.at("result", ""))
		}
		list := string(jsonOf(w.Call(t, w.Caller, "contact.listBlocked", nil)))
		e2etest.CheckSame(t, "blocked", blocked, strings.Contains(list, e2etest.JIDOf(number)))
	})
}

// wwebjsContact returns the cases of /contact.
func wwebjsContact() []restCase {
	peer := func(_ *testing.T, w *restWorld) string { return w.Peer.Number }
	return []restCase{
		wwebjsContactCase("getClassInfo", peer, ofContact("contact.get"), func(t *testing.T, w *restWorld, number string, out outcome) {
			out.is(t, number, "result/number", "0/contact/phone_number")
			out.is(t, w.Peer.ID, "contact/pushname", "0/contact/push_name")
		}),
		wwebjsBlock("block", true),
		wwebjsBlock("unblock", false),
		wwebjsContactCase("getAbout", peer, func(number string) restCall {
			return restCall{"contact.getUserInfo", object{"contacts": []string{number}}}
		}, func(t *testing.T, _ *restWorld, _ string, out outcome) {
			out.is(t, "at sea", "result", "0/users/0/about")
		}),
		wwebjsContactCase("getChat", peer, func(number string) restCall {
			return restCall{"chat.get", object{"chat": number}}
		}, func(t *testing.T, _ *restWorld, number string, out outcome) {
			if out.rpc == nil {
				e2etest.CheckSame(t, "chat", object{"isGroup": false, "id": object{"_serialized": number + "@c.us"}}, out.at("result", ""))
			} else {
				e2etest.CheckSame(t, "chat", e2etest.JIDOf(number), out.at("", "0/chat/chat"))
			}
		}),
		wwebjsContactCase("getFormattedNumber", peer, ofContact("contact.formatNumber"), func(t *testing.T, w *restWorld, _ string, out outcome) {
			out.is(t, w.Call(t, w.Caller, "contact.formatNumber", object{"contact": w.Peer.Number})["formatted_number"], "result", "0/formatted_number")
		}),
		wwebjsContactCase("getCountryCode", peer, ofContact("contact.formatNumber"), func(t *testing.T, _ *restWorld, _ string, out outcome) {
			out.is(t, "1", "result", "0/country_code")
		}),
		wwebjsContactCase("getProfilePicUrl", peer, ofContact("contact.getProfilePicture"), func(t *testing.T, w *restWorld, number string, out outcome) {
			own := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": number})
			out.is(t, own["url"], "result", "0/url")
		}),
	}
}

// wwebjsContactForms checks answers about people who hide their data or are not on WhatsApp.
func wwebjsContactForms(t *testing.T, r *restRun) {
	ask := func(path, contact string, want object) {
		t.Helper()
		r.checkAnswer(t, "POST", "/contact/"+path+"/"+r.w.Caller.ID, string(jsonOf(object{"contactId": contact})), want)
	}
	ask("getProfilePicUrl", r.w.Stranger+"@c.us", object{"success": true, "result": nil})
	ask("getAbout", "15550609999@c.us", object{"success": true, "result": nil})
	ask("getClassInfo", r.w.Group, object{"success": false, "error": "Contact not Found"})
}
