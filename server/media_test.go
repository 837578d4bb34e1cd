package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 600, 400))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A file is uploaded as a stream, sent in a message by its id, and the peer sends one back that is downloaded as a
// stream.
func TestFilesBothWays(t *testing.T) {
	s := startServer(t)
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002"})
	response, raw := send(t, http.MethodPost, s.url("/v1/media?filename=red.png"), token, bytes.NewReader(picture(t)), "Content-Type: image/png")
	var kept object
	if err := json.Unmarshal(raw, &kept); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	c := dial(t, s.url("/v1/ws"), token, nil)
	sent := c.call("message.sendImage", object{"to": "15550100002", "media": object{"media_id": kept["media_id"]}, "caption": "a picture"})
	got := s.call("sandbox.awaitMessage", object{"account": "15550100002", "message_id": sent["message_id"]})["message"].(object)
	if got["type"] != "image" || got["text"] != "a picture" {
		t.Errorf("the peer has %v", got)
	}
	if file := s.call("sandbox.downloadMedia", object{"account": "15550100002", "message_id": sent["message_id"]}); file["size"].(float64) == 0 {
		t.Errorf("the peer downloaded %v", file)
	}

	response, raw = send(t, http.MethodGet, response.Header.Get("Location"), token, nil)
	if response.StatusCode != http.StatusOK || !bytes.Equal(raw, picture(t)) || response.Header.Get("Content-Type") != "image/png" {
		t.Errorf("status %d, %d bytes of %s", response.StatusCode, len(raw), response.Header.Get("Content-Type"))
	}
	if !strings.Contains(response.Header.Get("Content-Disposition"), "attachment") || response.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("a browser would show it as a page of ours: %v", response.Header)
	}
}

func TestFileRefusals(t *testing.T) {
	s := startServer(t, "-max-media-bytes", "20000")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	other := s.call("session.create", object{"session_id": "other"})["token"].(string)
	_, raw := send(t, http.MethodPost, s.url("/v1/media"), token, bytes.NewReader(picture(t)))
	var kept object
	if err := json.Unmarshal(raw, &kept); err != nil || kept["mime_type"] != "image/png" {
		t.Fatalf("%s, %v", raw, err)
	}
	id := kept["media_id"].(string)
	for name, c := range map[string]struct {
		method, path, token, kind string
		body                      []byte
		status                    int
	}{
		"no token":          {http.MethodPost, "/v1/media", "", "image/png", picture(t), http.StatusUnauthorized},
		"unknown token":     {http.MethodPost, "/v1/media", "nobody-has-this-token", "image/png", picture(t), http.StatusUnauthorized},
		"other session":     {http.MethodPost, "/v1/media?session=other", token, "image/png", picture(t), http.StatusForbidden},
		"admin, no session": {http.MethodPost, "/v1/media", s.token, "image/png", picture(t), http.StatusBadRequest},
		"no such session":   {http.MethodPost, "/v1/media?session=third", s.token, "image/png", picture(t), http.StatusNotFound},
		"another type":      {http.MethodPost, "/v1/media", token, "video/mp4", picture(t), http.StatusBadRequest},
		"empty":             {http.MethodPost, "/v1/media", token, "image/png", nil, http.StatusBadRequest},
		"too large":         {http.MethodPost, "/v1/media", token, "", bytes.Repeat([]byte("x"), 20001), http.StatusRequestEntityTooLarge},
		"far too large":     {http.MethodPost, "/v1/media", token, "", bytes.Repeat([]byte("x"), 90000), http.StatusRequestEntityTooLarge},
		"bad file name":     {http.MethodPost, "/v1/media?filename=..%2F..%2Fetc%2Fpasswd", token, "", picture(t), http.StatusBadRequest},
		"other's file":      {http.MethodGet, "/v1/media/" + id, other, "", nil, http.StatusNotFound},
		"file, no token":    {http.MethodGet, "/v1/media/" + id, "", "", nil, http.StatusUnauthorized},
		"no such file":      {http.MethodGet, "/v1/media/shop-nothing", token, "", nil, http.StatusNotFound},
		"a path":            {http.MethodGet, "/v1/media/..%2F..%2Fetc%2Fpasswd", token, "", nil, http.StatusNotFound},
		"admin may":         {http.MethodGet, "/v1/media/" + id, s.token, "", nil, http.StatusOK},
	} {
		response, raw := send(t, c.method, s.url(c.path), c.token, bytes.NewReader(c.body), "Content-Type: "+c.kind)
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, response.StatusCode, c.status, raw)
		}
	}
}
