package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// onChat returns the case of an operation on a new chat, which has a message.
func onChat(operation, method string, values resttest.Values, params object, effect func(t *testing.T, w *restWorld, number string, out outcome)) restCase {
	name := "chat"
	if method == "contact.get" {
		name = "contact"
	}
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		number, _ := w.newChat(t)
		return restAct{
			values: values.With(resttest.Values{"chatId": outsideID(number)}), calls: []restCall{{method, e2etest.MergeObjects(params, object{name: number})}},
			effect: func(t *testing.T, out outcome) { effect(t, w, number, out) },
		}
	}}
}

func wwebjsChat() []restCase {
	state := func(path, word, key string, parts ...string) restCase {
		return onChat("POST /chat/"+path+"/{sessionId}", "presence.setChatState", nil, object{"state": word}, func(t *testing.T, w *restWorld, number string, out outcome) {
			shown := w.Stanza(t, number, object{"tag": "chatstate"})
			for _, part := range parts {
				if !strings.Contains(shown, part) {
					t.Errorf("%s lacks %s", shown, part)
				}
			}
			if out.rpc == nil {
				e2etest.CheckSame(t, "answer", object{key: true, "result": true}, out.rest)
			}
		})
	}
	return []restCase{
		state("clearState", "paused", "clearState", "paused"),
		state("sendStateTyping", "composing", "sendStateTyping", "composing"),
		state("sendStateRecording", "recording", "sendStateRecording", "composing", "audio"),
		onChat("POST /chat/getClassInfo/{sessionId}", "chat.get", nil, nil, func(t *testing.T, _ *restWorld, number string, out outcome) {
			out.is(t, 1, "chat/unreadCount", "0/chat/unread_count")
			out.is(t, "hello", "chat/lastMessage/body", "0/chat/last_message/text")
			if out.rpc == nil {
				e2etest.CheckSame(t, "id", outsideID(number), out.at("chat/id/_serialized", ""))
			}
		}),
		onChat("POST /chat/getContact/{sessionId}", "contact.get", nil, nil, func(t *testing.T, _ *restWorld, number string, out outcome) {
			out.is(t, number, "contact/number", "0/contact/phone_number")
		}),
		onChat("POST /chat/fetchMessages/{sessionId}", "message.list", resttest.Values{"searchOptions": object{"limit": 5000, "fromMe": false}}, object{"from_me": false},
			func(t *testing.T, _ *restWorld, _ string, out outcome) {
				out.is(t, "hello", "messages/0/body", "0/messages/0/text")
			}),
		onChat("POST /chat/clearMessages/{sessionId}", "chat.clearMessages", nil, nil, func(t *testing.T, w *restWorld, number string, _ outcome) {
			e2etest.CheckSame(t, "messages", []any{}, w.Call(t, w.Caller, "message.list", object{"chat": number})["messages"])
		}),
		onChat("POST /chat/delete/{sessionId}", "chat.delete", nil, nil, func(t *testing.T, w *restWorld, number string, _ outcome) {
			if left := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "chat.list", nil)), "chats/chat="+e2etest.JIDOf(number)); left != nil {
				t.Errorf("the chat is still there: %v", left)
			}
		}),
	}
}

// wwebjsChatForms checks forms of requests that the catalogue lacks.
func wwebjsChatForms(t *testing.T, r *restRun) {
	w, path := r.w, func(name string) string { return "/chat/" + name + "/" + r.w.Caller.ID }
	contact := object{"contact": object{"isGroup": true, "isUser": false, "id": object{"_serialized": w.Group}, "name": e2etest.ValueAt(w.chat(t, w.Group), "name")}}
	r.checkAnswer(t, "POST", path("getContact"), `{"chatId":"`+w.Group+`"}`, contact)
	r.checkAnswer(t, "POST", path("getClassInfo"), `{"chatId":"`+w.Group+`"}`, object{"chat": object{"isGroup": true, "id": object{"server": "g.us"}}})
	number, _ := w.newChat(t)
	for i, text := range []string{"one", "two", "three"} {
		w.Call(t, w.Caller, "message.sendText", object{"to": number, "text": text, "message_id": "3EB0WWEBJS" + number + text[:2] + string(rune('0'+i))})
	}
	last := object{"messages": []object{{"body": "two"}, {"body": "three", "fromMe": true}}}
	r.checkAnswer(t, "POST", path("fetchMessages"), `{"chatId":"`+number+`","searchOptions":{"limit":2,"fromMe":true}}`, last)
	r.checkAnswer(t, "POST", path("fetchMessages"), `{"chatId":"`+number+`","searchOptions":"{\"limit\":2}"}`, last)
}
