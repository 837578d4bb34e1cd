package formats

import (
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// person is an account with its phone and a session of the server linked to it.
type person struct {
	session, number, pn, lid string
	feed                     *e2etest.Feed
}

// conversation is one chat between two sessions; each of its messages is checked at all devices. In a group a third person reads
// along, with a phone only.
type conversation struct {
	server, network *e2etest.Process
	group           string // empty = one-to-one
	reader          string // number of the third person
	seed            int    // of the files, so that each is unique
}

// TestEveryKindBothWays sends every kind of message between two sessions, one linked by QR code, one by pairing code.
func TestEveryKindBothWays(t *testing.T) {
	network, root := e2etest.StartSandbox(t)
	dataDir := t.TempDir()
	server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dataDir, filepath.Join(dataDir, "waystation.db"))
	const annasNumber, bensNumber, carlasNumber = "15550300001", "15550300002", "15550300003"
	e2etest.PairSession(t, server, network, "anna", annasNumber)
	pairByCode(t, server, network, "ben", bensNumber)
	carla := object{"number": carlasNumber, "push_name": "carla"}
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", carla, nil)
	anna, ben := newPerson(t, server, network, "anna", annasNumber), newPerson(t, server, network, "ben", bensNumber)

	t.Run("one-to-one", func(t *testing.T) {
		c := &conversation{server: server, network: network}
		c.bothWays(t, anna, ben)
	})
	t.Run("group", func(t *testing.T) {
		var created struct {
			Group struct {
				Group string `json:"group"`
			} `json:"group"`
		}
		e2etest.MustCall(t, server.Addr, "group.create", object{
			"session": anna.session, "name": "Harbour", "participants": []string{ben.pn, carlasNumber},
		}, &created)
		ben.feed.Await(t, "JoinedGroup", object{"group": created.Group.Group, "name": "Harbour"})
		c := &conversation{server: server, network: network, group: created.Group.Group, reader: carlasNumber, seed: 100}
		c.bothWays(t, anna, ben)
	})
	anna.journalIsWhole(t)
	ben.journalIsWhole(t)
	e2etest.CheckNetwork(t, network)
}

// pairByCode creates an account and a session and links them by pairing code.
func pairByCode(t *testing.T, server, network *e2etest.Process, session, number string) {
	t.Helper()
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
	e2etest.MustCall(t, server.Addr, "session.create", object{"session_id": session}, nil)
	var shown struct {
		Code string `json:"code"`
	}
	e2etest.MustCall(t, server.Addr, "session.requestPairingCode", object{"session": session, "phone": number}, &shown)
	e2etest.MustCall(t, network.Addr, "sandbox.enterPairingCode", object{"account": number, "code": shown.Code}, nil)
	testkit.Within(t, e2etest.FeedWait, session+" is connected", func() bool { return e2etest.IsConnected(server, session) })
}

// newPerson returns the person of a linked session, brings them online and follows the session's socket.
func newPerson(t *testing.T, server, network *e2etest.Process, session, number string) *person {
	t.Helper()
	var account struct {
		Account string   `json:"account"`
		LID     string   `json:"lid"`
		Devices []string `json:"devices"`
	}
	e2etest.MustCall(t, network.Addr, "sandbox.getAccount", object{"account": number}, &account)
	if len(account.Devices) != 1 {
		t.Fatalf("%s has the linked devices %v", session, account.Devices)
	}
	// The phone sends the push name some time after the connection; presence needs it.
	testkit.Within(t, e2etest.FeedWait, session+" has its name and is present", func() bool {
		return e2etest.CallMethod(server.Addr, "presence.setAvailability", object{"session": session, "available": true}, nil) == nil
	})
	// WhatsApp does not acknowledge presence, and forwards typing only to available devices: the answer to a later request shows that
	// the presence has arrived.
	e2etest.MustCall(t, server.Addr, "contact.getUserInfo", object{"session": session, "contacts": []string{number}}, nil)
	return &person{session: session, number: number, pn: account.Account, lid: account.LID, feed: e2etest.FollowEvents(t, server, session)}
}

func (c *conversation) bothWays(t *testing.T, anna, ben *person) {
	t.Run("anna to ben", func(t *testing.T) { c.exchange(t, anna, ben) })
	t.Run("ben to anna", func(t *testing.T) { c.exchange(t, ben, anna) })
}

// exchange sends every kind of message from one person to the other, who reacts to each in all ways.
func (c *conversation) exchange(t *testing.T, from, to *person) {
	c.seed++
	c.showsTyping(t, from, to)
	first := c.carriesText(t, from, to)
	c.carriesReply(t, from, to, first)
	ids := map[string]string{"text": first}
	for _, m := range c.kinds(t, to) {
		t.Run(m.name, func(t *testing.T) {
			ids[m.name] = c.send(t, from, to, m)
			if m.file != nil {
				c.carriesFile(t, from, to, ids[m.name], m)
			}
		})
	}
	if t.Failed() {
		return
	}
	t.Run("vote", func(t *testing.T) { c.carriesVote(t, from, to, ids["poll"]) })
	t.Run("press", func(t *testing.T) { c.carriesPress(t, from, to, ids) })
	t.Run("reaction", func(t *testing.T) { c.carriesReaction(t, from, to, ids["image"]) })
	t.Run("edit", func(t *testing.T) { c.carriesEdit(t, from, to, first) })
	t.Run("revoke", func(t *testing.T) { c.carriesRevoke(t, from, to, ids["location"]) })
	t.Run("read", func(t *testing.T) { c.carriesReceipts(t, from, to, ids) })
}

// chat returns the address of the conversation for one person.
func (c *conversation) chat(other *person) string {
	if c.group != "" {
		return c.group
	}
	return other.pn
}

func (c *conversation) call(t *testing.T, as *person, method string, params object) object {
	t.Helper()
	params["session"] = as.session
	var result object
	if err := e2etest.CallMethod(c.server.Addr, method, params, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// stored waits until a session's store has a message with the wanted members.
func (c *conversation) stored(t *testing.T, at, other *person, id string, want object) {
	t.Helper()
	var last []string
	defer func() {
		if len(last) > 0 {
			t.Logf("message %s at %s: %v", id, at.session, last)
		}
	}()
	testkit.Within(t, e2etest.FeedWait, "the message is stored", func() bool {
		var result struct{ Message object }
		err := e2etest.CallMethod(c.server.Addr, "message.get", object{"session": at.session, "chat": c.chat(other), "message_id": id, "include_raw": true}, &result)
		if err != nil {
			last = []string{err.Error()}
			return false
		}
		last = e2etest.ListDifferences(want, result.Message)
		return len(last) == 0
	})
}

func (c *conversation) phones(from, to *person) []string {
	phones := []string{to.number, from.number}
	if c.reader != "" {
		phones = append(phones, c.reader)
	}
	return phones
}

// onPhone waits for a message on a phone of the network and compares it.
func (c *conversation) onPhone(t *testing.T, number, id string, want object) {
	t.Helper()
	var result struct{ Message object }
	e2etest.MustCall(t, c.network.Addr, "sandbox.awaitMessage", object{"account": number, "message_id": id}, &result)
	if result.Message == nil {
		t.Fatalf("the phone %s did not get the message", number)
	}
	e2etest.CheckSame(t, "on the phone "+number, want, result.Message)
}

// arrives checks a message in all places: the event at the other session, both stores, all phones.
// wire has the wanted members of the decrypted message at the other side.
func (c *conversation) arrives(t *testing.T, from, to *person, id string, want, wire object, phone ...object) {
	t.Helper()
	want = e2etest.MergeObjects(want, object{"message_id": id})
	onPhone := e2etest.MergeObjects(append([]object{want}, phone...)...)
	source := object{"pn": from.pn, "lid": from.lid, "from_me": false, "sender_name": from.session, "is_group": c.group != ""}
	if c.group == "" {
		source["chat_pn"], source["chat_lid"] = from.pn, from.lid
	} else {
		source["chat"] = c.group
	}
	got := to.feed.Await(t, "Message", object{"message_id": id})
	e2etest.CheckSame(t, "event at "+to.session, e2etest.MergeObjects(want, source, object{"raw": wire}), got.Data)
	if got.Origin != "whatsapp" {
		t.Errorf("origin %q", got.Origin)
	}
	own := from.feed.Await(t, "Message", object{"message_id": id})
	e2etest.CheckSame(t, "event at "+from.session, e2etest.MergeObjects(want, object{"pn": from.pn, "from_me": true, "from_api": true, "status": "pending"}), own.Data)
	if own.Origin != "api" {
		t.Errorf("origin of the own message %q", own.Origin)
	}
	c.stored(t, to, from, id, e2etest.MergeObjects(want, object{"sender": from.pn, "from_me": false, "raw": unwrapped(wire)}))
	c.stored(t, from, to, id, e2etest.MergeObjects(want, object{"sender": from.pn, "from_me": true}))
	c.onPhone(t, to.number, id, e2etest.MergeObjects(onPhone, object{"sender": from.lid, "from_me": false, "raw": wire}))
	c.onPhone(t, from.number, id, e2etest.MergeObjects(onPhone, object{"sender": from.lid, "from_me": true}))
	if c.reader != "" {
		c.onPhone(t, c.reader, id, e2etest.MergeObjects(onPhone, object{"chat": c.group, "sender": from.lid, "raw": wire}))
	}
}

// carriesFile fetches the file of a message at every recipient and compares its bytes.
func (c *conversation) carriesFile(t *testing.T, from, to *person, id string, m message) {
	t.Helper()
	want := sha256.Sum256(m.file)
	fetched := c.call(t, to, "message.downloadMedia", object{"chat": c.chat(from), "message_id": id})
	media, _ := fetched["media"].(map[string]any)
	head, encoded, _ := strings.Cut(e2etest.TextOf(media["base64"]), ",")
	got, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || sha256.Sum256(got) != want {
		t.Errorf("%s has %d bytes of %d: %v", to.session, len(got), len(m.file), err)
	}
	if head != "data:"+m.mime+";base64" {
		t.Errorf("%s has a file of %q", to.session, head)
	}
	for _, number := range c.phones(from, to) {
		var file struct{ Base64 []byte }
		e2etest.MustCall(t, c.network.Addr, "sandbox.downloadMedia", object{"account": number, "message_id": id}, &file)
		if sha256.Sum256(file.Base64) != want {
			t.Errorf("the phone %s has %d bytes of %d", number, len(file.Base64), len(m.file))
		}
	}
}

// journalIsWhole checks that the session's journal has every message once, with consecutive offsets.
func (p *person) journalIsWhole(t *testing.T) {
	t.Helper()
	all, err := p.feed.Snapshot()
	if err != nil {
		t.Fatalf("the socket of %s: %v", p.session, err)
	}
	offset, seen := uint64(0), map[string]bool{}
	for _, h := range all {
		if h.Offset == 0 {
			continue
		}
		if offset++; h.Offset != offset {
			t.Fatalf("%s has offset %d where %d should be", p.session, h.Offset, offset)
		}
		switch id := e2etest.TextOf(h.Data["message_id"]); {
		case h.Type == "UndecryptableMessage":
			t.Errorf("%s could not decrypt %v", p.session, h.Data)
		case h.Type == "Message" && seen[id]:
			t.Errorf("%s has message %s twice", p.session, id)
		case h.Type == "Message":
			seen[id] = true
		}
	}
	t.Logf("%s: %d events, %d of them messages", p.session, offset, len(seen))
}
