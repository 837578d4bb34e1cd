package formats

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wuzapiBot starts a program written for wuzapi, which receives webhooks as forms and answers every text.
type wuzapiBot func(t *testing.T, api, token string) (hook string)

// nodeBot runs the bot of testdata.
func nodeBot(t *testing.T, api, token string) string {
	t.Helper()
	cmd := exec.Command("node", "testdata/wuzapi-bot.mjs", api, token)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// goBot is the same bot in Go.
func goBot(t *testing.T, api, token string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Type  string
			Event struct {
				Info    struct{ Chat string }
				Message struct{ Conversation string }
			}
		}
		if json.Unmarshal([]byte(r.FormValue("jsonData")), &event) != nil || event.Type != "Message" || event.Event.Message.Conversation == "" {
			return
		}
		phone, _, _ := strings.Cut(event.Event.Info.Chat, "@")
		answer, _ := json.Marshal(map[string]string{"Phone": phone, "Body": "You said: " + event.Event.Message.Conversation})
		request, _ := http.NewRequest(http.MethodPost, api+"/chat/send/text", bytes.NewReader(answer))
		request.Header.Set("Token", token)
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestWuzapiBotAnswersOnce checks that a bot that answers every message sends exactly one answer: its webhook does not get its own answers. A
// session that subscribes to own messages gets them.
func TestWuzapiBotAnswersOnce(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for name, c := range map[string]struct {
		bot  wuzapiBot
		base string
	}{"node at the prefix": {nodeBot, "/wuzapi"}, "go at the root": {goBot, ""}} {
		t.Run(name, func(t *testing.T) {
			hook := c.bot(t, "http://"+w.Server.Addr+c.base, w.Caller.Token)
			if status, body := wuzapiPost(t, w, w.Caller, c.base+"/webhook", object{"webhookURL": hook, "events": []string{"All"}}); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			text := "hello? " + name
			w.Receive(t, w.Peer.Number, object{"type": "text", "text": text})
			answers := func() (n int) {
				var inbox struct{ Messages []map[string]any }
				e2etest.MustCall(t, w.Network.Addr, "sandbox.listMessages", object{"account": w.Peer.Number, "type": "text"}, &inbox)
				for _, m := range inbox.Messages {
					if strings.HasPrefix(e2etest.TextOf(m["text"]), "You said: ") && strings.HasSuffix(e2etest.TextOf(m["text"]), text) {
						n++
					}
				}
				return n
			}
			testkit.Within(t, e2etest.FeedWait, "the answer", func() bool { return answers() > 0 })
			time.Sleep(2 * time.Second) // an answer to the answer would come within milliseconds
			if n := answers(); n != 1 {
				t.Errorf("%d answers to one message", n)
			}
		})
	}
}

// TestOwnMessagesByFormat checks that each format reports own messages as its gateway does.
func TestOwnMessagesByFormat(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for _, format := range []string{"wuzapi", "wuzapi_json", "waakg", "wwebjs", "native"} {
		w.Call(t, w.Caller, "webhook.create", object{"name": format, "url": w.Receiver.URL + "/" + format, "events": []string{"*"}, "format": format})
	}
	has := func(format, text string) bool {
		for _, r := range w.Receiver.RequestsTo("/" + format) {
			body := string(r.Body)
			if form, err := url.ParseQuery(body); err == nil && form.Get("jsonData") != "" {
				body = form.Get("jsonData")
			}
			if strings.Contains(body, text) {
				return true
			}
		}
		return false
	}
	all := []string{"native", "waakg", "wuzapi", "wuzapi_json", "wwebjs"}
	echoing := []string{"native", "waakg", "wwebjs"}
	for i, c := range []struct {
		name string
		send func(text string)
		want []string
	}{
		{"by the API", func(text string) {
			w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": text})
		}, echoing},
		{"by the REST API", func(text string) {
			wuzapiPost(t, w, w.Caller, "/wuzapi/chat/send/text", object{"Phone": w.Peer.Number, "Body": text})
		}, echoing},
		{"an edit by the API", func(text string) {
			sent := w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": "draft", "echo": false})
			w.Call(t, w.Caller, "message.edit", object{"chat": w.Peer.Number, "message_id": sent["message_id"], "text": text})
		}, echoing},
		{"by the API, the call asks for the event", func(text string) {
			w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": text, "echo": true})
		}, all},
		{"from the phone", func(text string) {
			e2etest.MustCall(t, w.Network.Addr, "sandbox.send", object{"account": w.Caller.Number, "to": w.Peer.Number, "content": object{"type": "text", "text": text}}, nil)
		}, all},
		{"of another person", func(text string) { w.Receive(t, w.Peer.Number, object{"type": "text", "text": text}) }, all},
		{"by the API, the session asks for echoes", func(text string) {
			w.Call(t, w.Caller, "session.updateSettings", object{"echo_api_messages": true})
			w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": text})
		}, all},
		{"by the API, the session stops asking", func(text string) {
			w.Call(t, w.Caller, "session.updateSettings", object{"echo_to_wuzapi": false})
			w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": text})
		}, echoing},
	} {
		text, after := fmt.Sprintf("own message %d.", i), fmt.Sprintf("barrier %d.", i)
		c.send(text)
		w.Receive(t, w.Peer.Number, object{"type": "text", "text": after}) // the deliveries before it have ended
		for _, format := range all {
			testkit.Within(t, e2etest.FeedWait, format+" has the message after", func() bool { return has(format, after) })
			wanted := false
			for _, name := range c.want {
				wanted = wanted || name == format
			}
			if got := has(format, text); got != wanted {
				t.Errorf("%s: the format %s has it: %v, want %v", c.name, format, got, wanted)
			}
		}
	}
}

// wuzapiPost sends JSON to a path with the token of a session.
func wuzapiPost(t *testing.T, w *e2etest.DialectWorld, s e2etest.Session, path string, body any) (status int, answer []byte) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+w.Server.Addr+path, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Token", s.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := e2etest.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
