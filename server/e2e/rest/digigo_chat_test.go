package rest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// sent sends a text to the peer and returns its id.
func (w *restWorld) sent(t *testing.T) string {
	t.Helper()
	return e2etest.TextOf(w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": "a text"})["message_id"])
}

// newChat returns the number of a new phone with which the caller has a chat, and the chat's message.
func (w *restWorld) newChat(t *testing.T) (number, id string) {
	t.Helper()
	number = w.NewPhone(t)
	id, _ = w.Receive(t, number, object{"type": "text", "text": "hello"})
	return number, id
}

// chat returns a chat of the caller.
func (w *restWorld) chat(t *testing.T, number string) any {
	t.Helper()
	return w.Call(t, w.Caller, "chat.get", object{"chat": number})["chat"]
}

// chatCase returns the case of a change of a chat: values of the request beside the phone, the call, and the changed fields.
func chatCase(operation, method string, values resttest.Values, params, want object) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		number, _ := w.newChat(t)
		t.Cleanup(func() { w.Call(t, w.Caller, "chat.setPinned", object{"chat": number, "pinned": false}) }) // an account can pin few chats
		return restAct{
			values: values.With(resttest.Values{"phone": number}), calls: []restCall{{method, e2etest.MergeObjects(params, object{"chat": number})}},
			effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "jid", e2etest.JIDOf(number), out.at("jid", ""))
				}
				e2etest.CheckSame(t, "chat", want, w.chat(t, number))
				if want["pinned"] == true { // WhatsApp allows three
					w.Call(t, w.Caller, "chat.setPinned", object{"chat": number, "pinned": false})
				}
			},
		}
	}}
}

func digigoChat() []restCase {
	cases := []restCase{
		chatCase("POST /chat/pin", "chat.setPinned", nil, object{"pinned": true}, object{"pinned": true}),
		chatCase("POST /chat/archive", "chat.setArchived", resttest.Values{"last_message_id": resttest.Absent}, object{"archived": true}, object{"archived": true}),
		chatCase("POST /chat/mute", "chat.setMuted", nil, object{"muted": true, "duration_seconds": 8 * 3600}, object{"muted": true}),
		{operation: "POST /chat/delete", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.sent(t)
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Id": id},
				calls:  []restCall{{"message.delete", object{"chat": w.Peer.Number, "message_id": id, "for_everyone": true, "from_me": true}}},
				effect: func(t *testing.T, _ outcome) {
					w.awaitOnPhone(t, w.Peer.Number, "", object{"target": object{"action": "revoke", "message_id": id}})
				},
			}
		}},
		{operation: "POST /chat/star", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.sent(t)
			return restAct{
				values: resttest.Values{"chat_jid": w.Peer.JID(), "sender_jid": resttest.Absent, "message_id": id, "from_me": true},
				calls:  []restCall{{"message.setStarred", object{"chat": w.Peer.Number, "message_id": id, "starred": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "starred", "0/starred")
					e2etest.CheckSame(t, "message", object{"starred": true}, w.Call(t, w.Caller, "message.get", object{"message_id": id})["message"])
				},
			}
		}},
		{operation: "POST /chat/delete-chat", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			return restAct{
				values: resttest.Values{"phone": number}, calls: []restCall{{"chat.delete", object{"chat": number}}},
				effect: func(t *testing.T, _ outcome) {
					if left := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "chat.list", nil)), "chats/chat="+e2etest.JIDOf(number)); left != nil {
						t.Errorf("the chat is still there: %v", left)
					}
				},
			}
		}},
		{operation: "GET /chat/list", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			w.Call(t, w.Caller, "chat.setMuted", object{"chat": number, "muted": true})
			w.Call(t, w.Caller, "chat.setArchived", object{"chat": number, "archived": true})
			return restAct{calls: []restCall{{"chat.list", nil}}, effect: func(t *testing.T, out outcome) {
				jid := e2etest.JIDOf(number)
				out.is(t, number, "chats/chat_jid="+jid+"/phone_number", "0/chats/chat="+jid+"/phone_number")
				out.is(t, true, "chats/chat_jid="+jid+"/archived", "0/chats/chat="+jid+"/archived")
				if out.rpc == nil {
					e2etest.CheckSame(t, "muted for good", -1, out.at("chats/chat_jid="+jid+"/muted_until", ""))
				}
				if n, _ := out.at("stats/muted_count", "0/stats/muted_count").(float64); n < 1 {
					t.Errorf("%v muted chats", n)
				}
			}}
		}},
		{operation: "POST /call/reject/send", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			var call struct {
				ID string `json:"call_id"`
			}
			e2etest.MustCall(t, w.Network.Addr, "sandbox.startCall", object{"account": number, "to": w.Caller.Number}, &call)
			from := e2etest.JIDOf(number)
			return restAct{
				values: resttest.Values{"call_id": call.ID, "call_from": from, "message": "busy today"},
				calls:  []restCall{{"call.reject", object{"call_id": call.ID, "from": from, "reason": "busy", "message": "busy today"}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, call.ID, "call_id", "0/call_id")
					out.is(t, "busy", "reject_type", "0/reason")
					if xml := w.Stanza(t, number, object{"tag": "call"}); !strings.Contains(xml, "reject") || !strings.Contains(xml, call.ID) {
						t.Errorf("the phone has %s", xml)
					}
					w.awaitOnPhone(t, number, "text", object{"text": "busy today"})
				},
			}
		}},
	}
	for _, c := range wuzapiChat() { // presence, markread and react
		if c.operation != "POST /chat/presence" {
			cases = append(cases, c)
			continue
		}
		cases = append(cases, restCase{operation: c.operation, prepare: func(t *testing.T, w *restWorld) restAct {
			act := c.prepare(t, w)
			act.calls[0].params["state"] = "recording" // the documented request has Media
			return act
		}})
	}
	cases = append(cases, wuzapiDownloads()...)
	cases = append(cases, downloadCase("sticker", object{"mime_type": "image/webp"}, e2etest.WebPFile))
	cases = append(cases, digigoHistory()...)
	cases = append(cases, restCase{operation: "POST /sync/app-state", prepare: func(t *testing.T, w *restWorld) restAct {
		return restAct{calls: []restCall{{"sync.fetchAppState", nil}}, effect: func(t *testing.T, out outcome) {
			for _, name := range []string{"critical_block", "critical_unblock_low", "regular_low", "regular_high", "regular"} {
				out.is(t, true, "results/name="+name+"/success", "0/results/name="+name+"/ok")
			}
		}}
	}})
	return append(cases, digigoLabels()...)
}

// awaitOnPhone waits for a message of a type at a phone.
func (w *restWorld) awaitOnPhone(t *testing.T, number, kind string, want object) {
	t.Helper()
	testkit.Within(t, e2etest.FeedWait, "the message is on the phone", func() bool {
		var inbox struct{ Messages []map[string]any }
		e2etest.MustCall(t, w.Network.Addr, "sandbox.listMessages", object{"account": number, "type": kind}, &inbox)
		return slices.ContainsFunc(inbox.Messages, func(m map[string]any) bool { return len(e2etest.ListDifferences(want, m)) == 0 })
	})
}

// digigoHistory returns the cases of requests for history, which arrives as events.
func digigoHistory() []restCase {
	return []restCase{
		{operation: "POST /sync/history-request", prepare: func(t *testing.T, w *restWorld) restAct {
			id, at := w.MessageID(), time.Now().UnixMilli()
			feed := e2etest.FollowEvents(t, w.Server, w.Caller.ID)
			return restAct{
				values: resttest.Values{"phone": w.Peer.Number, "oldest_message_id": id, "oldest_message_timestamp": at},
				calls:  []restCall{{"sync.requestChatHistory", object{"chat": w.Peer.Number, "oldest_message_id": id, "oldest_timestamp": time.UnixMilli(at).UTC(), "oldest_from_me": false}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, w.Peer.JID(), "chat", "0/chat")
					out.is(t, 50, "count", "0/limit")
					want := object{"sync_type": "ON_DEMAND"}
					if out.rpc == nil {
						out.is(t, id, "request_id", "")
					} else {
						want["request_id"] = e2etest.ValueAt(out.rpc, "0/request_id")
					}
					feed.Await(t, "HistorySync", want)
				},
			}
		}},
		{operation: "POST /sync/full-history", prepare: func(t *testing.T, w *restWorld) restAct {
			feed := e2etest.FollowEvents(t, w.Server, w.Caller.ID)
			return restAct{
				values: resttest.Values{"days_limit": 7},
				calls:  []restCall{{"sync.requestFullHistory", object{"days": 7, "size_megabytes": 500}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, 7, "config/days_limit", "0/config/days")
					feed.Await(t, "HistorySync", object{"sync_type": "FULL", "request_id": out.at("request_id", "0/request_id")})
				},
			}
		}},
	}
}
