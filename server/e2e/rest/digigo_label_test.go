package rest

import (
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// business returns a session of a WhatsApp Business account, the same in all cases.
func (w *restWorld) business(t *testing.T) e2etest.Session {
	t.Helper()
	if w.Business.ID == "" {
		s := w.NewSession(t)
		e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "push_name": s.ID, "business_name": "Labels Inc."}, nil)
		w.Call(t, s, "session.connect", nil)
		testkit.Within(t, e2etest.FeedWait, "the QR code is there and scanned", func() bool {
			return e2etest.CallMethod(w.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil) == nil
		})
		w.AwaitState(t, s, "connected")
		testkit.Within(t, e2etest.FeedWait, "the phone has shared its keys", func() bool {
			return e2etest.CallMethod(w.Server.Addr, "label.create", object{"session": s.ID, "name": "First"}, nil) == nil
		})
		w.Business = s
	}
	return w.Business
}

// newLabel makes a label of the business.
func (w *restWorld) newLabel(t *testing.T) (id string) {
	t.Helper()
	label := w.Call(t, w.business(t), "label.create", object{"name": "Lead"})["label"]
	return e2etest.TextOf(e2etest.ValueAt(label, "label_id"))
}

// labelOnPhone compares a label on the phone of the business.
func (w *restWorld) labelOnPhone(t *testing.T, id string, want object) {
	t.Helper()
	var phone map[string]any
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listLabels", object{"account": w.Business.Number}, &phone)
	e2etest.CheckSame(t, "label on the phone", want, e2etest.ValueAt(phone, "labels/label_id="+id))
}

// labelCase returns the case of a label that is put on something, with the fields of the label on the phone.
func labelCase(operation, method string, prepare func(w *restWorld, id string) (resttest.Values, object, object)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		s, id := w.business(t), w.newLabel(t)
		values, params, want := prepare(w, id)
		return restAct{
			as: &s, values: values.With(resttest.Values{"label_id": id, "phone": w.Peer.Number}),
			calls: []restCall{{method, e2etest.MergeObjects(params, object{"label_ids": []string{id}, "action": "add"})}},
			effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "answer", object{"message": "Label applied successfully", "jid": w.Peer.JID()}, out.rest)
				}
				w.labelOnPhone(t, id, want)
			},
		}
	}}
}

func digigoLabels() []restCase {
	return []restCase{
		labelCase("POST /label/chat", "label.updateChats", func(w *restWorld, _ string) (resttest.Values, object, object) {
			return nil, object{"chats": []string{w.Peer.Number}}, object{"chats": []string{w.Peer.JID()}}
		}),
		labelCase("POST /label/message", "label.updateMessages", func(w *restWorld, _ string) (resttest.Values, object, object) {
			id := w.MessageID()
			return resttest.Values{"message_id": id}, object{"chat": w.Peer.Number, "message_ids": []string{id}}, object{"message_ids": []string{id}}
		}),
		{operation: "POST /label/manage", prepare: func(t *testing.T, w *restWorld) restAct {
			s, id := w.business(t), w.newLabel(t)
			return restAct{
				as: &s, values: resttest.Values{"label_id": id, "label_name": "Customer", "label_color": 7},
				calls: []restCall{{"label.update", object{"label_id": id, "name": "Customer", "color": 7}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "label_id", "0/label/label_id")
					w.labelOnPhone(t, id, object{"name": "Customer", "color": 7})
				},
			}
		}},
	}
}

// digigoLabelForms makes and deletes a label, and takes one off.
func digigoLabelForms(t *testing.T, r *restRun) {
	s := r.w.business(t)
	post := func(path string, body object) map[string]any {
		t.Helper()
		answer := r.send(t, r.mounts[0], s.Token, &resttest.Request{Method: "POST", Path: path, Body: jsonOf(body)})
		content, _ := r.content(answer.JSON()).(map[string]any)
		return content
	}
	made := post("/label/manage", object{"label_name": "Made", "label_color": 3})
	e2etest.CheckSame(t, "made", object{"message": "Label created successfully", "label_name": "Made", "label_color": 3}, made)
	id := e2etest.TextOf(made["label_id"])
	r.w.labelOnPhone(t, id, object{"name": "Made"})
	post("/label/chat", object{"phone": r.w.Peer.Number, "label_id": id, "apply": true})
	taken := post("/label/chat", object{"phone": r.w.Peer.Number, "label_id": id, "apply": false})
	e2etest.CheckSame(t, "taken off", object{"message": "Label removed successfully", "applied": false}, taken)
	r.w.labelOnPhone(t, id, object{"chats": []string{}})
	e2etest.CheckSame(t, "deleted", object{"message": "Label deleted successfully"}, post("/label/manage", object{"label_id": id, "delete": true}))
	e2etest.CheckSame(t, "unknown", object{"error": "there is no such label"}, post("/label/chat", object{"phone": r.w.Peer.Number, "label_id": id, "apply": true}))
	named := post("/label/manage", object{"label_id": "label_1703123456", "label_name": "Named", "label_color": 0})
	e2etest.CheckSame(t, "with an id of one's own", object{"message": "Label created successfully", "label_id": "label_1703123456"}, named)
}
