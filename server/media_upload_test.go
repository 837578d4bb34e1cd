package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// An upload is interrupted, the server is restarted, and the rest follows.
func TestUploadResumesAfterRestart(t *testing.T) {
	cfg := keptConfig(t)
	s := runServer(t, cfg)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	other := s.call("session.create", object{"session_id": "other"})["token"].(string)
	content := []byte(strings.Repeat("0123456789", 10_000))
	sum := sha256.Sum256(content)
	begun, raw := send(t, http.MethodPost, s.url("/v1/media?filename=long.txt"), token, nil,
		"Upload-Length: 100000", "X-Content-SHA256: "+hex.EncodeToString(sum[:]), "Content-Type: text/plain")
	if begun.StatusCode != http.StatusCreated || begun.Header.Get("Upload-Offset") != "0" || begun.Header.Get("Upload-Expires") == "" {
		t.Fatalf("status %d, %s", begun.StatusCode, raw)
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(begun.Header.Get("Location"), "http://"), "/")
	at := func() string {
		response, _ := send(t, http.MethodHead, s.url("/"+path), token, nil)
		return response.Header.Get("Upload-Offset")
	}
	if response, raw := send(t, http.MethodPatch, s.url("/"+path), token, bytes.NewReader(content[:30_000]), "Upload-Offset: 0"); response.StatusCode != http.StatusNoContent || response.Header.Get("Upload-Offset") != "30000" {
		t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	// After a cut connection the received part remains.
	c, err := net.Dial("tcp", s.app.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "PATCH /%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nUpload-Offset: 30000\r\nContent-Length: 70000\r\n\r\n%s", path, token, content[30_000:42_000])
	_ = c.Close()
	testkit.Eventually(t, "the part before the cut", func() bool { return at() == "42000" })

	for name, c := range map[string]struct {
		method, path, token string
		fields              []string
		body                string
		status              int
	}{
		"elsewhere":       {http.MethodPatch, path, token, []string{"Upload-Offset: 30000"}, "x", http.StatusConflict},
		"beyond":          {http.MethodPatch, path, token, []string{"Upload-Offset: 50000"}, "x", http.StatusConflict},
		"no offset":       {http.MethodPatch, path, token, nil, "x", http.StatusBadRequest},
		"negative":        {http.MethodPatch, path, token, []string{"Upload-Offset: -1"}, "x", http.StatusBadRequest},
		"more than said":  {http.MethodPatch, path, token, []string{"Upload-Offset: 42000"}, strings.Repeat("x", 60_000), http.StatusBadRequest},
		"other's":         {http.MethodPatch, path, other, []string{"Upload-Offset: 42000"}, "x", http.StatusNotFound},
		"no token":        {http.MethodPatch, path, "", []string{"Upload-Offset: 42000"}, "x", http.StatusUnauthorized},
		"other's removal": {http.MethodDelete, path, other, nil, "", http.StatusNotFound},
		"no such upload":  {http.MethodPatch, "v1/media/uploads/shop-none", token, []string{"Upload-Offset: 0"}, "x", http.StatusNotFound},
		"a path":          {http.MethodPatch, "v1/media/uploads/shop-..%2f..%2fkept.db", token, []string{"Upload-Offset: 0"}, "x", http.StatusNotFound},
	} {
		if response, raw := send(t, c.method, s.url("/"+c.path), c.token, strings.NewReader(c.body), c.fields...); response.StatusCode != c.status {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
		}
	}
	if at() != "42000" {
		t.Fatalf("stands at %s", at())
	}
	s.stop()
	s = runServer(t, cfg)
	if at() != "42000" {
		t.Fatalf("after the restart: %s", at())
	}
	response, raw := send(t, http.MethodPatch, s.url("/"+path), token, bytes.NewReader(content[42_000:]), "Upload-Offset: 42000")
	if response.StatusCode != http.StatusCreated || !strings.Contains(string(raw), hex.EncodeToString(sum[:])) {
		t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	if got, raw := send(t, http.MethodGet, response.Header.Get("Location"), token, nil); got.StatusCode != http.StatusOK || !bytes.Equal(raw, content) {
		t.Errorf("status %d, %d bytes", got.StatusCode, len(raw))
	}
	if response, _ := send(t, http.MethodHead, s.url("/"+path), token, nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("a finished upload: status %d", response.StatusCode)
	}
}

func TestUploadBounds(t *testing.T) {
	s := startServer(t, "-max-media-bytes", "20000", "-session-media-bytes", "50000", "-max-uploads", "2")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	begin := func(fields ...string) (*http.Response, []byte) {
		return send(t, http.MethodPost, s.url("/v1/media"), token, nil, fields...)
	}
	for name, c := range map[string]struct {
		fields []string
		body   io.Reader
		status int
	}{
		"empty":      {[]string{"Upload-Length: 0"}, nil, http.StatusBadRequest},
		"no number":  {[]string{"Upload-Length: much"}, nil, http.StatusBadRequest},
		"negative":   {[]string{"Upload-Length: -5"}, nil, http.StatusBadRequest},
		"too large":  {[]string{"Upload-Length: 20001"}, nil, http.StatusRequestEntityTooLarge},
		"bad hash":   {[]string{"Upload-Length: 5", "X-Content-SHA256: x"}, nil, http.StatusBadRequest},
		"bad type":   {[]string{"Upload-Length: 5", "Content-Type: nonsense"}, nil, http.StatusBadRequest},
		"with parts": {[]string{"Upload-Length: 5"}, strings.NewReader("12345"), http.StatusBadRequest},
	} {
		if response, raw := send(t, http.MethodPost, s.url("/v1/media"), token, c.body, c.fields...); response.StatusCode != c.status {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
		}
	}
	wrong := sha256.Sum256([]byte("something else"))
	first, _ := begin("Upload-Length: 4", "X-Content-SHA256: "+hex.EncodeToString(wrong[:]))
	second, _ := begin("Upload-Length: 20000")
	if response, raw := begin("Upload-Length: 1"); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a third: status %d, %s", response.StatusCode, raw)
	}
	// A file with another hash is rejected at its end, and deleted.
	at := first.Header.Get("Location")
	if response, raw := send(t, http.MethodPatch, at, token, strings.NewReader("1234"), "Upload-Offset: 0"); response.StatusCode != http.StatusBadRequest || !strings.Contains(string(raw), "sha256") {
		t.Errorf("another hash: status %d, %s", response.StatusCode, raw)
	}
	if response, _ := send(t, http.MethodHead, at, token, nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("after that: status %d", response.StatusCode)
	}
	// The announced size counts as if it were stored.
	if response, raw := begin("Upload-Length: 20000"); response.StatusCode != http.StatusCreated {
		t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	if response, _ := send(t, http.MethodDelete, second.Header.Get("Location"), token, nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("removal: status %d", response.StatusCode)
	}
	s.keep(token, bytes.Repeat([]byte("x"), 19000))
	if response, raw := begin("Upload-Length: 15000"); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("over the share: status %d, %s", response.StatusCode, raw)
	}
}

// A session's share counts files as they occupy a disk: at least 4 KiB, by either kind of upload.
func TestSmallFilesCountABlock(t *testing.T) {
	for name, upload := range map[string]func(s *testServer, token string) int{
		"whole": func(s *testServer, token string) int {
			response, _ := send(t, http.MethodPost, s.url("/v1/media"), token, strings.NewReader("x"))
			return response.StatusCode
		},
		"in parts": func(s *testServer, token string) int {
			begun, _ := send(t, http.MethodPost, s.url("/v1/media"), token, nil, "Upload-Length: 1")
			if begun.StatusCode != http.StatusCreated {
				return begun.StatusCode
			}
			response, _ := send(t, http.MethodPatch, begun.Header.Get("Location"), token, strings.NewReader("x"), "Upload-Offset: 0")
			return response.StatusCode
		},
		"by a call": func(s *testServer, token string) int {
			response, raw := send(t, http.MethodPost, s.url("/v1/rpc"), token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"media.upload","params":{"media":{"base64":"data:text/plain;base64,eA=="}}}`), "Content-Type: application/json")
			if response.StatusCode != http.StatusOK || strings.Contains(string(raw), `"too_large"`) {
				return http.StatusRequestEntityTooLarge
			}
			if !strings.Contains(string(raw), `"media_id"`) {
				t.Fatalf("%s", raw)
			}
			return http.StatusCreated
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "-session-media-bytes", "20480") // five blocks
			token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
			for i := range 6 {
				want := http.StatusCreated
				if i == 5 {
					want = http.StatusRequestEntityTooLarge
				}
				if status := upload(s, token); status != want {
					t.Fatalf("file %d: status %d, want %d", i+1, status, want)
				}
			}
		})
	}
}
