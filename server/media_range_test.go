package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
)

// send makes a request with header fields ("name: value") and reads the response.
func send(t *testing.T, method, url, token string, body io.Reader, fields ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		request.Header.Set(name, value)
	}
	response, err := plainHTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, raw
}

// keep uploads a file and returns its id and tag.
func (s *testServer) keep(token string, content []byte) (id, tag string) {
	s.t.Helper()
	response, raw := send(s.t, http.MethodPost, s.url("/v1/media?filename=notes.txt"), token, bytes.NewReader(content))
	var kept struct {
		MediaID string `json:"media_id"`
		SHA256  string `json:"sha256"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil || response.StatusCode != http.StatusCreated {
		s.t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	return kept.MediaID, `"` + kept.SHA256 + `"`
}

func TestPartsOfFiles(t *testing.T) {
	s := startServer(t)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	content := []byte(strings.Repeat("0123456789", 1000))
	id, tag := s.keep(token, content)
	sum := sha256.Sum256(content)
	if tag != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Fatalf("tag %s", tag)
	}
	for name, c := range map[string]struct {
		method string
		fields []string
		status int
		body   []byte
		extra  string // part of a header field
	}{
		"whole":               {http.MethodGet, nil, 200, content, "Accept-Ranges: bytes"},
		"head":                {http.MethodHead, nil, 200, nil, "Content-Length: 10000"},
		"first":               {http.MethodGet, []string{"Range: bytes=0-4"}, 206, content[:5], "Content-Range: bytes 0-4/10000"},
		"middle":              {http.MethodGet, []string{"Range: bytes=5003-5005"}, 206, content[5003:5006], "Content-Range: bytes 5003-5005/10000"},
		"to the end":          {http.MethodGet, []string{"Range: bytes=9990-"}, 206, content[9990:], ""},
		"last":                {http.MethodGet, []string{"Range: bytes=-3"}, 206, content[9997:], ""},
		"beyond the end":      {http.MethodGet, []string{"Range: bytes=9999-20000"}, 206, content[9999:], ""},
		"outside":             {http.MethodGet, []string{"Range: bytes=10000-"}, 416, nil, "Content-Range: bytes */10000"},
		"backwards":           {http.MethodGet, []string{"Range: bytes=5-4"}, 416, nil, ""},
		"not a range":         {http.MethodGet, []string{"Range: bytes=x"}, 416, nil, ""},
		"other unit":          {http.MethodGet, []string{"Range: lines=1-2"}, 416, nil, ""},
		"two parts":           {http.MethodGet, []string{"Range: bytes=0-0,2-2"}, 206, nil, "Content-Type: multipart/byteranges"},
		"known already":       {http.MethodGet, []string{"If-None-Match: " + tag}, 304, nil, "Etag: " + tag},
		"known, head":         {http.MethodHead, []string{"If-None-Match: " + tag}, 304, nil, ""},
		"known among others":  {http.MethodGet, []string{`If-None-Match: "x", ` + tag}, 304, nil, ""},
		"another is known":    {http.MethodGet, []string{`If-None-Match: "x"`}, 200, content, ""},
		"range of the same":   {http.MethodGet, []string{"Range: bytes=0-4", "If-Range: " + tag}, 206, content[:5], ""},
		"range of another":    {http.MethodGet, []string{"Range: bytes=0-4", `If-Range: "x"`}, 200, content, ""},
		"only if the same":    {http.MethodGet, []string{"If-Match: " + tag}, 200, content, ""},
		"only if another":     {http.MethodGet, []string{`If-Match: "x"`}, 412, nil, ""},
		"disposition":         {http.MethodGet, nil, 200, content, `Content-Disposition: attachment; filename=notes.txt`},
		"nothing guessed":     {http.MethodGet, nil, 200, content, "X-Content-Type-Options: nosniff"},
		"nothing run":         {http.MethodGet, nil, 200, content, "Content-Security-Policy: sandbox"},
		"asked for each time": {http.MethodGet, nil, 200, content, "Cache-Control: private, no-cache"},
	} {
		response, raw := send(t, c.method, s.url("/v1/media/"+id), token, nil, c.fields...)
		if response.StatusCode != c.status || c.body != nil && !bytes.Equal(raw, c.body) {
			t.Errorf("%s: status %d, %d bytes", name, response.StatusCode, len(raw))
		}
		field, value, _ := strings.Cut(c.extra, ": ")
		if !strings.HasPrefix(response.Header.Get(field), value) {
			t.Errorf("%s: %s is %q", name, field, response.Header.Get(field))
		}
	}
}

func TestSignedAddresses(t *testing.T) {
	s := startServer(t, "-media-url-ttl", "10m")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	other := s.call("session.create", object{"session_id": "other"})["token"].(string)
	content := []byte("a file for whoever has its address")
	id, tag := s.keep(token, content)
	another, _ := s.keep(token, []byte("not for them"))
	rpcURL := s.url("/v1/rpc")
	made := rpctest.MustCall[object](t, rpcURL, token, "media.getUrl", object{"media_id": id})
	address := made["url"].(string)
	end, err := time.Parse(time.RFC3339, made["expires_at"].(string))
	if left := time.Until(end); err != nil || left < 9*time.Minute || left > 10*time.Minute+time.Second {
		t.Fatalf("good for %s, %v", left, err)
	}
	for _, fields := range [][]string{nil, {"Range: bytes=2-5"}, {"If-None-Match: " + tag}} {
		response, raw := send(t, http.MethodGet, address, "", nil, fields...)
		if response.StatusCode >= 400 || response.StatusCode == http.StatusOK && !bytes.Equal(raw, content) {
			t.Errorf("%v: status %d, %s", fields, response.StatusCode, raw)
		}
	}
	altered := func(change func(u *url.URL, q url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	past := fmt.Sprint(time.Now().Unix())
	for name, c := range map[string]struct{ address, says string }{
		"another file":      {altered(func(u *url.URL, _ url.Values) { u.Path = "/v1/media/" + another }), "altered"},
		"no such file":      {altered(func(u *url.URL, _ url.Values) { u.Path = "/v1/media/shop-none" }), "altered"},
		"a path":            {altered(func(u *url.URL, _ url.Values) { u.Path = "/v1/media/shop-..%2f..%2fsandbox.db" }), "altered"},
		"later end":         {altered(func(_ *url.URL, q url.Values) { q.Set("expires", fmt.Sprint(end.Unix()+1)) }), "altered"},
		"no end":            {altered(func(_ *url.URL, q url.Values) { q.Del("expires") }), "whole"},
		"two ends":          {altered(func(_ *url.URL, q url.Values) { q.Add("expires", "1") }), "whole"},
		"no signature":      {altered(func(_ *url.URL, q url.Values) { q.Del("signature") }), "whole"},
		"empty signature":   {altered(func(_ *url.URL, q url.Values) { q.Set("signature", "") }), "altered"},
		"changed signature": {altered(func(_ *url.URL, q url.Values) { q.Set("signature", strings.Repeat("A", 43)) }), "altered"},
		"another session":   {altered(func(_ *url.URL, q url.Values) { q.Set("session", "other") }), "altered"},
		"no session":        {altered(func(_ *url.URL, q url.Values) { q.Del("session") }), "whole"},
		"expired": {altered(func(_ *url.URL, q url.Values) {
			q.Set("expires", past)
			q.Set("signature", s.mediaSignature("shop", id, past))
		}), "expired"},
		"an end that is not": {altered(func(_ *url.URL, q url.Values) {
			q.Set("expires", "x")
			q.Set("signature", s.mediaSignature("shop", id, "x"))
		}), "expired"},
	} {
		// A token makes no difference: any user of an address should learn that it is invalid.
		for _, with := range []string{"", token} {
			response, raw := send(t, http.MethodGet, c.address, with, nil)
			var told errorBody
			if err := json.Unmarshal(raw, &told); err != nil || response.StatusCode != http.StatusForbidden || !strings.Contains(told.Error.Message, c.says) {
				t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
			}
		}
	}
	for name, c := range map[string]struct {
		token  string
		params object
		code   int
	}{
		"too long":        {token, object{"media_id": id, "ttl_ms": 600001}, -32602},
		"no time":         {token, object{"media_id": id, "ttl_ms": 0}, -32602},
		"other's file":    {other, object{"media_id": id}, -32003},
		"no such file":    {token, object{"media_id": "shop-none"}, -32003},
		"no idempotency":  {token, object{"media_id": id, "_meta": object{"idempotency_key": "k"}}, -32014},
		"other's session": {other, object{"session": "shop", "media_id": id}, -32002},
	} {
		if reply := rpctest.PostCall(t, rpcURL, c.token, "media.getUrl", c.params); reply.Error == nil || reply.Error.Code != c.code {
			t.Errorf("%s: %+v %s", name, reply.Error, reply.Result)
		}
	}
	// An address is valid only for its session, which has been deleted.
	s.call("session.delete", object{"session": "shop"})
	if response, raw := send(t, http.MethodGet, address, "", nil); response.StatusCode != http.StatusForbidden {
		t.Errorf("of a deleted session: status %d, %s", response.StatusCode, raw)
	}
}

func TestHashesOfUploads(t *testing.T) {
	s := startServer(t, "-max-media-bytes", "20000")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	content := []byte("some text to keep")
	sum, wrong := sha256.Sum256(content), sha256.Sum256(nil)
	inHex, in64 := hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		query  string
		fields []string
		status int
		says   string
	}{
		"query":                {"?sha256=" + inHex, nil, 201, ""},
		"capitals":             {"?sha256=" + strings.ToUpper(inHex), nil, 201, ""},
		"own header":           {"", []string{"X-Content-SHA256: " + inHex}, 201, ""},
		"digest":               {"", []string{"Digest: SHA-256=" + in64}, 201, ""},
		"digest among others":  {"", []string{"Digest: md5=xyz,sha-256=" + in64}, 201, ""},
		"another algorithm":    {"", []string{"Digest: md5=xyz"}, 201, ""},
		"agreeing":             {"?sha256=" + inHex, []string{"Digest: sha-256=" + in64, "X-Content-SHA256: " + inHex}, 201, ""},
		"wrong":                {"?sha256=" + hex.EncodeToString(wrong[:]), nil, 400, "/sha256"},
		"wrong digest":         {"", []string{"Digest: sha-256=" + base64.StdEncoding.EncodeToString(wrong[:])}, 400, "/sha256"},
		"disagreeing":          {"?sha256=" + inHex, []string{"X-Content-SHA256: " + hex.EncodeToString(wrong[:])}, 400, "disagree"},
		"not hex":              {"?sha256=" + strings.Repeat("x", 64), nil, 400, "/sha256"},
		"short":                {"?sha256=abcd", nil, 400, "/sha256"},
		"own header not hex":   {"", []string{"X-Content-SHA256: hello"}, 400, "/X-Content-SHA256"},
		"digest not in base64": {"", []string{"Digest: sha-256=" + inHex}, 400, "/Digest"},
	} {
		response, raw := send(t, http.MethodPost, s.url("/v1/media"+c.query), token, bytes.NewReader(content), c.fields...)
		if response.StatusCode != c.status || !strings.Contains(string(raw), c.says) {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
		}
	}
	// Too large, announced and not, and less than announced.
	for name, body := range map[string]io.Reader{"announced": bytes.NewReader(make([]byte, 20001)), "chunked": io.MultiReader(bytes.NewReader(make([]byte, 90000)))} {
		if response, raw := send(t, http.MethodPost, s.url("/v1/media"), token, body); response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(raw), "too_large") {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
		}
	}
	c, err := net.Dial("tcp", s.app.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nhalf of it", token)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), "announced length") {
		t.Errorf("cut off: %s, %v", answer, err)
	}
}

// mediaSignature returns the signature of an address of a file of a session.
func (s *testServer) mediaSignature(session, mediaID, expires string) string {
	mac := hmac.New(sha256.New, s.app.secret.Key("media addresses"))
	mac.Write([]byte(s.app.bridge.OwnerOf(session) + "\x00" + mediaID + "\x00" + expires))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
