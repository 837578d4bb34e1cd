package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// form returns a multipart body and its type. Parts are name, file name, type and content; no file name = a plain field.
func form(t *testing.T, parts ...[4]string) (io.Reader, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, p := range parts {
		header := textproto.MIMEHeader{}
		disposition := fmt.Sprintf("form-data; name=%q", p[0])
		if p[1] != "" {
			disposition += fmt.Sprintf("; filename=%q", p[1])
		}
		header.Set("Content-Disposition", disposition)
		if p[2] != "" {
			header.Set("Content-Type", p[2])
		}
		part, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, p[3])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &body, w.FormDataContentType()
}

// TestUploadsByForm uploads files in the way of browsers: the file is stored, without the form around it.
func TestUploadsByForm(t *testing.T) {
	s := startServer(t, "-max-media-bytes", "200000")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	const pdf, csv = "%PDF-1.4\n", "a,b\n1,2\n"
	for name, c := range map[string]struct {
		parts              [][4]string
		query              string
		status             int
		kind, file, stored string
	}{
		"one file":          {[][4]string{{"file", "plan.pdf", "application/pdf", pdf}}, "", 201, "application/pdf", "plan.pdf", pdf},
		"any field":         {[][4]string{{"x", "plan.pdf", "application/pdf", pdf}}, "", 201, "application/pdf", "plan.pdf", pdf},
		"octet-stream":      {[][4]string{{"file", "t.csv", "application/octet-stream", csv}}, "", 201, "text/csv", "t.csv", csv},
		"no type":           {[][4]string{{"file", "plan.pdf", "", pdf}}, "", 201, "application/pdf", "plan.pdf", pdf},
		"after fields":      {[][4]string{{"session", "", "", "other"}, {"note", "", "", strings.Repeat("x", 1000)}, {"file", "plan.pdf", "", pdf}}, "", 201, "application/pdf", "plan.pdf", pdf},
		"first of two":      {[][4]string{{"a", "1.pdf", "", pdf}, {"b", "2.csv", "", csv}}, "", 201, "application/pdf", "1.pdf", pdf},
		"name in the query": {[][4]string{{"file", "plan.pdf", "", pdf}}, "?filename=other.pdf", 201, "application/pdf", "other.pdf", pdf},
		"unicode name":      {[][4]string{{"file", "план.pdf", "", pdf}}, "", 201, "application/pdf", "план.pdf", pdf},
		"255 characters":    {[][4]string{{"file", strings.Repeat("ж", 251) + ".pdf", "", pdf}}, "", 201, "application/pdf", strings.Repeat("ж", 251) + ".pdf", pdf},
		"256 characters":    {[][4]string{{"file", strings.Repeat("x", 252) + ".pdf", "", pdf}}, "", 400, "", "", ""},
		"largest":           {[][4]string{{"file", "a.bin", "", strings.Repeat("\x00", 200000)}}, "", 201, "application/octet-stream", "a.bin", strings.Repeat("\x00", 200000)},
		"too large":         {[][4]string{{"file", "a.bin", "", strings.Repeat("\x00", 200001)}}, "", 413, "", "", ""},
		"no file":           {[][4]string{{"a", "", "", "x"}}, "", 400, "", "", ""},
		"nothing":           {nil, "", 400, "", "", ""},
		"an empty file":     {[][4]string{{"file", "a.pdf", "", ""}}, "", 400, "", "", ""},
		"of another type":   {[][4]string{{"file", "a.png", "image/png", pdf}}, "", 400, "", "", ""},
		"too many fields":   {append(make([][4]string, 40), [4]string{"file", "plan.pdf", "", pdf}), "", 400, "", "", ""},
	} {
		body, kind := form(t, c.parts...)
		response, raw := send(t, http.MethodPost, s.url("/v1/media"+c.query), token, body, "Content-Type: "+kind)
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, raw)
			continue
		}
		if c.status != 201 {
			continue
		}
		var kept struct {
			MediaID  string `json:"media_id"`
			MimeType string `json:"mime_type"`
		}
		if err := json.Unmarshal(raw, &kept); err != nil || kept.MimeType != c.kind {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
		response, raw = send(t, http.MethodGet, s.url("/v1/media/"+url.PathEscape(kept.MediaID)), token, nil)
		if string(raw) != c.stored || !strings.Contains(mustDecode(response.Header.Get("Content-Disposition")), c.file) {
			t.Errorf("%s: %d bytes, %s", name, len(raw), response.Header.Get("Content-Disposition"))
		}
	}
	for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=x"} {
		if response, raw := send(t, http.MethodPost, s.url("/v1/media"), token, strings.NewReader(pdf), "Content-Type: "+kind); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, %s", kind, response.StatusCode, raw)
		}
	}
}

// mustDecode reverts the percent-encoding of a Content-Disposition field.
func mustDecode(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
