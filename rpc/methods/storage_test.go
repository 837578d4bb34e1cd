package methods_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/guard"
)

// storageWorld is a world with object storages, and one session that has one.
type storageWorld struct {
	*world
	admin   *admin
	storage *objectstore.Storage
	url     string
	hangs   atomic.Bool // the storage does not answer
	freed   chan struct{}
}

const mediaBucket = "media"

func newStorageWorld(t *testing.T, cfg objectstore.Config) *storageWorld {
	t.Helper()
	g, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	backend := s3mem.New()
	if err = backend.CreateBucket(mediaBucket); err != nil {
		t.Fatal(err)
	}
	sw := &storageWorld{freed: make(chan struct{})}
	fake := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sw.hangs.Load() {
			select {
			case <-sw.freed:
			case <-r.Context().Done():
			}
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(sw.freed); server.Close(); g.Close() })
	sw.url = server.URL
	open := &http.Transport{}
	t.Cleanup(open.CloseIdleConnections)
	if cfg.Global.Enabled {
		cfg.Global.Endpoint = server.URL
	}
	sw.world = newWorld(t, func(o *bridge.Options) {
		cfg.Key, cfg.Check, cfg.Guarded, cfg.Open = make([]byte, 32), g.Check, g.Client(guard.Limits{MaxRedirects: -1}).Transport, open
		if sw.storage, err = objectstore.Open(t.Context(), o.DB, cfg); err != nil {
			t.Fatal(err)
		}
		o.Storage = sw.storage
	})
	sw.storage.Start(sw.bridge.StorageFiles())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sw.storage.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	sw.admin = &admin{world: sw.world, tokens: &tokens{issued: map[string]string{}}}
	hooks, _ := sw.hooks()
	deps := methods.Deps{Bridge: sw.bridge, Storage: sw.storage, Tokens: sw.admin.tokens, Webhooks: hooks}
	methods.RegisterStorage(sw.calls, deps)
	methods.RegisterSession(sw.calls, deps)
	return sw
}

func (w *storageWorld) settings() params {
	return params{
		"enabled": true, "endpoint": w.url, "bucket": mediaBucket, "access_key": "key", "secret_key": "hunter2hunter2", "path_style": true,
	}
}

// events lists the events of a type in a session's journal.
func (w *world) events(session, kind string) (list []result) {
	w.t.Helper()
	for after := uint64(0); ; {
		page, err := w.journal.Read(w.ctx(), session, after, 100, 16<<20)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(page) == 0 {
			return list
		}
		for _, e := range page {
			after = e.Offset
			if e.Type != kind {
				continue
			}
			var data result
			if err := json.Unmarshal(e.Data, &data); err != nil {
				w.t.Fatal(err)
			}
			if kind == "MessageMedia" && e.Origin != journal.OriginServer {
				w.t.Errorf("origin %s", e.Origin)
			}
			list = append(list, data)
		}
	}
}

// awaitStored waits for the events of n stored files of a session.
func (w *storageWorld) awaitStored(session string, n int) []result {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		list := w.events(session, "MessageMedia")
		if len(list) >= n {
			return list
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s was told of %d files, not %d", session, len(list), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d: %v", url, response.StatusCode, err)
	}
	return body
}

// Received and sent files are stored in the session's storage; the message event does not wait for it, and a later event has the address.
func TestMediaIsStored(t *testing.T) {
	w := newStorageWorld(t, objectstore.Config{})
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	if c := anna.call("storage.getSettings", nil).object("settings"); c["enabled"] != false || c["access_key"] != nil || c["updated_at"] != nil {
		t.Errorf("at first: %v", c)
	}
	c := anna.call("storage.updateSettings", w.settings()).object("settings")
	if c["enabled"] != true || c["access_key"] != "***" || c["secret_key"] != "***" || c["media_delivery"] != "both" {
		t.Errorf("set: %v", c)
	}
	if c = anna.call("storage.updateSettings", params{"secret_key": "***", "region": "eu-1"}).object("settings"); c["secret_key"] != "***" || c["region"] != "eu-1" {
		t.Errorf("changed: %v", c)
	}
	if trial := anna.call("storage.test", nil); trial["ok"] != true || trial["error"] != nil || trial["bucket"] != mediaBucket || trial["region"] != "eu-1" {
		t.Errorf("trial: %v", trial)
	}
	picture := photo(t)
	received := bert.call("message.sendImage", params{"to": "15550100001", "media": params{"base64": dataURL("image/jpeg", picture)}, "caption": "the sea"})
	e := w.awaitStored("anna", 1)[0]
	object := e.object("s3")
	if e["message_id"] != received["message_id"] || e["storage"] != "session" || e["from_me"] != false || e["error"] != nil || e["type"] != "image" {
		t.Errorf("event %v", e)
	}
	address, _ := object["url"].(string)
	if kept := fetch(t, address); !bytes.Equal(kept, picture) {
		t.Error("something else is stored")
	}
	if object["bucket"] != mediaBucket || object["size"] != float64(len(picture)) || object["mime_type"] != "image/jpeg" || !strings.HasPrefix(object["key"].(string), "anna/") {
		t.Errorf("object %v", object)
	}
	text, _ := e["base64"].(string)
	if inline, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "data:image/jpeg;base64,")); err != nil || !bytes.Equal(inline, picture) {
		t.Errorf("inline: %.40s", text)
	}
	if id := e.object("media")["media_id"]; anna.call("media.get", params{"media_id": id}).object("media")["size"] != float64(len(picture)) {
		t.Errorf("media id %v", id)
	}
	// A document that is too large for an event, sent through a method: only its address.
	paper := append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("words "), 20_000)...)
	sent := anna.call("message.sendDocument", params{"to": "15550100002", "media": params{"base64": dataURL("application/pdf", paper), "filename": "words.pdf"}})
	e = w.awaitStored("anna", 2)[1]
	if e["message_id"] != sent["message_id"] || e["from_me"] != true || e["from_api"] != true || e["base64"] != nil || e.object("s3")["filename"] != "words.pdf" {
		t.Errorf("event %v", e)
	}
	if !bytes.Equal(fetch(t, e.object("s3")["url"].(string)), paper) {
		t.Error("something else is stored of the paper")
	}
	if c = anna.call("storage.getSettings", nil).object("settings"); c["stored_files"] != 2.0 || c["last_error"] != nil || c["last_stored_at"] == nil {
		t.Errorf("status %v", c)
	}
	// Metadata only: no download.
	for _, off := range []func(){
		func() { setting(t, w, "anna", sessionconfig.SettingsPatch{SkipMedia: ptr(true)}) },
		func() {
			setting(t, w, "anna", sessionconfig.SettingsPatch{SkipMedia: ptr(false)})
			if anna.call("storage.deleteSettings", nil)["deleted"] != true || anna.call("storage.deleteSettings", nil)["deleted"] != false {
				t.Error("deletion")
			}
		},
	} {
		off()
		bert.call("message.sendImage", params{"to": "15550100001", "media": params{"base64": dataURL("image/jpeg", picture)}})
		quiet := bert.call("message.sendText", params{"to": "15550100001", "text": "fence"})
		anna.eventually("the message", "message.get", params{"chat": "15550100002", "message_id": quiet["message_id"]}, func(result) bool { return true })
	}
	if n := len(w.events("anna", "MessageMedia")); n != 2 {
		t.Errorf("told of %d files", n)
	}
	if n := len(w.events("bert", "MessageMedia")); n != 0 {
		t.Errorf("a session without storage was told of %d files", n)
	}
}

func setting(t *testing.T, w *storageWorld, session string, patch sessionconfig.SettingsPatch) {
	t.Helper()
	s, err := w.bridge.Session(session)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.UpdateSettings(w.ctx(), patch, false); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// A storage that hangs delays no message; after the timeout the event has the file inline and the reason.
func TestDeadStorage(t *testing.T) {
	w := newStorageWorld(t, objectstore.Config{UploadTimeout: 300 * time.Millisecond, GiveUp: time.Second, RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	anna.call("storage.updateSettings", w.settings())
	w.hangs.Store(true)
	picture := photo(t)
	began := time.Now()
	for range 5 {
		bert.call("message.sendImage", params{"to": "15550100001", "media": params{"base64": dataURL("image/jpeg", picture)}})
	}
	anna.eventually("all messages", "message.list", params{"chat": "15550100002"}, func(r result) bool { return len(r.list("messages")) == 5 })
	if took := time.Since(began); len(w.events("anna", "Message")) != 5 || len(w.events("anna", "MessageMedia")) != 0 {
		t.Errorf("after %s: %d messages", took, len(w.events("anna", "Message")))
	}
	for _, e := range w.awaitStored("anna", 5) {
		problem := e.object("error")
		if problem["reason"] != "timeout" || problem["field"] != "endpoint" || e["s3"] != nil || e["base64"] == nil {
			t.Errorf("event %v", e)
		}
	}
	if c := anna.call("storage.getSettings", nil).object("settings"); c["last_error_field"] != "endpoint" || c["last_error_at"] == nil || c["waiting_files"] != 0.0 {
		t.Errorf("status %v", c)
	}
}

// The operator's storage gets the files of all sessions except those that skip it.
func TestGlobalStorage(t *testing.T) {
	w := newStorageWorld(t, objectstore.Config{Global: objectstore.Settings{
		Enabled: true, Bucket: mediaBucket, AccessKey: "key", SecretKey: "secret", PathStyle: true, Delivery: objectstore.DeliveryURL,
	}})
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	setting(t, w, "bert", sessionconfig.SettingsPatch{SkipGlobal: &[]string{"media_storage"}})
	picture := params{"base64": dataURL("image/jpeg", photo(t))}
	bert.call("message.sendImage", params{"to": "15550100001", "media": picture})
	anna.call("message.sendImage", params{"to": "15550100002", "media": picture})
	for _, e := range w.awaitStored("anna", 2) {
		if e["storage"] != "global" || e.object("s3")["url"] == nil || e["base64"] != nil {
			t.Errorf("event %v", e)
		}
	}
	if n := len(w.events("bert", "MessageMedia")); n != 0 {
		t.Errorf("a session that stays out was told of %d files", n)
	}
	setting(t, w, "bert", sessionconfig.SettingsPatch{SkipGlobal: &[]string{}})
	anna.call("message.sendImage", params{"to": "15550100002", "media": picture})
	w.awaitStored("bert", 1)
}

func TestStorageOfSessions(t *testing.T) {
	w := newStorageWorld(t, objectstore.Config{})
	w.admin.call("session.create", params{"session_id": "shop", "storage": w.settings()})
	if c := w.storage.Settings("shop"); !c.Enabled || c.SecretKey != "hunter2hunter2" {
		t.Errorf("created with %+v", c)
	}
	if shown := w.admin.call("session.get", params{"session": "shop"}).object("session").object("storage"); shown["bucket"] != mediaBucket || shown["secret_key"] != "***" {
		t.Errorf("the session shows %v", shown)
	}
	bad := w.settings()
	bad["bucket"] = "No Bucket"
	if _, failed := w.admin.try("session.create", params{"session_id": "other", "storage": bad}); failed == nil || failed.Code != rpc.CodeInvalidParams {
		t.Errorf("bad storage: %v", failed)
	}
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	for field, value := range map[string]any{
		"endpoint": "http://10.0.0.1", "bucket": "No Bucket", "media_delivery": "fax", "retention_days": -1, "public_url": "x",
	} {
		failed := anna.refused(rpc.CodeInvalidParams, "storage.updateSettings", params{field: value})
		if raw, _ := json.Marshal(failed.Details); !strings.Contains(string(raw), "/"+field) {
			t.Errorf("%s: %s", field, raw)
		}
	}
	if trial := anna.call("storage.test", nil); trial["ok"] != false || !strings.HasPrefix(trial["error"].(string), "enabled") {
		t.Errorf("trial without settings: %v", trial)
	}
	anna.call("storage.updateSettings", w.settings())
	anna.call("storage.updateSettings", params{"bucket": "nothing-there"})
	if trial := anna.call("storage.test", nil); trial["ok"] != false || !strings.HasPrefix(trial["error"].(string), "bucket: ") {
		t.Errorf("trial of a wrong bucket: %v", trial)
	}
	anna.call("storage.updateSettings", params{"bucket": mediaBucket, "retention_days": 1})
	bert.call("message.sendImage", params{"to": "15550100001", "media": params{"base64": dataURL("image/jpeg", photo(t))}})
	address := w.awaitStored("anna", 1)[0].object("s3")["url"].(string)
	fetch(t, address)
	stats := w.admin.call("storage.getRetentionStats", nil)
	if stats["running"] != true || stats.object("config")["batch_size"] != 1000.0 || stats["objects_deleted"] != 0.0 {
		t.Errorf("stats %v", stats)
	}
	if w.admin.call("storage.runRetention", nil)["started"] != true {
		t.Error("not started")
	}
	w.admin.call("session.delete", params{"session": "anna", "purge": true})
	deadline := time.Now().Add(patience)
	for w.admin.call("storage.getRetentionStats", nil)["objects_deleted"] != 1.0 {
		if time.Now().After(deadline) {
			t.Fatalf("the object stays: %v", w.admin.call("storage.getRetentionStats", nil))
		}
		time.Sleep(5 * time.Millisecond)
	}
	anna.refused(rpc.CodeForbidden, "storage.runRetention", nil)
}

// Files beyond the limit of the queue are reported at once: no file is dropped silently.
func TestFullStorage(t *testing.T) {
	w := newStorageWorld(t, objectstore.Config{MaxWaiting: 1, GiveUp: time.Hour})
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	anna.call("storage.updateSettings", w.settings())
	w.hangs.Store(true)
	picture := params{"base64": dataURL("image/jpeg", photo(t))}
	var ids []any
	for range 3 {
		ids = append(ids, bert.call("message.sendImage", params{"to": "15550100001", "media": picture})["message_id"])
		anna.eventually("the message", "message.get", params{"chat": "15550100002", "message_id": ids[len(ids)-1]}, func(result) bool { return true })
	}
	for i, e := range w.awaitStored("anna", 2) {
		if e["message_id"] != ids[i+1] || e.object("error")["reason"] != "busy" || e["s3"] != nil || e["storage"] != "session" {
			t.Errorf("event %v", e)
		}
	}
	if c := anna.call("storage.getSettings", nil).object("settings"); c["waiting_files"] != 1.0 {
		t.Errorf("status %v", c)
	}
}
