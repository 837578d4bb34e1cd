package media

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"io"
	"strings"
	"testing"
)

// TestFormsOfBase64 opens one picture in each form of base64, with and without a declared type.
func TestFormsOfBase64(t *testing.T) {
	content := picture(t, 40, 30, png.Encode)
	plain := base64.StdEncoding.EncodeToString(content)
	l := newLibrary(t, Config{})
	for name, text := range map[string]string{
		"plain":             plain,
		"no padding":        base64.RawStdEncoding.EncodeToString(content),
		"URL alphabet":      base64.URLEncoding.EncodeToString(content),
		"URL, no padding":   base64.RawURLEncoding.EncodeToString(content),
		"lines":             plain[:20] + "\r\n" + plain[20:60] + "\n" + plain[60:] + "\n",
		"blanks":            "  " + plain[:20] + " " + plain[20:],
		"data URL":          "data:image/png;base64," + plain,
		"capitals":          "DATA:IMAGE/PNG;BASE64," + plain,
		"mixed case":        "Data:Image/Png;Base64," + plain,
		"no type":           "data:;base64," + plain,
		"a parameter alone": "data:;charset=utf-8;base64," + plain,
		"parameters":        "data:image/png;name=my picture.png;base64," + plain,
		"data URL in lines": "data:image/png;base64,\n" + strings.Join(strings.SplitAfterN(plain, "A", 5), "\n"),
		"synonym":           "data:image/x-png;base64," + plain,
	} {
		for _, declared := range []string{"", "image/png", "IMAGE/PNG", "application/octet-stream"} {
			f, err := l.Open(t.Context(), "s", Input{Base64: text, MimeType: declared})
			if err != nil {
				t.Errorf("%s as %q: %v", name, declared, err)
				continue
			}
			if got, err := io.ReadAll(f.File); err != nil || !bytes.Equal(got, content) || f.MimeType != typePNG {
				t.Errorf("%s as %q: %d bytes of %s, %v", name, declared, len(got), f.MimeType, err)
			}
			f.Close()
		}
	}
}
