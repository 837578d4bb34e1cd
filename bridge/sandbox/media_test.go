package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

func imageOf(up whatsmeow.UploadResponse) *waE2E.ImageMessage {
	return &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
	}
}

func refOf(m *waE2E.ImageMessage) mediaRef {
	return mediaRef{DirectPath: m.GetDirectPath(), MediaKey: m.MediaKey, FileSHA256: m.FileSHA256, FileEncSHA256: m.FileEncSHA256, FileLength: m.GetFileLength()}
}

func TestMediaSurvivesBothWays(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.pair(w.account("15550001", "Alice"))
	for _, size := range []int{1, 15, 16, 100_000, 3 << 20} {
		plain := bytes.Repeat([]byte{7, byte(size), 3}, size/3+1)[:size]
		up, err := a.Upload(w.ctx(), plain, whatsmeow.MediaImage)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		for name, read := range map[string]func() ([]byte, error){
			"client": func() ([]byte, error) { return a.Download(w.ctx(), imageOf(up)) },
			"phone":  func() ([]byte, error) { return w.net.media.download(refOf(imageOf(up)), whatsmeow.MediaImage) },
		} {
			if got, err := read(); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s read %d bytes of %d: %v", name, len(got), size, err)
			}
		}
		ref, err := w.net.media.upload(plain, whatsmeow.MediaVideo)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Download(w.ctx(), &waE2E.VideoMessage{
			DirectPath: &ref.DirectPath, MediaKey: ref.MediaKey, FileEncSHA256: ref.FileEncSHA256, FileSHA256: ref.FileSHA256, FileLength: &ref.FileLength,
		})
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("client read %d bytes of the phone's %d: %v", len(got), size, err)
		}
	}
	up, err := a.UploadReader(w.ctx(), strings.NewReader("from a reader"), nil, whatsmeow.MediaDocument)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err = a.DownloadToFile(w.ctx(), &waE2E.DocumentMessage{
		DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
	}, file); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file.Name()); string(got) != "from a reader" {
		t.Errorf("file has %q", got)
	}
	posted, err := a.UploadNewsletter(w.ctx(), []byte("open"), whatsmeow.MediaImage)
	if err != nil || posted.Handle == "" || !w.net.blobs.hasHandle(posted.Handle) {
		t.Errorf("newsletter upload %+v: %v", posted, err)
	}
	if got, err := a.DownloadMediaWithOnlyPath(w.ctx(), posted.DirectPath); err != nil || string(got) != "open" {
		t.Errorf("newsletter media %q: %v", got, err)
	}
}

func TestMediaRefusals(t *testing.T) {
	w := newWorld(t, Options{Limits: Limits{Blob: 1000}})
	a := w.pair(w.account("15550001", "Alice"))
	up, err := a.Upload(w.ctx(), []byte("secret"), whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	good := imageOf(up)

	wrongKey := proto.CloneOf(good)
	wrongKey.MediaKey = bytes.Repeat([]byte{1}, 32)
	if _, err = a.Download(w.ctx(), wrongKey); !errors.Is(err, whatsmeow.ErrInvalidMediaHMAC) {
		t.Errorf("wrong key: %v", err)
	}
	if _, err = w.net.media.download(refOf(wrongKey), whatsmeow.MediaImage); !errors.Is(err, ErrBadMedia) {
		t.Errorf("wrong key on a phone: %v", err)
	}
	wrongHash := proto.CloneOf(good)
	wrongHash.FileSHA256 = bytes.Repeat([]byte{1}, 32)
	if _, err = w.net.media.download(refOf(wrongHash), whatsmeow.MediaImage); !errors.Is(err, ErrBadMedia) {
		t.Errorf("wrong hash on a phone: %v", err)
	}
	forged := proto.CloneOf(good)
	forged.DirectPath = proto.String(strings.Replace(good.GetDirectPath(), "_n.enc", "_m.enc", 1))
	if _, err = a.Download(w.ctx(), forged); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) {
		t.Errorf("forged path: %v", err)
	}
	if _, err = a.Upload(w.ctx(), make([]byte, 2000), whatsmeow.MediaImage); err == nil || !strings.Contains(err.Error(), "413") {
		t.Errorf("large upload: %v", err)
	}
	if err = a.DeleteMedia(w.ctx(), whatsmeow.MediaImage, good.GetDirectPath(), bytes.Repeat([]byte{1}, 32), ""); err == nil {
		t.Error("deleted with a wrong hash")
	}
	if err = a.DeleteMedia(w.ctx(), whatsmeow.MediaImage, good.GetDirectPath(), good.FileEncSHA256, ""); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err = a.Download(w.ctx(), good); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) {
		t.Errorf("deleted media: %v", err)
	}
}

func TestMediaFaults(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.pair(w.account("15550001", "Alice"))
	up, err := a.Upload(w.ctx(), []byte("x"), whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]error{403: whatsmeow.ErrMediaDownloadFailedWith403, 404: whatsmeow.ErrMediaDownloadFailedWith404, 410: whatsmeow.ErrMediaDownloadFailedWith410} {
		if err = w.net.FailMedia(MediaDownload, status, 1); err != nil {
			t.Fatal(err)
		}
		if _, err = a.Download(w.ctx(), imageOf(up)); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err = a.Download(w.ctx(), imageOf(up)); err != nil {
			t.Errorf("after %d: %v", status, err)
		}
	}
	if err = w.net.FailMedia(MediaUpload, 503, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = a.Upload(w.ctx(), []byte("x"), whatsmeow.MediaImage); err == nil {
			t.Error("upload did not fail")
		}
	}
	w.net.ClearMediaFaults()
	if _, err = a.Upload(w.ctx(), []byte("x"), whatsmeow.MediaImage); err != nil {
		t.Error(err)
	}
	for _, bad := range []error{w.net.FailMedia("move", 404, 1), w.net.FailMedia(MediaUpload, 200, 1), w.net.FailMedia(MediaUpload, 404, -1)} {
		if bad == nil {
			t.Error("bad fault accepted")
		}
	}
}

// TestMediaHostByHand sends requests that whatsmeow never sends.
func TestMediaHostByHand(t *testing.T) {
	w := newWorld(t, Options{})
	host := NewHTTPClient(w.in.Dial)
	do := func(method, url, body, byteRange string) (int, string) {
		req, err := http.NewRequestWithContext(w.ctx(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if byteRange != "" {
			req.Header.Set("Range", byteRange)
		}
		resp, err := host.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(data)
	}
	body := strings.Repeat("b", 26)
	hash := sha256.Sum256([]byte(body))
	token := base64.URLEncoding.EncodeToString(hash[:])
	other := base64.URLEncoding.EncodeToString(make([]byte, 32))
	auth := w.net.blobs.permission("1")
	const host1 = "https://mmg.whatsapp.net"
	for name, c := range map[string]struct {
		url, body string
		status    int
	}{
		"good":             {host1 + "/mms/image/" + token + "?auth=" + auth + "&token=" + token, body, 200},
		"no permission":    {host1 + "/mms/image/" + token + "?token=" + token, body, 401},
		"bad permission":   {host1 + "/mms/image/" + token + "?auth=" + auth + "x&token=" + token, body, 401},
		"unknown kind":     {host1 + "/mms/hologram/" + token + "?auth=" + auth + "&token=" + token, body, 404},
		"channel as chat":  {host1 + "/mms/newsletter-image/" + token + "?auth=" + auth + "&token=" + token, body, 404},
		"two tokens":       {host1 + "/mms/image/" + token + "?auth=" + auth + "&token=" + other, body, 400},
		"wrong hash":       {host1 + "/mms/image/" + other + "?auth=" + auth + "&token=" + other, body, 400},
		"not whole blocks": {host1 + "/mms/image/" + token + "?auth=" + auth + "&token=" + token, body + "b", 400},
	} {
		if status, answer := do("POST", c.url, c.body, ""); status != c.status {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	b, err := w.net.blobs.put("image", []byte("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	url := host1 + w.net.blobs.directPath(b.path)
	if status, part := do("GET", url, "", "bytes=2-4"); status != http.StatusPartialContent || part != "234" {
		t.Errorf("range: %d %q", status, part)
	}
	if status, _ := do("PUT", url, "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", status)
	}
	if status, _ := do("GET", host1+b.path, "", ""); status != http.StatusForbidden {
		t.Errorf("unsigned: %d", status)
	}
}

func TestMediaStoreIsBounded(t *testing.T) {
	n := New(Options{Limits: Limits{Media: 100}})
	defer n.Close()
	var first *blob
	for i := range 10 {
		b, err := n.blobs.put("image", bytes.Repeat([]byte{byte(i)}, 30))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
	}
	if n.blobs.size > 100 || n.blobs.get(first.path) != nil {
		t.Errorf("holds %d bytes", n.blobs.size)
	}
}
