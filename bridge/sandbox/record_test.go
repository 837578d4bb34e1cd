package sandbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// refuses sends a raw stanza and waits until the network has recorded the violation.
func (w *world) refuses(c *client, node waBinary.Node, reason string) {
	w.t.Helper()
	// The public methods of whatsmeow cannot send malformed stanzas.
	if err := c.DangerousInternals().SendNode(w.ctx(), node); err != nil {
		w.t.Fatal(err)
	}
	w.until("violation "+reason, func() bool {
		for _, v := range w.net.records.violations {
			if strings.Contains(v.Reason, reason) {
				return true
			}
		}
		return false
	})
}

func TestStrictStanzas(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	a := w.pair(alice)
	enc := func(kind string) waBinary.Node {
		return waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kind}, Content: []byte("ciphertext")}
	}
	message := func(to any, children ...waBinary.Node) waBinary.Node {
		return waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": a.GenerateMessageID(), "type": "text", "to": to}, Content: children}
	}
	to := func(jid types.JID, enc waBinary.Node) waBinary.Node {
		return waBinary.Node{Tag: "participants", Content: []waBinary.Node{{Tag: "to", Attrs: waBinary.Attrs{"jid": jid}, Content: []waBinary.Node{enc}}}}
	}
	for reason, node := range map[string]waBinary.Node{
		"unknown stanza":                       {Tag: "nonsense"},
		"without usable recipient":             message("somebody", enc("msg")),
		"to nobody":                            message(types.NewJID("999", types.HiddenUserServer), enc("msg")),
		"without ciphertexts":                  message(bob.LID()),
		"a stranger's device":                  message(bob.LID(), to(carol.LID(), enc("msg"))),
		"unreadable participant":               message(bob.LID(), to(bob.LID(), enc("other"))),
		"without the sender's device identity": message(bob.LID(), to(bob.LID(), enc("pkmsg"))),
		"may not write to":                     message(types.NewJID("123", types.GroupServer), enc("skmsg")),
		"receipt without recipient":            {Tag: "receipt", Attrs: waBinary.Attrs{"id": "X"}},
		"receipt to nobody":                    {Tag: "receipt", Attrs: waBinary.Attrs{"id": "X", "to": types.NewJID("999", types.HiddenUserServer)}},
		"presence of unknown type":             {Tag: "presence", Attrs: waBinary.Attrs{"type": "bored"}},
		"malformed chat state":                 {Tag: "chatstate", Attrs: waBinary.Attrs{"to": bob.LID()}},
		"malformed call":                       {Tag: "call", Attrs: waBinary.Attrs{"to": bob.LID(), "id": "X"}},
		"request of unknown type":              {Tag: "iq", Attrs: waBinary.Attrs{"type": "maybe", "id": "X"}},
	} {
		w.refuses(a, node, reason)
	}
	for _, r := range bob.Received() {
		t.Errorf("bob got %v", r)
	}
	// The connection survives all of it.
	a.send(bob.JID(), text1("still here"))
	w.hears(bob, "still here")
}

func TestUnknownRequestIsRecorded(t *testing.T) {
	n := New(Options{})
	t.Cleanup(n.Close)
	p, err := n.AddAccount(AccountOptions{Number: "15550001"})
	if err != nil {
		t.Fatal(err)
	}
	reply := p.request(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"type": "get", "xmlns": "w:new", "id": "1"}, Content: []waBinary.Node{{Tag: "thing"}}})
	if child := reply.GetChildByTag("error"); text(&reply, "type") != "error" || text(&child, "code") != "501" {
		t.Errorf("reply %s", reply)
	}
	if list := n.UnknownIQs(); len(list) != 1 || list[0].Key != "w:new/get/thing" || list[0].From != p.LID().String() {
		t.Errorf("recorded %+v", list)
	}
}

func TestGroupMessageWithWrongHashIsRefused(t *testing.T) {
	w := newGroupWorld(t, Options{})
	group := w.group()
	w.refuses(w.a, waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "A1", "type": "text", "to": group, "phash": "2:AAAAAAAA"}, Content: []waBinary.Node{
		{Tag: "participants"}, {Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": "skmsg"}, Content: []byte("x")},
	}}, "wrong participant hash")
}

func TestStaleDeviceListIsCorrected(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("one device"))
	b := w.pair(bob)
	// whatsmeow's list may be stale: the acknowledgement has the right hash, and whatsmeow queries the list again.
	a.send(bob.JID(), text1("maybe missed"))
	a.send(bob.JID(), text1("seen by all"))
	await(b, says("seen by all"))
	w.hears(bob, "maybe missed")
	w.clean()
}

func TestBadSignaturesAreRefused(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	c := w.client()
	c.Store.SignedPreKey.Signature[5] ^= 1
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	if failed := await[*events.ConnectFailure](c, nil); failed.Reason != 400 {
		t.Errorf("registration with a bad signed prekey: %+v", failed)
	}
	a := w.pair(alice)
	keys := a.Store.SignedPreKey
	signature := bytes.Clone(keys.Signature[:])
	signature[5] ^= 1
	w.refuses(a, waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"id": "x1", "type": "set", "xmlns": "encrypt", "to": types.ServerJID}, Content: []waBinary.Node{
		leaf("registration", binary.BigEndian.AppendUint32(nil, a.Store.RegistrationID)), leaf("type", []byte{5}), leaf("identity", a.Store.IdentityKey.Pub[:]),
		{Tag: "list"},
		{Tag: "skey", Content: []waBinary.Node{leaf("id", []byte{0, 0, 1}), leaf("value", keys.Pub[:]), leaf("signature", signature)}},
	}}, "prekeys with a bad signature")
}

func TestGarbageEndsItsConnectionOnly(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	header := socket.WAConnHeader
	for name, garbage := range map[string][]byte{
		"no header":     []byte("GET / HTTP/1.1\r\n\r\n"),
		"empty frame":   append(bytes.Clone(header), 0, 0, 0),
		"no protobuf":   append(bytes.Clone(header), 0, 0, 3, 0xff, 0xff, 0xff),
		"short hello":   append(bytes.Clone(header), 0, 0, 4, 0x12, 0x02, 0x0a, 0x00),
		"other version": {'W', 'A', 1, 1, 0, 0, 0},
	} {
		ws, resp, err := websocket.Dial(w.ctx(), socket.URL, &websocket.DialOptions{HTTPClient: NewHTTPClient(w.in.Dial)})
		if err != nil {
			t.Fatal(name, err)
		}
		_ = resp.Body
		if err = ws.Write(w.ctx(), websocket.MessageBinary, garbage); err != nil {
			t.Fatal(name, err)
		}
		if _, _, err = ws.Read(w.ctx()); err == nil {
			t.Errorf("%s was answered", name)
		}
		_ = ws.CloseNow()
	}
	a.send(alice.JID(), text1("unharmed"))
	w.hears(alice, "unharmed")
}

func TestClosedNetworkRefuses(t *testing.T) {
	n := New(Options{})
	in, err := n.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if _, err = in.Dial(context.Background(), "tcp", "web.whatsapp.com:443"); err == nil {
		t.Error("closed listener was dialled")
	}
	if _, err = n.AddAccount(AccountOptions{Number: "15550001"}); err == nil {
		t.Error("closed network took an account")
	}
	if _, err = n.Pipe(); err == nil {
		t.Error("closed network was opened")
	}
}
