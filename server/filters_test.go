package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// Events that do not match a filter reach neither a socket nor a transport; messages sent by a method are reported if
// the call, the server and the session permit it.
func TestFiltersBeforeEveryTransport(t *testing.T) {
	bodies := make(chan object, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var event object
		if json.Unmarshal(raw, &event) == nil {
			bodies <- event
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	s := startServer(t, "-allow-hosts", "127.0.0.1", "-echo-api-messages-enabled=false")
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
	group := s.call("sandbox.createGroup", object{"account": "15550100002", "name": "Lunch", "participants": []string{"15550100001"}})["group"]
	s.call("webhook.update", object{"session": "shop", "url": receiver.URL, "events": []string{"Message"}})
	c := dial(t, s.url("/v1/ws"), token, object{"filters": []object{{"types": []string{"Message"}}}})
	seen := map[string][]string{}
	until := func(text string) {
		t.Helper()
		for got := ""; got != text; {
			data := c.event(func(params, _ object) bool { return params["type"] == "Message" })["data"].(object)
			got, _ = data["text"].(string)
			seen["socket"] = append(seen["socket"], got)
		}
		for got := ""; got != text; {
			event := <-bodies
			got, _ = event["data"].(object)["text"].(string)
			seen["webhook"] = append(seen["webhook"], got)
		}
	}
	say := func(to any, text string) {
		t.Helper()
		s.call("sandbox.send", object{"account": "15550100002", "to": to, "content": object{"type": "text", "text": text}})
	}
	say(group, "in the group")
	until("in the group")
	s.call("session.updateSettings", object{"session": "shop", "skip_groups": true})
	say(group, "kept out")
	say("15550100001", "direct")
	until("direct")
	s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "no echo"})
	s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "echo", "echo": true})
	s.call("session.updateSettings", object{"session": "shop", "skip_groups": false})
	until("echo")
	say(group, "in again")
	until("in again")
	for place, texts := range seen {
		if want := []string{"in the group", "direct", "echo", "in again"}; !slices.Equal(texts, want) {
			t.Errorf("%s saw %v, not %v", place, texts, want)
		}
	}
	if server := s.call("session.getSettings", object{"session": "shop"})["server"].(object); server["echo_api_messages"] != false || server["skip_media"] != false {
		t.Errorf("the server's own: %v", server)
	}
}

// objectStorage is a storage in this process, with a bucket called media.
func objectStorage(t *testing.T) (url string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("media"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return server.URL
}

// The operator's storage, configured by flags; without the switch for media nothing is stored in it.
func TestOperatorsStorage(t *testing.T) {
	for name, c := range map[string]struct {
		skip, bucket string
		stored       bool
	}{"on": {"false", "media", true}, "skipped": {"true", "media", false}, "wrong bucket": {"false", "nothing", false}} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "-global-s3-enabled", "-global-s3-endpoint", objectStorage(t), "-global-s3-bucket", c.bucket,
				"-global-s3-access-key", "key", "-global-s3-secret-key", "hunter2", "-global-s3-path-style", "-global-skip-media-download="+c.skip)
			token := s.pair("shop", "15550100001")
			s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
			client := dial(t, s.url("/v1/ws"), token, object{"filters": []object{{"types": []string{"Message", "MessageMedia"}}}})
			s.call("message.sendDocument", object{"session": "shop", "to": "15550100002", "media": object{"base64": "data:text/plain;base64,aGVsbG8="}})
			if c.bucket == "nothing" {
				testkit.Eventually(t, "the problem in the server's health", func() bool {
					storage, _ := s.call("server.getHealth", nil)["services"].(object)["media_storage"].(object)
					return storage["status"] == "degraded" && storage["error"] == "bucket: there is no such bucket"
				})
				return
			}
			if !c.stored {
				s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "fence"})
				client.event(func(params, data object) bool {
					if params["type"] == "MessageMedia" {
						t.Errorf("event %v", params)
					}
					return data["text"] == "fence"
				})
				return
			}
			data := client.event(func(params, _ object) bool { return params["type"] == "MessageMedia" })["data"].(object)
			if data["storage"] != "global" || data["error"] != nil || data["base64"] != "data:text/plain;base64,aGVsbG8=" {
				t.Errorf("event %v", data)
			}
			response, err := plainHTTP.Get(data["s3"].(object)["url"].(string))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, _ := io.ReadAll(response.Body); string(body) != "hello" {
				t.Errorf("stored %q", body)
			}
		})
	}
}

// The operator's storage is reloaded from the file: off, on, and another one, by a call and without a restart.
func TestOperatorsStorageIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	storage := func(url string) string {
		return "GLOBAL_S3_ENABLED=true\nGLOBAL_S3_ENDPOINT=" + url + "\nGLOBAL_S3_BUCKET=media\nGLOBAL_S3_ACCESS_KEY=key\nGLOBAL_S3_SECRET_KEY=hunter2\nGLOBAL_S3_PATH_STYLE=true"
	}
	first, second := objectStorage(t), objectStorage(t)
	write()
	s := startServer(t, "-env-file", file)
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
	client := dial(t, s.url("/v1/ws"), token, object{"filters": []object{{"types": []string{"Message", "MessageMedia"}}}})
	// next sends a file and returns its storage URL, which is known by the time of a second message.
	next := func() (url string) {
		t.Helper()
		s.call("message.sendDocument", object{"session": "shop", "to": "15550100002", "media": object{"base64": "data:text/plain;base64,aGVsbG8="}})
		if !s.app.storage.Global().Enabled {
			s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "fence"})
		}
		client.event(func(params, data object) bool {
			if params["type"] == "MessageMedia" {
				url, _ = data["s3"].(object)["url"].(string)
			}
			return url != "" || data["text"] == "fence"
		})
		return url
	}
	for _, step := range []struct{ name, settings, at string }{{"off", "", ""}, {"on", storage(first), first}, {"another", storage(second), second}, {"off again", "", ""}} {
		write(step.settings)
		s.must("transport.reloadGlobal", nil)
		if url := next(); !strings.HasPrefix(url, step.at) || (url == "") != (step.at == "") {
			t.Errorf("%s: the file went to %q, not to %s", step.name, url, step.at)
		}
		if _, shown := s.call("server.getHealth", nil)["services"].(object)["media_storage"]; shown != (step.at != "") {
			t.Errorf("%s: shown by the server's health: %t", step.name, shown)
		}
	}
	write(storage(first))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the signal's work", func() bool { return s.app.storage.Global().Endpoint == first })
	if strings.Contains(s.logged.String(), "hunter2") {
		t.Error("a secret is in the log")
	}
}
