package rest

import (
	"slices"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// operationsCases returns the cases of all operations.
func operationsCases() []restCase {
	return inSession("session_id", append(tokenCases(), restCase{operation: "POST " + ofSessions + "/spam/report", prepare: func(t *testing.T, w *restWorld) restAct {
		author := w.NewPhone(t)
		id, message := w.Receive(t, author, object{"type": "text", "text": "Buy now"})
		return restAct{
			values: resttest.Values{"message_id": id, "message_timestamp": secondsOf(t, message["timestamp"]), "from_jid": e2etest.JIDOf(author), "spam_flow": "contact_info"},
			calls:  []restCall{{"message.reportSpam", object{"message_id": id, "chat": author, "timestamp": message["timestamp"], "flow": "contact_info"}}},
			effect: func(t *testing.T, out outcome) {
				report := w.report(t, w.Caller, id)
				out.is(t, report["report_id"], "report_id", "0/report_id")
				lid := w.lidOf(t, author)
				e2etest.CheckSame(t, "report", object{"flow": "ContactInfo", "about": lid}, report)
				e2etest.CheckSame(t, "message", object{"chat": lid, "sender": lid, "timestamp": message["timestamp"], "content": object{"conversation": "Buy now"}}, e2etest.ValueAt(report, "messages/0"))
			},
		}
	}},
		restCase{operation: "GET " + ofSessions + "/reconnect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			w.Fault(t, s, object{"kind": "refuse_login", "times": -1})
			e2etest.MustCall(t, w.Network.Addr, "sandbox.cut", object{"account": s.Number}, nil)
			testkit.Within(t, e2etest.FeedWait, "two connections have failed", func() bool { return w.failures(t, s) >= 2 })
			return restAct{as: &s, calls: []restCall{{"session.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "enabled", "0/settings/auto_reconnect")
				if count, _ := out.at("error_count", "0/reconnect_error_count").(float64); count < 2 || count > w.failures(t, s) {
					t.Errorf("%v failures", count)
				}
				e2etest.MustCall(t, w.Network.Addr, "sandbox.clearFaults", object{}, nil)
				w.AwaitState(t, s, "connected")
				e2etest.CheckSame(t, "failures after a success", 0, w.failures(t, s))
			}}
		}},
		restCase{operation: "PUT " + ofSessions + "/reconnect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			return restAct{
				as: &s, values: resttest.Values{"enabled": false}, calls: []restCall{{"session.updateSettings", object{"auto_reconnect": false}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, false, "enabled", "0/settings/auto_reconnect")
					w.pairPhone(t, s) // the connection is opened again after the pairing
					other := w.NewLinkedSession(t)
					since := w.Call(t, other, "session.getStatus", nil)["last_connected_at"]
					for _, cut := range []e2etest.Session{s, other} {
						e2etest.MustCall(t, w.Network.Addr, "sandbox.cut", object{"account": cut.Number}, nil)
					}
					w.AwaitState(t, s, "disconnected")
					testkit.Within(t, e2etest.FeedWait, "a session with reconnects is back", func() bool {
						status := w.Call(t, other, "session.getStatus", nil)
						return status["state"] == "connected" && status["last_connected_at"] != since
					})
					e2etest.CheckSame(t, "the session without", object{
						"state": "disconnected", "reason": "connection_lost", "retry_at": nil, "auto_reconnect": false, "connected": false,
					}, w.Call(t, s, "session.getStatus", nil))
					w.Call(t, s, "session.updateSettings", object{"auto_reconnect": true})
					w.AwaitState(t, s, "connected")
				},
			}
		}},
		restCase{operation: "GET " + ofSessions + "/history-sync", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			w.Call(t, s, "session.updateSettings", object{"skip_history_sync": true})
			return restAct{as: &s, calls: []restCall{{"session.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "skip_history_sync", "0/settings/skip_history_sync")
			}}
		}},
		restCase{operation: "PUT " + ofSessions + "/history-sync", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			return restAct{
				as: &s, values: resttest.Values{"skip": true}, calls: []restCall{{"session.updateSettings", object{"skip_history_sync": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "skip_history_sync", "0/settings/skip_history_sync")
					w.checkNoHistory(t, s)
				},
			}
		}},
	))
}

// checkNoHistory pairs a session that skips history, and one that does not with an account of the same past.
func (w *restWorld) checkNoHistory(t *testing.T, s e2etest.Session) {
	t.Helper()
	control := w.NewSession(t)
	past := map[string]string{} // message id by session
	for _, one := range []e2etest.Session{s, control} {
		e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": one.Number, "push_name": one.ID}, nil)
		var added struct {
			MessageIDs []string `json:"message_ids"`
		}
		e2etest.MustCall(t, w.Network.Addr, "sandbox.addHistory", object{
			"account": one.Number, "chat": w.Shop, "messages": []object{{"text": "long ago", "timestamp": "2026-01-01T00:00:00Z"}},
		}, &added)
		past[one.ID] = added.MessageIDs[0]
	}
	stored := func(s e2etest.Session) bool {
		return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": s.ID, "message_id": past[s.ID]}, nil) == nil
	}
	w.link(t, s)
	w.awaitAppState(t, s)
	testkit.Within(t, e2etest.FeedWait, "the phone has sent its history", func() bool { sent, _ := w.historyFiles(t, s); return sent > 0 })
	// Messages that follow arrive after the pointers to the history.
	var sent struct {
		MessageID string `json:"message_id"`
	}
	e2etest.MustCall(t, w.Network.Addr, "sandbox.send", object{"account": w.Peer.Number, "to": s.Number, "content": object{"type": "text", "text": "new"}}, &sent)
	testkit.Within(t, e2etest.FeedWait, "a new message is stored", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": s.ID, "message_id": sent.MessageID}, nil) == nil
	})
	w.link(t, control)
	testkit.Within(t, e2etest.FeedWait, "the history of the other session is downloaded and stored", func() bool {
		sent, downloads := w.historyFiles(t, control)
		return stored(control) && sent > 0 && downloads == sent
	})
	if stored(s) {
		t.Error("an old message is stored")
	}
	status := w.Call(t, s, "session.getStatus", nil)
	chats, _ := w.Call(t, s, "chat.list", nil)["chats"].([]any)
	if status["history_sync"] != nil || len(chats) != 1 {
		t.Errorf("history %v, chats %v", status["history_sync"], chats)
	}
	if sent, downloads := w.historyFiles(t, s); downloads != 0 {
		t.Errorf("%d downloads of %d files", downloads, sent)
	}
}

// historyFiles returns the number of files with history that the phone of a session has sent, and of their downloads.
func (w *restWorld) historyFiles(t *testing.T, s e2etest.Session) (sent, downloads int) {
	t.Helper()
	var account struct{ History struct{ Sent, Downloads int } }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.getAccount", object{"account": s.Number}, &account)
	return account.History.Sent, account.History.Downloads
}

// failures returns the connections of a session that failed since the last success.
func (w *restWorld) failures(t *testing.T, s e2etest.Session) float64 {
	t.Helper()
	count, _ := w.Call(t, s, "session.getStatus", nil)["reconnect_error_count"].(float64)
	return count
}

// lidOf returns the LID of an account.
func (w *restWorld) lidOf(t *testing.T, number string) string {
	t.Helper()
	var account struct{ LID string }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.getAccount", object{"account": number}, &account)
	return account.LID
}

// report returns the report that a session made of a message, as WhatsApp has it.
func (w *restWorld) report(t *testing.T, s e2etest.Session, messageID string) map[string]any {
	t.Helper()
	var result struct{ Reports []map[string]any }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listSpamReports", object{"account": s.Number}, &result)
	for _, report := range result.Reports {
		if e2etest.ValueAt(report, "messages/0/message_id") == messageID {
			return report
		}
	}
	t.Fatalf("no report of %s among %v", messageID, result.Reports)
	return nil
}

// secondsOf returns a time of a result in seconds since 1970.
func secondsOf(t *testing.T, value any) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, e2etest.TextOf(value))
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// checkReportForms reports messages in all five places of the app, of persons, groups and status posts.
func checkReportForms(t *testing.T, r *restRun) {
	w := r.w
	peer, at := w.lidOf(t, w.Peer.Number), time.Now().Unix()
	inGroup := e2etest.TextOf(w.Call(t, w.Peer, "message.sendText", object{"to": w.Group, "text": "Join my group"})["message_id"])
	testkit.Within(t, e2etest.FeedWait, "the message is stored", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": w.Caller.ID, "message_id": inGroup}, nil) == nil
	})
	person, message := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "Hi"})
	for name, c := range map[string]struct {
		values         resttest.Values
		report, stated object
	}{
		"the menu of a stored message": {
			resttest.Values{"message_id": person, "spam_flow": "message_menu", "message_timestamp": secondsOf(t, message["timestamp"])},
			object{"flow": "MessageMenu", "about": peer},
			object{"chat": peer, "sender": peer, "content": object{"conversation": "Hi"}},
		},
		"no flow": {
			resttest.Values{"message_id": "UNSTORED1", "from_jid": w.Peer.JID()},
			object{"flow": "MessageMenu", "about": peer},
			object{"chat": peer, "sender": peer, "content": nil},
		},
		"a person's profile": {
			resttest.Values{"message_id": "UNSTORED2", "from_jid": w.Peer.JID(), "spam_flow": "contact_info"},
			object{"flow": "ContactInfo", "about": peer},
			object{"chat": peer, "sender": peer, "content": nil},
		},
		"a group's banner": {
			resttest.Values{"message_id": inGroup, "group_jid": w.Group, "from_jid": w.Peer.JID(), "group_subject": "Harbour", "spam_flow": "group_spam_banner_report"},
			object{"flow": "GroupSpamBannerReport", "about": w.Group, "group_name": "Harbour"},
			object{"chat": w.Group, "sender": peer, "content": object{"conversation": "Join my group"}},
		},
		"a group's profile": {
			resttest.Values{"message_id": "UNSTORED3", "from_jid": w.Group, "participant_jid": w.Peer.JID(), "group_jid": w.Group, "spam_flow": "group_info_report"},
			object{"flow": "GroupInfoReport", "about": w.Group},
			object{"chat": w.Group, "sender": peer, "content": nil},
		},
		"a status post": {
			resttest.Values{"message_id": "UNSTORED4", "from_jid": "status@broadcast", "participant_jid": w.Peer.JID(), "spam_flow": "status_report"},
			object{"flow": "StatusReport", "about": peer},
			object{"chat": "status@broadcast", "sender": peer, "content": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			blank := resttest.Values{"session_id": w.Caller.ID, "message_timestamp": at, "from_jid": resttest.Absent, "spam_flow": resttest.Absent}
			request, err := r.operation(t, "POST "+ofSessions+"/spam/report").Request(0, blank.With(c.values))
			if err != nil {
				t.Fatal(err)
			}
			if answer := r.send(t, r.mounts[0], w.Caller.Token, request); answer.Status != 200 {
				t.Fatalf("%d %.300s", answer.Status, answer.Body)
			}
			report := w.report(t, w.Caller, e2etest.TextOf(c.values["message_id"]))
			e2etest.CheckSame(t, "report", c.report, report)
			e2etest.CheckSame(t, "message", c.stated, e2etest.ValueAt(report, "messages/0"))
		})
	}
	var all struct{ Reports []map[string]any }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listSpamReports", object{"account": w.Peer.Number}, &all)
	if slices.ContainsFunc(all.Reports, func(map[string]any) bool { return true }) {
		t.Errorf("the peer reported %v", all.Reports)
	}
}
