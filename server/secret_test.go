package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/secret"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
	"github.com/waystation/waystation/transports/kit/vault"
)

// storedSecrets are texts that must not be readable in the database.
var storedSecrets = []string{"webhook-canary-0123456789", "broker-canary", "s3key-canary", "s3secret-canary", "proxy-canary"}

// onBothDatabases runs a test with a data directory and the address of a database that outlives its servers.
func onBothDatabases(t *testing.T, test func(t *testing.T, dir, url string)) {
	t.Helper()
	dbtest.OnEach(t, func(t *testing.T, address string) {
		dir := t.TempDir()
		if filepath.IsAbs(address) {
			dir = filepath.Dir(address) // with the secret's file, in which tests search for texts of the database
		}
		test(t, dir, address)
	})
}

func startOn(t *testing.T, dir, url string, args ...string) *testServer {
	t.Helper()
	return startServer(t, append([]string{"-data-dir", dir, "-database", url, "-allow-hosts", "127.0.0.1"}, args...)...)
}

// refusedOn returns the error of a start that must fail.
func refusedOn(t *testing.T, dir, url string, args ...string) string {
	t.Helper()
	args = append([]string{"-listen", "127.0.0.1:0", "-data-dir", dir, "-database", url, "-admin-token", testAdminToken, "-sandbox", "-session", "none"}, args...)
	cfg, _, err := config.Parse(args, nil)
	if err != nil {
		return err.Error()
	}
	a, err := newApp(t.Context(), cfg, slog.New(slog.DiscardHandler), &testkit.Buffer{})
	if err == nil {
		_ = a.close(context.Background())
		t.Fatal("the server started")
	}
	return err.Error()
}

// storeSecrets stores one secret of each kind.
func (s *testServer) storeSecrets() {
	s.t.Helper()
	s.call("session.create", object{"session_id": "shop", "proxy": object{"enabled": false, "url": "socks5://me:proxy-canary@127.0.0.1:1080"}})
	s.must("webhook.create", object{"session": "shop", "name": "first", "url": "http://127.0.0.1:9/", "events": []string{"Message"}, "secret": storedSecrets[0]})
	s.must("transport.updateSettings", object{"session": "shop", "transport": "redis", "enabled": false, "url": "redis://me:broker-canary@127.0.0.1:6379/", "events": []string{"Message"}})
	s.must("storage.updateSettings", object{
		"session": "shop", "enabled": false, "endpoint": "http://127.0.0.1:9", "bucket": "own", "region": "r", "access_key": "s3key-canary", "secret_key": "s3secret-canary",
	})
}

// checkSecrets checks that the stored secrets are still usable.
func (s *testServer) checkSecrets() {
	s.t.Helper()
	if reply := s.must("transport.getSettings", object{"session": "shop", "transport": "redis"}); !strings.Contains(string(reply.Result), "redis://me:***@127.0.0.1") {
		s.t.Errorf("broker: %s", reply.Result)
	}
	if reply := s.must("session.setProxy", object{"session": "shop", "enabled": false}); !strings.Contains(string(reply.Result), "socks5://me:***@127.0.0.1:1080") {
		s.t.Errorf("proxy: %s", reply.Result)
	}
	if reply := s.must("storage.getSettings", object{"session": "shop"}); !strings.Contains(string(reply.Result), `"own"`) {
		s.t.Errorf("storage: %s", reply.Result)
	}
	if reply := s.must("webhook.list", object{"session": "shop"}); !strings.Contains(string(reply.Result), `"first"`) {
		s.t.Errorf("webhooks: %s", reply.Result)
	}
	if found := s.mentions(storedSecrets...); len(found) > 0 {
		s.t.Errorf("readable in the database:\n%s", strings.Join(found, "\n"))
	}
	material := s.material()
	if found := s.mentions(material); len(found) > 0 {
		s.t.Errorf("the secret is in the database:\n%s", strings.Join(found, "\n"))
	}
	if strings.Contains(s.logged.String(), material) {
		s.t.Error("the secret is in the log")
	}
}

// inFiles lists the files of a directory, other than the secret's, that contain one of the texts.
func inFiles(t *testing.T, dir string, texts ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == secret.File {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				found = append(found, path+": "+text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Secrets in the database open only with the secret of the server, which is generated at the first start in a file of
// its own, and without it the server does not start.
func TestStoredSecretsNeedTheSecretFile(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, dir, url string) {
		path := filepath.Join(dir, secret.File)
		s := startOn(t, dir, url)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the file of the secret: %v, %v", info, err)
		}
		s.storeSecrets()
		s.checkSecrets()
		s.stop()
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := inFiles(t, dir, append([]string{strings.TrimSpace(string(first))}, storedSecrets...)...); len(found) > 0 {
			t.Errorf("readable in files: %v", found)
		}

		s = startOn(t, dir, url)
		s.checkSecrets()
		s.stop()
		if again, _ := os.ReadFile(path); !bytes.Equal(again, first) {
			t.Error("a restart replaced the secret")
		}

		// The same secret by other ways.
		elsewhere := filepath.Join(t.TempDir(), "mounted")
		if err := os.Rename(path, elsewhere); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"-secret-file", elsewhere}, {"-secret", strings.TrimSpace(string(first))}} {
			s = startOn(t, dir, url, args...)
			s.checkSecrets()
			s.stop()
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a secret was made although one was given")
		}

		wrong := filepath.Join(t.TempDir(), "wrong")
		if err := os.WriteFile(wrong, []byte(strings.Repeat("w", 40)), 0o600); err != nil {
			t.Fatal(err)
		}
		short := filepath.Join(t.TempDir(), "short")
		if err := os.WriteFile(short, []byte("too short"), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			args  []string
			names []string
		}{
			"no file":          {nil, []string{"secret-file", "WAYSTATION_SECRET", path}},
			"wrong file":       {[]string{"-secret-file", wrong}, []string{"secret-file", "another secret", "previous-secret-file"}},
			"wrong text":       {[]string{"-secret", strings.Repeat("x", 40)}, []string{"WAYSTATION_SECRET"}},
			"wrong and former": {[]string{"-secret", strings.Repeat("x", 40), "-previous-secret-file", wrong}, []string{"previous-secret-file"}},
			"absent file":      {[]string{"-secret-file", wrong + ".absent"}, []string{"secret-file"}},
			"short file":       {[]string{"-secret-file", short}, []string{"secret-file", "32"}},
			"short text":       {[]string{"-secret", "too short"}, []string{"secret", "32"}},
			"short former":     {[]string{"-secret-file", elsewhere, "-previous-secret-file", short}, []string{"previous-secret-file"}},
			"two":              {[]string{"-secret-file", elsewhere, "-secret", strings.Repeat("x", 40)}, []string{"secret-file"}},
		} {
			text := refusedOn(t, dir, url, c.args...)
			for _, want := range c.names {
				if !strings.Contains(text, want) {
					t.Errorf("%s: the error lacks %q: %s", name, want, text)
				}
			}
			if strings.Contains(text, strings.Repeat("x", 40)) || strings.Contains(text, "too short") {
				t.Errorf("%s: the error repeats the secret: %s", name, text)
			}
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a refused start made a secret")
		}
		s = startOn(t, dir, url, "-secret-file", elsewhere) // the failed starts changed nothing
		s.checkSecrets()
	})
}

// A replaced secret opens values sealed with the previous one, once the previous one is named; afterwards only the
// new one does.
func TestReplacedSecret(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, dir, url string) {
		path, former := filepath.Join(dir, secret.File), filepath.Join(t.TempDir(), "former")
		s := startOn(t, dir, url)
		s.storeSecrets()
		s.stop()
		if err := os.Rename(path, former); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the setting may stay
			s = startOn(t, dir, url, "-previous-secret-file", former)
			s.checkSecrets()
			s.stop()
		}
		s = startOn(t, dir, url)
		s.checkSecrets()
		s.stop()
		if text := refusedOn(t, dir, url, "-secret-file", former); !strings.Contains(text, "secret-file") {
			t.Errorf("the former secret: %s", text)
		}
	})
}

// material returns the secret of the server, from its settings or its file.
func (s *testServer) material() string {
	s.t.Helper()
	if s.app.cfg.Secret != "" {
		return s.app.cfg.Secret
	}
	text, err := config.ReadSecretFile(filepath.Join(s.app.cfg.DataDir, secret.File))
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// deriveOldKey derives a key in the way used with secrets stored in databases.
func deriveOldKey(material []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, material)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// oldColumns are the encrypted columns of databases that contained their secret, with the purpose of their keys.
var oldColumns = map[string]vault.Column{
	"webhook secrets": {Table: "webhooks", Name: "secret", Of: []string{"session", "id"}, Place: func(of []string) []string { return []string{"secret", of[0], of[1]} }},
	"broker settings": {Table: "outlets", Name: "place", Of: []string{"session", "transport"}},
}

var oldStorageColumns = []vault.Column{
	{Table: "s3_settings", Name: "access_key", Of: []string{"session"}, Place: func(of []string) []string { return []string{"access_key", of[0]} }},
	{Table: "s3_settings", Name: "secret_key", Of: []string{"session"}, Place: func(of []string) []string { return []string{"secret_key", of[0]} }},
}

// downgrade converts a database to the layout with the secret in server_facts and addresses of proxies in clear text.
func downgrade(t *testing.T, url string, current *secret.Secret, material []byte) {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reseal := func(purpose string, columns ...vault.Column) {
		v, err := vault.New(deriveOldKey(material, purpose), current.Key(purpose))
		if err == nil {
			err = v.Reseal(t.Context(), db, columns...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for purpose, column := range oldColumns {
		reseal(purpose, column)
	}
	reseal("object storage keys", oldStorageColumns...)
	for query, args := range map[string][]any{
		`UPDATE bridge_sessions SET proxy_url=$1 WHERE id='shop'`:      {"socks5://me:proxy-canary@127.0.0.1:1080"},
		`DELETE FROM server_facts WHERE name='secret_check'`:           nil,
		`INSERT INTO server_facts (name, value) VALUES ('secret', $1)`: {hex.EncodeToString(material)},
	} {
		if _, err := db.Exec(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that contains its secret is opened, its values are sealed with the external secret, and the internal one
// is deleted; also after an interrupted start.
func TestSecretIsMovedOutOfDatabase(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, _, url string) {
		material := []byte("0123456789abcdef0123456789ABCDEF")
		for name, args := range map[string][]string{"no file": nil, "file of a start that was cut off": nil, "given secret": {"-secret", strings.Repeat("g", 40)}} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				if filepath.IsAbs(url) {
					url = filepath.Join(dir, "kept.db")
				} else {
					url = dbtest.Postgres(t)
				}
				s := startOn(t, dir, url)
				s.storeSecrets()
				current := s.app.secret
				s.stop()
				downgrade(t, url, current, material)
				if name == "no file" {
					_ = os.Remove(filepath.Join(dir, secret.File))
				}
				s = startOn(t, dir, url, args...)
				s.checkSecrets()
				if found := s.mentions(hex.EncodeToString(material)); len(found) > 0 {
					t.Errorf("the former secret is left: %v", found)
				}
				s.stop()
				if found := inFiles(t, dir, append(slices.Clone(storedSecrets), hex.EncodeToString(material))...); len(found) > 0 {
					t.Errorf("left in files: %v", found)
				}
				s = startOn(t, dir, url, args...)
				s.checkSecrets()
				s.stop()
			})
		}
	})
}
