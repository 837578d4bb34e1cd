package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wwebjsLife is a program that knows wwebjs-api only: its requests, its webhook and its WebSocket. The other side is the network.
type wwebjsLife struct {
	network, server *e2etest.Process
	receiver        *e2etest.Receiver

	mu     sync.Mutex
	frames []string // of the WebSocket
}

const (
	lifeHook  = "/wwebjs-life"
	lifeOwner = "15550600701"
	lifePeer  = "15550600702"
)

// request sends a request of the document and returns the answer, which must have the status 200.
func (l *wwebjsLife) request(t *testing.T, method, path string, body object) (answer object, raw []byte) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		sent = bytes.NewReader(jsonOf(body))
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.server.Addr+path, sent)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"X-Api-Key": {e2etest.AdminToken}, "Content-Type": {"application/json"}}
	response, err := e2etest.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d, %.300s, %v", method, path, response.StatusCode, raw, err)
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatalf("%v in %.300s", err, raw)
		}
	}
	return answer, raw
}

// post sends a request that must succeed.
func (l *wwebjsLife) post(t *testing.T, path string, body object) object {
	t.Helper()
	answer, raw := l.request(t, http.MethodPost, path+"/life", body)
	if answer["success"] != true {
		t.Fatalf("%s: %s", path, raw)
	}
	return answer
}

// listen opens the WebSocket and records its frames until it is closed; the code of the end is sent to the result.
func (l *wwebjsLife) listen(t *testing.T) (ended chan websocket.StatusCode) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+l.server.Addr+"/ws/life", &websocket.DialOptions{HTTPHeader: http.Header{"X-Api-Key": {e2etest.AdminToken}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(1 << 20)
	ended = make(chan websocket.StatusCode, 1)
	go func() {
		for {
			_, frame, err := ws.Read(t.Context())
			if err != nil {
				ended <- websocket.CloseStatus(err)
				return
			}
			l.mu.Lock()
			l.frames = append(l.frames, string(frame))
			l.mu.Unlock()
		}
	}()
	return ended
}

// await waits for an event with a text over the WebSocket and the webhook, and returns its data. Both have the same body.
func (l *wwebjsLife) await(t *testing.T, dataType, text string) (data object) {
	t.Helper()
	name, found := `"dataType":"`+dataType+`"`, ""
	testkit.Within(t, e2etest.FeedWait, "a frame "+dataType+" with "+text, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, frame := range l.frames {
			if strings.Contains(frame, name) && strings.Contains(frame, text) {
				found = frame
				return true
			}
		}
		return false
	})
	l.receiver.AwaitRequest(t, lifeHook, found)
	var event struct {
		Data      object
		SessionID string `json:"sessionId"`
	}
	if err := json.Unmarshal([]byte(found), &event); err != nil || event.SessionID != "life" {
		t.Fatalf("%v in %s", err, found)
	}
	return event.Data
}

// The life of a session with nothing but wwebjs-api: start, QR code, messages, files, group, logout, terminate, with the
// events of each over the webhook and the WebSocket.
func TestWWebJSLife(t *testing.T) {
	l := &wwebjsLife{receiver: e2etest.NewReceiver(t)}
	var root string
	l.network, root = e2etest.StartSandbox(t)
	dir := t.TempDir()
	l.server = e2etest.StartServer(t, testkit.FreeAddress(t), l.network, root, dir, filepath.Join(dir, "waystation.db"), "-allow-hosts", "127.0.0.1",
		"-global-webhook-enabled", "-global-webhook-url", l.receiver.URL+lifeHook, "-global-webhook-format", "wwebjs", "-global-webhook-files", "inline", "-global-webhook-events", "*,QR")
	for number, name := range map[string]string{lifeOwner: "Owner", lifePeer: "Peer"} {
		e2etest.MustCall(t, l.network.Addr, "sandbox.createAccount", object{"number": number, "push_name": name}, nil)
	}

	answer, _ := l.request(t, http.MethodGet, "/session/status/life", nil)
	e2etest.CheckSame(t, "before", object{"success": false, "message": "session_not_found", "state": nil}, answer)
	answer, _ = l.request(t, http.MethodGet, "/session/start/life", nil)
	e2etest.CheckSame(t, "start", object{"success": true, "message": "Session initiated successfully"}, answer)
	ended := l.listen(t)
	l.pair(t)
	l.exchangeMessages(t)
	l.exchangeFiles(t)
	l.useGroup(t)

	// The account unlinks the session, and then the program terminates it.
	var account struct{ Devices []string }
	e2etest.MustCall(t, l.network.Addr, "sandbox.getAccount", object{"account": lifeOwner}, &account)
	e2etest.MustCall(t, l.network.Addr, "sandbox.unlinkDevice", object{"account": lifeOwner, "device": account.Devices[0]}, nil)
	e2etest.CheckSame(t, "logout", object{"reason": "LOGOUT"}, l.await(t, "disconnected", ""))
	answer, _ = l.request(t, http.MethodGet, "/session/status/life", nil)
	e2etest.CheckSame(t, "after the logout", object{"success": false, "message": "session_not_connected"}, answer)
	answer, _ = l.request(t, http.MethodGet, "/session/terminate/life", nil)
	e2etest.CheckSame(t, "terminate", object{"success": true, "message": "Logged out successfully"}, answer)
	select {
	case code := <-ended:
		e2etest.CheckSame(t, "code", int(websocket.StatusNormalClosure), int(code))
	case <-time.After(e2etest.FeedWait):
		t.Error("the WebSocket of a terminated session stays open")
	}
	answer, _ = l.request(t, http.MethodGet, "/session/status/life", nil)
	e2etest.CheckSame(t, "after the end", object{"success": false, "message": "session_not_found"}, answer)
}

// pair links the session with the code that the program shows, which it has as text, as a picture and as an event.
func (l *wwebjsLife) pair(t *testing.T) {
	t.Helper()
	code := ""
	testkit.Within(t, e2etest.FeedWait, "the code", func() bool {
		answer, _ := l.request(t, http.MethodGet, "/session/qr/life", nil)
		code = e2etest.TextOf(answer["qr"])
		return answer["success"] == true && code != ""
	})
	_, picture := l.request(t, http.MethodGet, "/session/qr/life/image", nil)
	if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() < 100 {
		t.Fatalf("the picture of the code: %v", err)
	}
	e2etest.MustCall(t, l.network.Addr, "sandbox.scanQrCode", object{"account": lifeOwner, "qr": code}, nil)
	l.await(t, "authenticated", "")
	l.await(t, "ready", "")
	answer, _ := l.request(t, http.MethodGet, "/session/status/life", nil)
	e2etest.CheckSame(t, "status", object{"success": true, "state": "CONNECTED", "message": "session_connected"}, answer)
}

func (l *wwebjsLife) exchangeMessages(t *testing.T) {
	t.Helper()
	var sent struct {
		MessageID string `json:"message_id"`
	}
	e2etest.MustCall(t, l.network.Addr, "sandbox.send", object{"account": lifePeer, "to": lifeOwner, "content": object{"type": "text", "text": "Anyone there?"}}, &sent)
	incoming, _ := l.await(t, "message", "Anyone there?")["message"].(map[string]any)
	e2etest.CheckSame(t, "message", object{
		"from": lifePeer + "@c.us", "fromMe": false, "type": "chat", "hasMedia": false, "id": object{"_serialized": "false_" + lifePeer + "@c.us_" + sent.MessageID},
	}, incoming)

	id := l.send(t, object{"chatId": lifePeer + "@c.us", "contentType": "string", "content": "Yes, here"}, object{"text": "Yes, here"})
	own, _ := l.await(t, "message_create", "Yes, here")["message"].(map[string]any)
	e2etest.CheckSame(t, "message_create", object{"fromMe": true, "to": lifePeer + "@c.us", "id": object{"id": id}}, own)
	e2etest.CheckSame(t, "message_ack", object{"ack": 2, "message": object{"id": object{"id": id}}}, l.await(t, "message_ack", `"ack":2`))

	e2etest.MustCall(t, l.network.Addr, "sandbox.send", object{"account": lifeOwner, "to": lifePeer, "content": object{"type": "text", "text": "From the phone"}}, &sent)
	own, _ = l.await(t, "message_create", "From the phone")["message"].(map[string]any)
	e2etest.CheckSame(t, "message_create", object{"fromMe": true, "to": lifePeer + "@c.us", "id": object{"id": sent.MessageID}}, own)
}

// send sends a message, which the peer's phone must have, and returns its id.
func (l *wwebjsLife) send(t *testing.T, request, want object) (id string) {
	t.Helper()
	id = e2etest.TextOf(e2etest.ValueAt(map[string]any(l.post(t, "/client/sendMessage", request)), "message/id/id"))
	var got struct{ Message map[string]any }
	e2etest.MustCall(t, l.network.Addr, "sandbox.awaitMessage", object{"account": lifePeer, "message_id": id}, &got)
	e2etest.CheckSame(t, "at the peer", want, got.Message)
	return id
}

func (l *wwebjsLife) exchangeFiles(t *testing.T) {
	t.Helper()
	file := base64.StdEncoding.EncodeToString(e2etest.JPEGFile(t, 5))
	var sent struct {
		MessageID string `json:"message_id"`
	}
	e2etest.MustCall(t, l.network.Addr, "sandbox.send", object{
		"account": lifePeer, "to": lifeOwner, "content": object{"type": "image", "base64": file, "mime_type": "image/jpeg"},
	}, &sent)
	incoming, _ := l.await(t, "message", sent.MessageID)["message"].(map[string]any)
	e2etest.CheckSame(t, "message", object{"hasMedia": true, "type": "image"}, incoming)
	l.receiver.AwaitRequest(t, lifeHook, `"dataType":"media","data":{"messageMedia":{"mimetype":"image/jpeg"`) // the webhook's, not the WebSocket's
	l.receiver.AwaitRequest(t, lifeHook, `"data":"`+file+`"`)
	answer := l.post(t, "/message/downloadMedia", object{"chatId": lifePeer + "@c.us", "messageId": sent.MessageID})
	e2etest.CheckSame(t, "download", object{"mimetype": "image/jpeg", "data": file}, answer["messageMedia"])

	id := l.send(t, object{
		"chatId": lifePeer + "@c.us", "contentType": "MessageMedia", "content": object{"mimetype": "image/jpeg", "data": file, "filename": "pier.jpg"},
		"options": object{"caption": "the pier again"},
	}, object{"type": "image", "text": "the pier again"})
	own, _ := l.await(t, "message_create", id)["message"].(map[string]any)
	e2etest.CheckSame(t, "message_create", object{"hasMedia": true, "type": "image", "body": "the pier again"}, own)
}

func (l *wwebjsLife) useGroup(t *testing.T) {
	t.Helper()
	made := l.post(t, "/client/createGroup", object{"name": "Harbour", "participants": []string{lifePeer + "@c.us"}})
	group := e2etest.TextOf(e2etest.ValueAt(map[string]any(made), "response/gid/_serialized"))
	found, _ := l.post(t, "/groupChat/getClassInfo", object{"chatId": group})["chat"].(map[string]any)
	e2etest.CheckSame(t, "group", object{"name": "Harbour", "isGroup": true, "groupMetadata": object{"owner": object{"_serialized": lifeOwner + "@c.us"}}}, found)
	l.send(t, object{"chatId": group, "contentType": "string", "content": "Welcome"}, object{"text": "Welcome"})
	own, _ := l.await(t, "message_create", "Welcome")["message"].(map[string]any)
	e2etest.CheckSame(t, "message_create", object{"fromMe": true, "to": group}, own)
	e2etest.MustCall(t, l.network.Addr, "sandbox.send", object{"account": lifePeer, "to": group, "content": object{"type": "text", "text": "Thank you"}}, nil)
	incoming, _ := l.await(t, "message", "Thank you")["message"].(map[string]any)
	e2etest.CheckSame(t, "message", object{"from": group, "author": lifePeer + "@c.us"}, incoming)
	l.post(t, "/groupChat/promoteParticipants", object{"chatId": group, "contactIds": []string{lifePeer + "@c.us"}})
	e2etest.MustCall(t, l.network.Addr, "sandbox.updateGroup", object{"account": lifePeer, "group": group, "name": "Pier"}, nil)
	update, _ := l.await(t, "group_update", "Pier")["notification"].(map[string]any)
	e2etest.CheckSame(t, "group_update", object{"type": "subject", "chatId": group, "author": lifePeer + "@c.us"}, update)
	l.post(t, "/groupChat/leave", object{"chatId": group})
}
