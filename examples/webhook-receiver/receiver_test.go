// Package webhookreceiver_test runs the receivers against a real server on the simulated network.
package webhookreceiver_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/examples/internal/exampletest"
)

const (
	oldSecret = "the-secret-of-last-year"
	newSecret = "the-secret-of-this-year"
)

func TestReceivers(t *testing.T) {
	server := exampletest.BuildProgram(t, "../../server")
	for name, command := range map[string]func(t *testing.T) []string{
		"go":   func(t *testing.T) []string { return []string{exampletest.BuildProgram(t, "./go")} },
		"node": func(t *testing.T) []string { return []string{exampletest.RequireNode(t), "node/receiver.js"} },
	} {
		t.Run(name, func(t *testing.T) { receives(t, server, command(t)) })
	}
}

func receives(t *testing.T, binary string, command []string) {
	listen := exampletest.FreeAddress(t)
	receiver := exampletest.RunProgram(t, []string{"LISTEN=" + listen, "WEBHOOK_SECRETS=" + newSecret + "," + oldSecret}, command[0], command[1:]...)
	receiver.WaitFor("listening on " + listen)
	w := exampletest.StartServer(t, binary, exampletest.FreeAddress(t), nil, "-sandbox", "-data-dir", t.TempDir(), "-allow-hosts", "127.0.0.1")
	url := "http://" + listen + "/"
	w.PairSession(object{"webhook": object{"url": url, "secret": oldSecret}})

	// Signed with the old key, then while the keys change with both, and then with the new one.
	w.SendText("one")
	receiver.WaitFor("Message one")
	w.Call("webhook.rotateSecret", object{"session": "shop", "secret": newSecret})
	w.SendText("two")
	receiver.WaitFor("Message two")
	w.Call("webhook.rotateSecret", object{"session": "shop", "secret": newSecret, "keep_seconds": 0})
	w.SendText("three")
	receiver.WaitFor("Message three")

	// What no server of ours would send.
	now := strconv.FormatInt(time.Now().Unix(), 10)
	old := strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	body := `{"session":"shop","offset":999,"id":"repeated","type":"Message","data":{"text":"again"}}`
	for _, c := range []struct {
		name, timestamp, signature, body string
		status                           int
	}{
		{"no signature", now, "", body, http.StatusUnauthorized},
		{"another key", now, sign("somebody-elses-secret", now, body), body, http.StatusUnauthorized},
		{"another body", now, sign(newSecret, now, body), body + " ", http.StatusUnauthorized},
		{"another time", now, sign(newSecret, old, body), body, http.StatusUnauthorized},
		{"a recording", old, sign(newSecret, old, body), body, http.StatusBadRequest},
		{"too large", now, "", strings.Repeat("x", 1<<20+1), http.StatusRequestEntityTooLarge},
		{"first", now, sign("another", now, body) + "," + sign(newSecret, now, body), body, http.StatusOK},
		{"again", now, sign(newSecret, now, body), body, http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Waystation-Timestamp", c.timestamp)
		request.Header.Set("X-Waystation-Signature", c.signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, response.StatusCode, c.status)
		}
	}
	receiver.WaitFor("Message again")
	for _, text := range []string{"one", "two", "three", "again"} {
		if n := strings.Count(receiver.AllOutput(), "Message "+text+"\n"); n != 1 {
			t.Errorf("%q was printed %d times", text, n)
		}
	}
}

func sign(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, timestamp+"."+body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

type object = exampletest.Object
