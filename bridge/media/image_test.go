package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
)

func picture(t *testing.T, width, height int, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	img.Set(1, 1, color.RGBA{255, 0, 0, 255})
	var out bytes.Buffer
	if err := encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJPEG(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, nil) }
func asGIF(w io.Writer, img image.Image) error  { return gif.Encode(w, img, nil) }

var tinyWebP, _ = base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")

func TestImages(t *testing.T) {
	l := newLibrary(t, Config{MaxPixels: 1000 * 1000})
	for name, test := range map[string]struct {
		content []byte
		same    bool
	}{
		"jpeg": {picture(t, 300, 150, asJPEG), true}, "png": {picture(t, 300, 150, png.Encode), true},
		"gif": {picture(t, 300, 150, asGIF), false}, "webp": {tinyWebP, false},
	} {
		p, err := l.Prepare(t.Context(), "s", Input{Base64: data("image/"+name, test.content)}, KindImage)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := io.ReadAll(p.File)
		if test.same != bytes.Equal(got, test.content) || !test.same && p.MimeType != typeJPEG {
			t.Errorf("%s: %s of %d bytes", name, p.MimeType, len(got))
		}
		small, err := jpeg.DecodeConfig(bytes.NewReader(p.Thumbnail))
		if err != nil || small.Width > thumbnailSide || p.Width == 0 {
			t.Errorf("%s: thumbnail %+v, %v", name, small, err)
		}
		p.Close()
	}
	// A picture of a few bytes that says it has billions of pixels.
	bomb := picture(t, 10, 10, png.Encode)
	binary.BigEndian.PutUint32(bomb[16:], 60000)
	binary.BigEndian.PutUint32(bomb[20:], 60000)
	for name, content := range map[string][]byte{"bomb": bomb, "cut": picture(t, 100, 100, png.Encode)[:60], "large": picture(t, 1001, 1000, png.Encode), "pdf": []byte("%PDF-1.4")} {
		if _, err := l.Prepare(t.Context(), "s", Input{Base64: data("", content)}, KindImage); ReasonOf(err) != ReasonBad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStickers(t *testing.T) {
	l := newLibrary(t, Config{Converter: "/nonexistent/ffmpeg"})
	p, err := l.Prepare(t.Context(), "s", Input{Base64: data("image/webp", tinyWebP)}, KindSticker)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.Close() }()
	if p.Width != 1 || p.Height != 1 || p.Animated {
		t.Errorf("prepared %+v", p)
	}
	if err := l.NameStickerPack(p, StickerPack{ID: "id", Name: "Seals", Author: "Me", Emojis: []string{"🦭"}}); err != nil {
		t.Fatal(err)
	}
	named, err := readWebP(p.File)
	if err != nil || named.width != 1 || named.body[0].name != "VP8X" || named.body[len(named.body)-1].name != "EXIF" {
		t.Errorf("named: %+v, %v", named, err)
	}
	if about := string(named.body[len(named.body)-1].data); !strings.Contains(about, `{"emojis":["🦭"],"sticker-pack-id":"id","sticker-pack-name":"Seals","sticker-pack-publisher":"Me"}`) {
		t.Errorf("named %q", about)
	}
	if err := p.Rewind(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := image.Decode(p.File); err != nil {
		t.Errorf("the named sticker is no picture any more: %v", err)
	}
	if _, err := l.Prepare(t.Context(), "s", Input{Base64: data("", picture(t, 5, 5, png.Encode))}, KindSticker); ReasonOf(err) != ReasonUnsupported {
		t.Errorf("png without a converter: %v", err)
	}
	if _, err := l.Prepare(t.Context(), "s", Input{Base64: data("", tinyWebP[:25])}, KindSticker); ReasonOf(err) != ReasonBad {
		t.Errorf("cut webp: %v", err)
	}
}
