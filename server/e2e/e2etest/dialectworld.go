package e2etest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// DialectWorld is a server with a documented REST API, the sessions of its callers and their contacts.
type DialectWorld struct {
	Network, Server *Process
	Root            string // certificate of the network, for more servers
	dialect         string
	Caller          Session           // connected
	Idle            Session           // never connected
	Peer            Session           // another account, online, with a picture, an about text and a linked device
	Shop            string            // number of a business
	Stranger        string            // number of an account that hides its profile
	Group           string            // the caller's, with peer and shop
	Receiver        *Receiver         // of webhooks
	made            int               // count of created numbers
	Business        Session           // of a WhatsApp Business account, where a test made it
	Rabbit, Bucket  string            // addresses of brokers and object storages, where the dialect has them
	Archives        map[string]string // webhooks for archived, by the outcome of their deliveries
}

// Session is a session with the number of its account.
type Session struct{ ID, Number, Token string }

// JID returns the address of the account.
func (s Session) JID() string { return JIDOf(s.Number) }

// JIDOf returns the JID of a phone number.
func JIDOf(number string) string { return number + "@s.whatsapp.net" }

// StartDialectWorld starts a server whose sessions use a REST dialect, with extra flags; {receiver} in them is the URL
// of the receiver of webhooks.
func StartDialectWorld(t *testing.T, dialect string, extra ...string) *DialectWorld {
	t.Helper()
	network, root := StartSandbox(t)
	dir := t.TempDir()
	w := &DialectWorld{Network: network, Root: root, dialect: dialect, Shop: "15550600003", Stranger: "15550600004"}
	w.Receiver = NewReceiver(t)
	for i := range extra {
		extra[i] = strings.ReplaceAll(extra[i], "{receiver}", w.Receiver.URL)
	}
	w.Server = StartServer(t, testkit.FreeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"),
		append([]string{"-calls-per-second", "100000", "-call-burst", "100000", "-allow-hosts", "127.0.0.1", "-max-rest-file-body", fmt.Sprint(MaxFileBody)}, extra...)...)
	w.Caller, w.Peer, w.Idle = w.NewLinkedSession(t), w.NewLinkedSession(t), w.NewSession(t)
	for number, account := range map[string]Object{w.Shop: {"push_name": "Shop", "business_name": "Shop Inc."}, w.Stranger: {}} {
		MustCall(t, network.Addr, "sandbox.createAccount", MergeObjects(account, Object{"number": number}), nil)
	}
	w.Call(t, w.Peer, "profile.setAbout", Object{"about": "at sea"})
	w.Call(t, w.Peer, "profile.setPicture", Object{"media": Object{"base64": DataURL("image/jpeg", JPEGFile(t, 7))}})
	w.Group = w.NewGroup(t, "Harbour", w.Peer.Number, w.Shop)
	for _, s := range []Session{w.Caller, w.Peer} {
		// The phone sends the push name some time after the connection; presence needs it.
		testkit.Within(t, FeedWait, s.ID+" has its name and is present", func() bool {
			return CallMethod(w.Server.Addr, "presence.setAvailability", Object{"session": s.ID, "available": true}, nil) == nil
		})
	}
	w.goOnline(t, w.Peer.Number)
	w.Receive(t, w.Peer.Number, Object{"type": "text", "text": "hello"})
	return w
}

// NextNumber returns a number that was not used yet in this world.
func (w *DialectWorld) NextNumber() int {
	w.made++
	return w.made
}

// NewSession creates a session that is not linked to any account.
func (w *DialectWorld) NewSession(t *testing.T) Session {
	t.Helper()
	s := Session{ID: fmt.Sprintf("s%d", w.NextNumber())}
	s.Number = fmt.Sprintf("155506001%02d", w.made)
	var created struct{ Token string }
	MustCall(t, w.Server.Addr, "session.create", Object{"session_id": s.ID, "settings": Object{"dialect": w.dialect}}, &created)
	s.Token = created.Token
	return s
}

// NewLinkedSession creates a session and links it to an account of its own.
func (w *DialectWorld) NewLinkedSession(t *testing.T) Session {
	t.Helper()
	s := w.NewSession(t)
	MustCall(t, w.Network.Addr, "sandbox.createAccount", Object{"number": s.Number, "push_name": s.ID}, nil)
	MustCall(t, w.Server.Addr, "session.connect", Object{"session": s.ID}, nil)
	testkit.Within(t, FeedWait, "the QR code is there and scanned", func() bool {
		return CallMethod(w.Server.Addr, "sandbox.scanQrCode", Object{"account": s.Number, "session": s.ID}, nil) == nil
	})
	w.AwaitState(t, s, "connected")
	return s
}

// NewPairingSession creates a session that shows a QR code.
func (w *DialectWorld) NewPairingSession(t *testing.T) Session {
	t.Helper()
	s := w.NewSession(t)
	MustCall(t, w.Network.Addr, "sandbox.createAccount", Object{"number": s.Number, "push_name": s.ID}, nil)
	MustCall(t, w.Server.Addr, "session.connect", Object{"session": s.ID}, nil)
	testkit.Within(t, FeedWait, "the QR code is there", func() bool { return TextOf(w.Call(t, s, "session.getQrCode", nil)["code"]) != "" })
	return s
}

// NewOfflineSession creates a session that is linked and disconnected.
func (w *DialectWorld) NewOfflineSession(t *testing.T) Session {
	t.Helper()
	s := w.NewLinkedSession(t)
	w.Call(t, s, "session.disconnect", nil)
	return s
}

// Call runs a method with the admin token, for a session if one is given.
func (w *DialectWorld) Call(t *testing.T, as Session, method string, params Object) (result Object) {
	t.Helper()
	if as.ID != "" { // calls of an admin may be without a session
		params = MergeObjects(params, Object{"session": as.ID})
	}
	MustCall(t, w.Server.Addr, method, MergeObjects(params, nil), &result)
	return result
}

// State returns the state of a session.
func (w *DialectWorld) State(t *testing.T, s Session) string {
	t.Helper()
	return TextOf(w.Call(t, s, "session.getStatus", nil)["state"])
}

// AwaitState waits until a session is in a state.
func (w *DialectWorld) AwaitState(t *testing.T, s Session, state string) {
	t.Helper()
	testkit.Within(t, FeedWait, s.ID+" is "+state, func() bool { return w.State(t, s) == state })
}

// Devices returns the number of linked devices of the account on the network.
func (w *DialectWorld) Devices(t *testing.T, s Session) int {
	t.Helper()
	var account struct{ Devices []string }
	MustCall(t, w.Network.Addr, "sandbox.getAccount", Object{"account": s.Number}, &account)
	return len(account.Devices)
}

// NewPhone creates an account that is online.
func (w *DialectWorld) NewPhone(t *testing.T) (number string) {
	t.Helper()
	number = fmt.Sprintf("155506002%02d", w.NextNumber())
	MustCall(t, w.Network.Addr, "sandbox.createAccount", Object{"number": number}, nil)
	w.goOnline(t, number)
	return number
}

func (w *DialectWorld) goOnline(t *testing.T, number string) {
	t.Helper()
	MustCall(t, w.Network.Addr, "sandbox.setPresence", Object{"account": number, "available": true}, nil)
}

// NewGroup makes a group of the caller and returns its JID.
func (w *DialectWorld) NewGroup(t *testing.T, name string, members ...string) string {
	t.Helper()
	made := w.Call(t, w.Caller, "group.create", Object{"name": name, "participants": members})
	return TextOf(ValueAt(map[string]any(made), "group/group"))
}

// MessageID returns a new message id in the form of clients.
func (w *DialectWorld) MessageID() string {
	return strings.ToUpper(hex.EncodeToString(fmt.Appendf(nil, "rest-message%04d", w.NextNumber())))
}

// Receive sends a message from a phone to the caller, waits until the caller's store has it and returns it.
func (w *DialectWorld) Receive(t *testing.T, from string, content Object) (id string, message map[string]any) {
	t.Helper()
	var sent struct {
		MessageID string `json:"message_id"`
	}
	MustCall(t, w.Network.Addr, "sandbox.send", Object{"account": from, "to": w.Caller.Number, "content": content}, &sent)
	testkit.Within(t, FeedWait, "the message is stored", func() bool {
		var result struct{ Message map[string]any }
		err := CallMethod(w.Server.Addr, "message.get", Object{"session": w.Caller.ID, "message_id": sent.MessageID, "include_raw": true}, &result)
		message = result.Message
		return err == nil
	})
	return sent.MessageID, message
}

// OnPhone waits for a message at a phone and compares it.
func (w *DialectWorld) OnPhone(t *testing.T, number, id string, want Object) {
	t.Helper()
	var result struct{ Message map[string]any }
	MustCall(t, w.Network.Addr, "sandbox.awaitMessage", Object{"account": number, "message_id": id}, &result)
	if result.Message == nil {
		t.Fatalf("the phone %s did not get the message", number)
	}
	CheckSame(t, "on the phone", want, result.Message)
}

// AwaitReaction waits for a reaction to a message at a phone; an empty one removes an earlier one.
func (w *DialectWorld) AwaitReaction(t *testing.T, number, id, emoji string) {
	t.Helper()
	testkit.Within(t, FeedWait, "the reaction is on the phone", func() bool {
		var inbox struct{ Messages []map[string]any }
		MustCall(t, w.Network.Addr, "sandbox.listMessages", Object{"account": number, "type": "reaction"}, &inbox)
		return slices.ContainsFunc(inbox.Messages, func(m map[string]any) bool {
			return len(ListDifferences(Object{"target": Object{"message_id": id, "emoji": emoji}}, m)) == 0
		})
	})
}

// FileOnPhone compares the file of a message at a phone.
func (w *DialectWorld) FileOnPhone(t *testing.T, number, id string, want []byte) {
	t.Helper()
	var file struct{ Base64 []byte }
	MustCall(t, w.Network.Addr, "sandbox.downloadMedia", Object{"account": number, "message_id": id}, &file)
	if string(file.Base64) != string(want) {
		t.Errorf("the phone %s has another file: %d bytes instead of %d", number, len(file.Base64), len(want))
	}
}

// Stanza waits for a matching stanza at a phone and returns it as text.
func (w *DialectWorld) Stanza(t *testing.T, number string, filter Object) string {
	t.Helper()
	var result struct{ Stanza struct{ XML string } }
	MustCall(t, w.Network.Addr, "sandbox.awaitStanza", MergeObjects(filter, Object{"account": number}), &result)
	if result.Stanza.XML == "" {
		t.Fatalf("the phone %s did not get %v", number, filter)
	}
	return result.Stanza.XML
}

// Fault injects a network fault until the test ends.
func (w *DialectWorld) Fault(t *testing.T, s Session, fault Object) {
	t.Helper()
	MustCall(t, w.Network.Addr, "sandbox.injectFault", MergeObjects(fault, Object{"account": s.Number}), nil)
	t.Cleanup(func() { MustCall(t, w.Network.Addr, "sandbox.clearFaults", Object{}, nil) })
}

// FromDataURL decodes a file.
func FromDataURL(t *testing.T, url any) (kind string, file []byte) {
	t.Helper()
	head, encoded, ok := strings.Cut(TextOf(url), ";base64,")
	file, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		t.Fatalf("no data URL: %.80s", url)
	}
	return strings.TrimPrefix(head, "data:"), file
}

// GonePath is the prefix of the receiver's paths that answer every request with an error.
const GonePath = "/gone"

// Receiver is the HTTP receiver of webhooks.
type Receiver struct {
	URL string
	mu  sync.Mutex
	got []HookRequest
}

// NewReceiver starts a receiver, which is stopped after the test.
func NewReceiver(t *testing.T) *Receiver {
	r := &Receiver{}
	names := CheckDelivered(t, "webhooks")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		names.Add(request.URL.Path, body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, HookRequest{request.URL.Path, request.Header, body})
		if strings.HasPrefix(request.URL.Path, GonePath) {
			w.WriteHeader(http.StatusGone)
		}
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// AwaitRequest waits for a request to a path whose body holds a text.
func (r *Receiver) AwaitRequest(t *testing.T, path, text string) {
	t.Helper()
	testkit.Within(t, FeedWait, "a delivery to "+path, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.ContainsFunc(r.got, func(got HookRequest) bool { return got.path == path && strings.Contains(string(got.Body), text) })
	})
}

// RequestsTo returns the requests to a path.
func (r *Receiver) RequestsTo(path string) []HookRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(got HookRequest) bool { return got.path != path })
}

// HookRequest is a request to a receiver.
type HookRequest struct {
	path   string
	Header http.Header
	Body   []byte
}

// MaxFileBody is the setting max-rest-file-body of these tests, in bytes: small, so that bodies over the limit stay small.
const MaxFileBody = 2 << 20
