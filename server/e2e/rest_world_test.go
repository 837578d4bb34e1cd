package e2e

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
)

// restWorld is a server with a documented REST API, the sessions of its callers and their contacts.
type restWorld struct {
	network, server *process
	dialect         string
	caller          restSession       // connected
	idle            restSession       // never connected
	peer            restSession       // another account, online, with a picture, an about text and a linked device
	shop            string            // number of a business
	stranger        string            // number of an account that hides its profile
	group           string            // the caller's, with peer and shop
	receiver        *restReceiver     // of webhooks
	made            int               // count of created numbers
	rabbit, bucket  string            // addresses of brokers and object storages, where the dialect has them
	archives        map[string]string // webhooks for archived, by the outcome of their deliveries
}

// restSession is a session with the number of its account.
type restSession struct{ id, number, token string }

// jid returns the address of the account.
func (s restSession) jid() string { return jidOf(s.number) }

func jidOf(number string) string { return number + "@s.whatsapp.net" }

func startRestWorld(t *testing.T, dialect string, extra ...string) *restWorld {
	t.Helper()
	network, root := startSandbox(t)
	dir := t.TempDir()
	w := &restWorld{network: network, dialect: dialect, shop: "15550600003", stranger: "15550600004"}
	w.receiver = newRestReceiver(t)
	for i := range extra {
		extra[i] = strings.ReplaceAll(extra[i], "{receiver}", w.receiver.url)
	}
	w.server = startServer(t, freeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"),
		append([]string{"-calls-per-second", "100000", "-call-burst", "100000", "-allow-hosts", "127.0.0.1", "-max-rest-file-body", fmt.Sprint(maxFileBody)}, extra...)...)
	w.caller, w.peer, w.idle = w.newLinkedSession(t), w.newLinkedSession(t), w.newSession(t)
	for number, account := range map[string]object{w.shop: {"push_name": "Shop", "business_name": "Shop Inc."}, w.stranger: {}} {
		must(t, network.addr, "sandbox.createAccount", merged(account, object{"number": number}), nil)
	}
	w.call(t, w.peer, "profile.setAbout", object{"about": "at sea"})
	w.call(t, w.peer, "profile.setPicture", object{"media": object{"base64": dataURL("image/jpeg", jpegFile(t, 7))}})
	w.group = w.newGroup(t, "Harbour", w.peer.number, w.shop)
	for _, s := range []restSession{w.caller, w.peer} {
		// The phone sends the push name some time after the connection; presence needs it.
		eventually(t, feedWait, s.id+" has its name and is present", func() bool {
			return call(w.server.addr, "presence.setAvailability", object{"session": s.id, "available": true}, nil) == nil
		})
	}
	w.goOnline(t, w.peer.number)
	w.receive(t, w.peer.number, object{"type": "text", "text": "hello"})
	return w
}

func (w *restWorld) nextNumber() int {
	w.made++
	return w.made
}

// newSession creates a session that is not linked to any account.
func (w *restWorld) newSession(t *testing.T) restSession {
	t.Helper()
	s := restSession{id: fmt.Sprintf("s%d", w.nextNumber())}
	s.number = fmt.Sprintf("155506001%02d", w.made)
	var created struct{ Token string }
	must(t, w.server.addr, "session.create", object{"session_id": s.id, "settings": object{"dialect": w.dialect}}, &created)
	s.token = created.Token
	return s
}

// newLinkedSession creates a session and links it to an account of its own.
func (w *restWorld) newLinkedSession(t *testing.T) restSession {
	t.Helper()
	s := w.newSession(t)
	must(t, w.network.addr, "sandbox.createAccount", object{"number": s.number, "push_name": s.id}, nil)
	must(t, w.server.addr, "session.connect", object{"session": s.id}, nil)
	eventually(t, feedWait, "the QR code is there and scanned", func() bool {
		return call(w.server.addr, "sandbox.scanQrCode", object{"account": s.number, "session": s.id}, nil) == nil
	})
	w.awaitState(t, s, "connected")
	return s
}

// newPairingSession creates a session that shows a QR code.
func (w *restWorld) newPairingSession(t *testing.T) restSession {
	t.Helper()
	s := w.newSession(t)
	must(t, w.network.addr, "sandbox.createAccount", object{"number": s.number, "push_name": s.id}, nil)
	must(t, w.server.addr, "session.connect", object{"session": s.id}, nil)
	eventually(t, feedWait, "the QR code is there", func() bool { return str(w.call(t, s, "session.getQrCode", nil)["code"]) != "" })
	return s
}

// newOfflineSession creates a session that is linked and disconnected.
func (w *restWorld) newOfflineSession(t *testing.T) restSession {
	t.Helper()
	s := w.newLinkedSession(t)
	w.call(t, s, "session.disconnect", nil)
	return s
}

func (w *restWorld) call(t *testing.T, as restSession, method string, params object) (result object) {
	t.Helper()
	if as.id != "" { // calls of an admin may be without a session
		params = merged(params, object{"session": as.id})
	}
	must(t, w.server.addr, method, merged(params, nil), &result)
	return result
}

func (w *restWorld) state(t *testing.T, s restSession) string {
	t.Helper()
	return str(w.call(t, s, "session.getStatus", nil)["state"])
}

func (w *restWorld) awaitState(t *testing.T, s restSession, state string) {
	t.Helper()
	eventually(t, feedWait, s.id+" is "+state, func() bool { return w.state(t, s) == state })
}

// devices returns the number of linked devices of the account on the network.
func (w *restWorld) devices(t *testing.T, s restSession) int {
	t.Helper()
	var account struct{ Devices []string }
	must(t, w.network.addr, "sandbox.getAccount", object{"account": s.number}, &account)
	return len(account.Devices)
}

// newPhone creates an account that is online.
func (w *restWorld) newPhone(t *testing.T) (number string) {
	t.Helper()
	number = fmt.Sprintf("155506002%02d", w.nextNumber())
	must(t, w.network.addr, "sandbox.createAccount", object{"number": number}, nil)
	w.goOnline(t, number)
	return number
}

func (w *restWorld) goOnline(t *testing.T, number string) {
	t.Helper()
	must(t, w.network.addr, "sandbox.setPresence", object{"account": number, "available": true}, nil)
}

func (w *restWorld) newGroup(t *testing.T, name string, members ...string) string {
	t.Helper()
	made := w.call(t, w.caller, "group.create", object{"name": name, "participants": members})
	return str(valueAt(map[string]any(made), "group/group"))
}

// messageID returns a new message id in the form of clients.
func (w *restWorld) messageID() string {
	return strings.ToUpper(hex.EncodeToString(fmt.Appendf(nil, "rest-message%04d", w.nextNumber())))
}

// receive sends a message from a phone to the caller, waits until the caller's store has it and returns it.
func (w *restWorld) receive(t *testing.T, from string, content object) (id string, message map[string]any) {
	t.Helper()
	var sent struct {
		MessageID string `json:"message_id"`
	}
	must(t, w.network.addr, "sandbox.send", object{"account": from, "to": w.caller.number, "content": content}, &sent)
	eventually(t, feedWait, "the message is stored", func() bool {
		var result struct{ Message map[string]any }
		err := call(w.server.addr, "message.get", object{"session": w.caller.id, "message_id": sent.MessageID, "include_raw": true}, &result)
		message = result.Message
		return err == nil
	})
	return sent.MessageID, message
}

// onPhone waits for a message at a phone and compares it.
func (w *restWorld) onPhone(t *testing.T, number, id string, want object) {
	t.Helper()
	var result struct{ Message map[string]any }
	must(t, w.network.addr, "sandbox.awaitMessage", object{"account": number, "message_id": id}, &result)
	if result.Message == nil {
		t.Fatalf("the phone %s did not get the message", number)
	}
	same(t, "on the phone", want, result.Message)
}

// awaitReaction waits for a reaction to a message at a phone; an empty one removes an earlier one.
func (w *restWorld) awaitReaction(t *testing.T, number, id, emoji string) {
	t.Helper()
	eventually(t, feedWait, "the reaction is on the phone", func() bool {
		var inbox struct{ Messages []map[string]any }
		must(t, w.network.addr, "sandbox.listMessages", object{"account": number, "type": "reaction"}, &inbox)
		return slices.ContainsFunc(inbox.Messages, func(m map[string]any) bool {
			return len(differences(object{"target": object{"message_id": id, "emoji": emoji}}, m)) == 0
		})
	})
}

// fileOnPhone compares the file of a message at a phone.
func (w *restWorld) fileOnPhone(t *testing.T, number, id string, want []byte) {
	t.Helper()
	var file struct{ Base64 []byte }
	must(t, w.network.addr, "sandbox.downloadMedia", object{"account": number, "message_id": id}, &file)
	if string(file.Base64) != string(want) {
		t.Errorf("the phone %s has another file: %d bytes instead of %d", number, len(file.Base64), len(want))
	}
}

// stanza waits for a matching stanza at a phone and returns it as text.
func (w *restWorld) stanza(t *testing.T, number string, filter object) string {
	t.Helper()
	var result struct{ Stanza struct{ XML string } }
	must(t, w.network.addr, "sandbox.awaitStanza", merged(filter, object{"account": number}), &result)
	if result.Stanza.XML == "" {
		t.Fatalf("the phone %s did not get %v", number, filter)
	}
	return result.Stanza.XML
}

// fault injects a network fault until the test ends.
func (w *restWorld) fault(t *testing.T, s restSession, fault object) {
	t.Helper()
	must(t, w.network.addr, "sandbox.injectFault", merged(fault, object{"account": s.number}), nil)
	t.Cleanup(func() { must(t, w.network.addr, "sandbox.clearFaults", object{}, nil) })
}

// fromDataURL decodes a file.
func fromDataURL(t *testing.T, url any) (kind string, file []byte) {
	t.Helper()
	head, encoded, ok := strings.Cut(str(url), ";base64,")
	file, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		t.Fatalf("no data URL: %.80s", url)
	}
	return strings.TrimPrefix(head, "data:"), file
}

// gonePath is the prefix of the receiver's paths that answer every request with an error.
const gonePath = "/gone"

// restReceiver is the HTTP receiver of webhooks.
type restReceiver struct {
	url string
	mu  sync.Mutex
	got []hookRequest
}

func newRestReceiver(t *testing.T) *restReceiver {
	r := &restReceiver{}
	names := checkDelivered(t, "webhooks")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		names.add(request.URL.Path, body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, hookRequest{request.URL.Path, request.Header, body})
		if strings.HasPrefix(request.URL.Path, gonePath) {
			w.WriteHeader(http.StatusGone)
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// await waits for a request to a path whose body holds a text.
func (r *restReceiver) await(t *testing.T, path, text string) {
	t.Helper()
	eventually(t, feedWait, "a delivery to "+path, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.ContainsFunc(r.got, func(got hookRequest) bool { return got.path == path && strings.Contains(string(got.body), text) })
	})
}

// of returns the requests to a path.
func (r *restReceiver) of(path string) []hookRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(got hookRequest) bool { return got.path != path })
}
