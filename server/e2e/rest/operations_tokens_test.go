package rest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// expiredAge is the age of tokens that WhatsApp refuses: they are valid for less than five weeks.
const expiredAge = 36 * 24 * time.Hour

// giveToken lets a phone issue a session a token of an age, and waits until the session has it.
func (w *restWorld) giveToken(t *testing.T, s e2etest.Session, from string, age time.Duration) time.Time {
	t.Helper()
	w.Call(t, s, "contact.resolveLid", object{"contact": from}) // tokens are stored under LIDs
	issued := time.Now().Add(-age).UTC().Truncate(time.Second)
	e2etest.MustCall(t, w.Network.Addr, "sandbox.issueToken", object{"account": from, "to": s.Number, "issued_at": issued}, nil)
	testkit.Within(t, e2etest.FeedWait, "the token is stored", func() bool { return w.token(t, s, from)["found"] == true })
	return issued
}

// token returns the token of a person as a session has it.
func (w *restWorld) token(t *testing.T, s e2etest.Session, person string) object {
	t.Helper()
	return w.Call(t, s, "privacy.getToken", object{"contact": person})
}

func tokenCases() []restCase {
	return []restCase{
		{operation: "POST " + ofSessions + "/tctoken/issue", prepare: func(t *testing.T, w *restWorld) restAct {
			holders := []string{w.NewPhone(t), w.NewPhone(t)}
			jids := []string{e2etest.JIDOf(holders[0]), e2etest.JIDOf(holders[1])}
			return restAct{
				values: resttest.Values{"jids": jids}, calls: []restCall{{"privacy.issueTokens", object{"contacts": jids}}},
				effect: func(t *testing.T, out outcome) {
					for i, holder := range holders {
						out.is(t, jids[i], fmt.Sprintf("tokens/%d/jid", i), fmt.Sprintf("0/tokens/%d/contact", i))
						at, ok := out.at(fmt.Sprintf("tokens/%d/timestamp", i), fmt.Sprintf("0/tokens/%d/issued_at", i)).(float64)
						if !ok {
							at = float64(secondsOf(t, out.at("", fmt.Sprintf("0/tokens/%d/issued_at", i))))
						}
						stanza := w.Stanza(t, holder, object{"tag": "notification", "type": "privacy_token", "from": w.Caller.JID()})
						if !strings.Contains(stanza, `type="trusted_contact"`) || !strings.Contains(stanza, fmt.Sprintf(`t="%.0f"`, at)) {
							t.Errorf("the phone got %s, issued at %.0f", stanza, at)
						}
					}
				},
			}
		}},
		{operation: "GET " + ofSessions + "/tctoken/{jid}", prepare: func(t *testing.T, w *restWorld) restAct {
			person := w.NewPhone(t)
			received := w.giveToken(t, w.Caller, person, 8*24*time.Hour)
			issued := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "privacy.issueTokens", object{"contacts": []string{person}})), "tokens/0/issued_at")
			return restAct{
				values: resttest.Values{"jid": e2etest.JIDOf(person)}, calls: []restCall{{"privacy.getToken", object{"contact": person}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "found", "0/found")
					if out.rpc == nil {
						e2etest.CheckSame(t, "token", object{"jid": e2etest.JIDOf(person), "token_timestamp": received.Unix(), "sender_timestamp": secondsOf(t, issued)}, out.rest)
					} else {
						e2etest.CheckSame(t, "token", object{"received_at": received.Format(time.RFC3339), "issued_at": issued, "expired": false}, out.rpc[0])
					}
				},
			}
		}},
		{operation: "GET " + ofSessions + "/tctoken/list", prepare: func(t *testing.T, w *restWorld) restAct {
			person, other := w.NewPhone(t), w.NewPhone(t)
			w.giveToken(t, w.Caller, person, 0)
			return restAct{calls: []restCall{{"privacy.listTokens", nil}}, effect: func(t *testing.T, out outcome) {
				list, _ := out.at("jids", "0/contacts").([]any)
				if !slices.Contains(list, any(e2etest.JIDOf(person))) || slices.Contains(list, any(e2etest.JIDOf(other))) {
					t.Errorf("tokens of %v", list)
				}
			}}
		}},
		{operation: "DELETE " + ofSessions + "/tctoken/expired", prepare: func(t *testing.T, w *restWorld) restAct {
			old, fresh := w.NewPhone(t), w.NewPhone(t)
			w.pruneOnce(t, w.Caller)
			w.giveToken(t, w.Caller, old, expiredAge)
			w.giveToken(t, w.Caller, fresh, 0)
			e2etest.CheckSame(t, "the old token", object{"found": true, "expired": true}, w.token(t, w.Caller, old))
			return restAct{calls: []restCall{{"privacy.deleteExpiredTokens", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, 1, "pruned_count", "0/deleted_count")
				e2etest.CheckSame(t, "the old token", object{"found": false}, w.token(t, w.Caller, old))
				e2etest.CheckSame(t, "the fresh token", object{"found": true, "expired": false}, w.token(t, w.Caller, fresh))
			}}
		}},
	}
}

// pruneOnce lets the client of a session prune its store, which it does with the first message, at most once a day.
func (w *restWorld) pruneOnce(t *testing.T, s e2etest.Session) {
	t.Helper()
	person := w.NewPhone(t)
	sent := w.Call(t, s, "message.sendText", object{"to": person, "text": "hello"})
	w.OnPhone(t, person, e2etest.TextOf(sent["message_id"]), object{"text": "hello"})
	w.Call(t, s, "privacy.deleteExpiredTokens", nil)
}

// TestExpiredTokens checks that a valid token lets a session write to a person first, and an expired one does not.
func TestExpiredTokens(t *testing.T) {
	w := startRestWorld(t, "digigo")
	s := w.NewSession(t)
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "push_name": s.ID, "contact_salt": false}, nil)
	w.link(t, s)
	w.pruneOnce(t, s)
	issued := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "privacy.issueTokens", object{"contacts": []string{s.JID()}})), "tokens/0/issued_at")
	testkit.Within(t, e2etest.FeedWait, "the caller's token is stored", func() bool { return w.token(t, s, w.Caller.Number)["found"] == true })
	e2etest.CheckSame(t, "the caller's token", object{"received_at": issued, "expired": false}, w.token(t, s, w.Caller.Number))
	old, fresh := w.NewPhone(t), w.NewPhone(t)
	w.giveToken(t, s, old, expiredAge)
	w.giveToken(t, s, fresh, 0)
	w.Fault(t, s, object{"kind": "first_contact", "times": -1})
	sent := w.Call(t, s, "message.sendText", object{"to": fresh, "text": "by a token"})
	w.OnPhone(t, fresh, e2etest.TextOf(sent["message_id"]), object{"text": "by a token"})
	if err := e2etest.CallMethod(w.Server.Addr, "message.sendText", object{"session": s.ID, "to": old, "text": "by an old token"}, nil); err == nil {
		t.Error("an expired token was accepted")
	}
}
