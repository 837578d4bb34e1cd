package sandbox

import (
	"slices"
	"testing"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// The answer to a query for devices has the list of companions that the phone has signed.
func TestKeyIndexList(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	w.pair(bob)
	second := w.pair(bob)
	read := func() *waAdv.ADVKeyIndexList {
		t.Helper()
		reply, err := alice.sendRequest("usync", "get", types.ServerJID, waBinary.Node{Tag: "usync", Content: []waBinary.Node{
			{Tag: "query", Content: []waBinary.Node{{Tag: "devices", Attrs: waBinary.Attrs{"version": "2"}}}},
			{Tag: "list", Content: []waBinary.Node{{Tag: "user", Attrs: waBinary.Attrs{"jid": bob.JID()}}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		node := reply.GetChildByTag("usync", "list", "user", "devices", "key-index-list")
		var signed waAdv.ADVSignedKeyIndexList
		var list waAdv.ADVKeyIndexList
		if err = proto.Unmarshal(content(&node), &signed); err != nil {
			t.Fatal(err)
		}
		if err = proto.Unmarshal(signed.GetDetails(), &list); err != nil || text(&node, "ts") == "" {
			t.Fatalf("%v: %v", node, err)
		}
		message := append([]byte{6, 2}, signed.GetDetails()...)
		if !ecc.VerifySignature(ecc.NewDjbECPublicKey(*bob.identity.Pub), message, [64]byte(signed.GetAccountSignature())) {
			t.Error("the list is not signed by the phone")
		}
		return &list
	}
	before := read()
	var device waAdv.ADVDeviceIdentity
	if err := proto.Unmarshal(second.Store.Account.GetDetails(), &device); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before.GetValidIndexes(), []uint32{1, 2}) || before.GetCurrentIndex() != 2 || before.GetRawID() != device.GetRawID() {
		t.Errorf("list %v, device %v", before, &device)
	}
	if again := read(); !proto.Equal(before, again) {
		t.Errorf("list changed to %v", again)
	}
	if err := bob.Unlink(bob.Companions()[0]); err != nil {
		t.Fatal(err)
	}
	if after := read(); !slices.Equal(after.GetValidIndexes(), []uint32{2}) || after.GetRawID() != before.GetRawID() {
		t.Errorf("after unlinking %v", after)
	}
	if err := bob.ChangeIdentity(); err != nil {
		t.Fatal(err)
	}
	if reinstalled := read(); len(reinstalled.GetValidIndexes()) != 0 || reinstalled.GetRawID() == before.GetRawID() {
		t.Errorf("after a new installation %v", reinstalled)
	}
}
