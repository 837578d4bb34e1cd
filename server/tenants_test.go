package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// paint returns a picture whose bytes differ by shade.
func paint(t *testing.T, shade uint8) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 32, 32))
	for i := range picture.Pix {
		picture.Pix[i] = color.Gray{Y: shade}.Y
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tenant is a session of the test with its data.
type tenant struct {
	session, token string
	media, partial string // ids of a kept file and of an upload in parts
	canary         string // in the text, file and webhook of the session
	messages       []string
	webhook        string
}

const tenantsPeer = "15550100099"

// newTenants pairs sessions whose ids are prefixes of each other. Each sends pictures under message ids that make the
// same media id in another session, and has a text, a webhook, a stored file and an unfinished upload.
func newTenants(t *testing.T, s *testServer) []*tenant {
	t.Helper()
	s.call("sandbox.createAccount", object{"number": tenantsPeer})
	tenants := []*tenant{
		{session: "shop", messages: []string{"X", "2-X", "2-x-X"}},
		{session: "shop-2", messages: []string{"X", "x-X", "2-X"}},
		{session: "shop-2-x", messages: []string{"X", "2-X", "x-X"}},
	}
	for i, tn := range tenants {
		tn.canary = fmt.Sprintf("canary%d", i)
		tn.token = s.pair(tn.session, fmt.Sprintf("1555010001%d", i))
		for j, id := range tn.messages {
			tn.call(t, s, "message.sendImage", object{
				"to": tenantsPeer, "message_id": id, "caption": tn.canary, "media": object{"base64": "data:image/png;base64," + base64.StdEncoding.EncodeToString(paint(t, uint8(10*i+j)))},
			})
		}
		tn.call(t, s, "message.sendText", object{"to": tenantsPeer, "text": tn.canary, "message_id": "TEXT"})
		made := tn.call(t, s, "webhook.create", object{"name": tn.canary, "url": "http://127.0.0.1:9/" + tn.canary, "events": []string{"Message"}})
		raw, _ := json.Marshal(made)
		var hook struct {
			Webhook struct {
				ID string `json:"webhook_id"`
			} `json:"webhook"`
		}
		_ = json.Unmarshal(raw, &hook)
		tn.webhook = hook.Webhook.ID
		_, raw = send(t, http.MethodPost, s.url("/v1/media?filename="+tn.canary+".png"), tn.token, bytes.NewReader(paint(t, uint8(100+i))), "Content-Type: image/png")
		var kept object
		if err := json.Unmarshal(raw, &kept); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		tn.media, _ = kept["media_id"].(string)
		tn.partial = tn.beginUpload(t, s)
	}
	return tenants
}

func (tn *tenant) call(t *testing.T, s *testServer, method string, params object) object {
	t.Helper()
	return rpctest.MustCall[object](t, s.url("/v1/rpc"), tn.token, method, params)
}

// beginUpload creates an upload of four bytes and returns its path.
func (tn *tenant) beginUpload(t *testing.T, s *testServer) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/v1/media"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tn.token)
	request.Header.Set("Upload-Length", "4")
	response, err := plainHTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	at, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	return at.Path
}

// holds checks that the tenant's data is complete and its own.
func (tn *tenant) holds(t *testing.T, s *testServer, i int) {
	t.Helper()
	for j, id := range tn.messages {
		file := tn.call(t, s, "message.downloadMedia", object{"message_id": id, "as": "base64"})
		raw, _ := json.Marshal(file)
		content, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(fmt.Sprint(file["media"].(object)["base64"]), "data:image/png;base64,"))
		if !bytes.Equal(content, paint(t, uint8(10*i+j))) {
			t.Errorf("%s: the picture of message %s is not its own: %.200s", tn.session, id, raw)
		}
	}
	if text := tn.call(t, s, "message.get", object{"message_id": "TEXT"}); !strings.Contains(fmt.Sprint(text), tn.canary) {
		t.Errorf("%s: the text is not its own: %v", tn.session, text)
	}
	response, raw := send(t, http.MethodGet, s.url("/v1/media/"+tn.media), tn.token, nil)
	if response.StatusCode != http.StatusOK || !bytes.Equal(raw, paint(t, uint8(100+i))) {
		t.Errorf("%s: the kept file: status %d", tn.session, response.StatusCode)
	}
	response, _ = send(t, http.MethodHead, s.url(tn.partial), tn.token, nil)
	if response.StatusCode != http.StatusOK || response.Header.Get("Upload-Offset") != "0" {
		t.Errorf("%s: the upload: status %d, offset %s", tn.session, response.StatusCode, response.Header.Get("Upload-Offset"))
	}
	if hooks := tn.call(t, s, "webhook.list", object{}); !strings.Contains(fmt.Sprint(hooks), "127.0.0.1:9/"+tn.canary) {
		t.Errorf("%s: the webhook is gone: %v", tn.session, hooks)
	}
}

// endsSession are the methods that would end the caller itself.
var endsSession = []string{"session.logout", "session.disconnect", "session.delete", "session.restart", "device.logout", "session.update"}

// hostileParams fills every parameter of a method that can name an object with those of the victim.
func hostileParams(params []any, victim *tenant, messageID string) object {
	out := object{}
	for _, p := range params {
		param := p.(object)
		name := param["name"].(string)
		schema, _ := param["schema"].(object)
		switch {
		case name == "_meta" || name == "session":
		case name == "message_id" || name == "id" || strings.HasSuffix(name, "message_id"):
			out[name] = messageID
		case name == "message_ids" || name == "ids":
			out[name] = []string{messageID}
		case name == "messages":
			out[name] = []object{{"message_id": messageID}}
		case name == "media_id":
			out[name] = victim.media
		case name == "media" || name == "image" || name == "picture":
			out[name] = object{"media_id": victim.media}
		case name == "webhook_id":
			out[name] = victim.webhook
		case name == "upload_id":
			out[name] = victim.partial[strings.LastIndex(victim.partial, "/")+1:]
		case name == "to" || name == "chat" || name == "contact" || name == "group":
			out[name] = tenantsPeer
		case name == "delete_media" || name == "include_raw" || name == "confirm":
			out[name] = true
		case name == "text" || name == "query" || name == "name":
			out[name] = "own text"
		case param["required"] == true && schema["type"] == "boolean":
			out[name] = true
		case param["required"] == true && schema["type"] == "integer":
			out[name] = 1
		case param["required"] == true && schema["type"] == "string":
			out[name] = "X"
		}
	}
	return out
}

// Sessions whose ids are prefixes of each other call every method and every route that takes an id, with ids of the
// others and ids made so that session and id together look like another's. Each reads, changes and deletes only its
// own data.
func TestSessionsWithSimilarIDs(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testSessionsWithSimilarIDs(t) })
	t.Run("postgres", func(t *testing.T) { testSessionsWithSimilarIDs(t, "-database", dbtest.Postgres(t)) })
}

func testSessionsWithSimilarIDs(t *testing.T, args ...string) {
	s := startServer(t, append([]string{"-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "info", "-allow-hosts", "127.0.0.1"}, args...)...)
	tenants := newTenants(t, s)
	for i, tn := range tenants {
		tn.holds(t, s, i)
	}
	doc := s.call("rpc.discover", nil)
	attacker := tenants[0]
	for _, victim := range tenants[1:] {
		suffix := strings.TrimPrefix(victim.session, attacker.session+"-")
		for _, id := range []string{suffix + "-X", suffix + "-TEXT", "X" + "\x7f" + suffix} {
			for _, m := range doc["methods"].([]any) {
				method := m.(object)
				name := method["name"].(string)
				if method["x-scope"] != "session" || slices.Contains(endsSession, name) || name == "webhook.create" {
					continue
				}
				params := hostileParams(method["params"].([]any), victim, id)
				for _, session := range []string{"", victim.session} {
					if session != "" {
						params["session"] = session
					}
					reply := rpctest.PostCall(t, s.url("/v1/rpc"), attacker.token, name, params)
					if strings.Contains(string(reply.Result), victim.canary) {
						t.Errorf("%s %v shows what %s owns: %.300s", name, params, victim.session, reply.Result)
					}
					if session != "" && reply.Error == nil {
						t.Errorf("%s acts on %s with the token of %s", name, victim.session, attacker.session)
					}
				}
			}
		}
		for _, route := range []struct{ method, path string }{
			{http.MethodGet, "/v1/media/" + victim.media},
			{http.MethodGet, "/v1/media/" + victim.session + "-X.png"},
			{http.MethodGet, "/v1/media/shop-" + suffix + "-X.png"},
			{http.MethodHead, victim.partial},
			{http.MethodPatch, victim.partial},
			{http.MethodDelete, victim.partial},
			{http.MethodGet, "/" + victim.session + "/message/X"},
			{http.MethodGet, "/v1/events?sessions=" + victim.session},
		} {
			request, err := http.NewRequestWithContext(t.Context(), route.method, s.url(route.path), strings.NewReader("evil"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+attacker.token)
			request.Header.Set("Upload-Offset", "0")
			response, err := plainHTTP.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode < 400 || strings.Contains(string(raw), victim.canary) {
				t.Errorf("%s %s of %s: status %d, %.200s", route.method, route.path, victim.session, response.StatusCode, raw)
			}
		}
	}
	for i, tn := range tenants[1:] {
		tn.holds(t, s, i+1)
	}
}

// A session that stores, replaces and deletes files under the ids of another's messages does not affect those of the
// other.
func TestMediaUnderChosenMessageIDs(t *testing.T) {
	s := startServer(t, "-log-level", "info", "-allow-hosts", "127.0.0.1")
	tenants := newTenants(t, s)
	for i, tn := range tenants {
		tn.holds(t, s, i)
	}
	for i, tn := range tenants {
		for _, id := range tn.messages {
			tn.call(t, s, "message.delete", object{"message_id": id, "chat": tenantsPeer, "for_everyone": false})
		}
		for j, other := range tenants[i+1:] {
			other.holds(t, s, i+1+j)
		}
	}
}
