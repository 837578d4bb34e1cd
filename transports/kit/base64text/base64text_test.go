package base64text

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestDecodeEveryForm(t *testing.T) {
	for length := range 70 {
		content := make([]byte, length)
		for i := range content {
			content[i] = byte(i*37 + 251) // has both special characters
		}
		for name, encoding := range map[string]*base64.Encoding{
			"standard": base64.StdEncoding, "standard, bare": base64.RawStdEncoding, "URL": base64.URLEncoding, "URL, bare": base64.RawURLEncoding,
		} {
			text := encoding.EncodeToString(content)
			var lines strings.Builder
			for i, c := range text {
				if i%7 == 6 {
					lines.WriteString("\r\n")
				}
				fmt.Fprintf(&lines, "%c", c)
			}
			for form, text := range map[string]string{
				"plain": text, "lines": lines.String(), "blanks around": " \n" + text + "\n\t ", "blanks between": strings.Join(strings.Split(text, ""), " "),
			} {
				got, err := Decode(text)
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s, %s, %d bytes: %x, %v", name, form, length, got, err)
				}
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{"a", "aGk*", "aGk=x", "aGk===", "aGVsbG8=aGk=", "####", "data:text/plain;base64,aGk=", "aGk%3D", "ä", "http://example.com/"} {
		if got, err := Decode(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][3]string{
		"data:image/png;base64,aGk=":                {"image/png", "aGk=", "true"},
		"DATA:IMAGE/PNG;BASE64,aGk=":                {"IMAGE/PNG", "aGk=", "true"},
		"Data:;Base64,aGk=":                         {"", "aGk=", "true"},
		"data:text/plain;charset=utf-8;base64,aGk=": {"text/plain;charset=utf-8", "aGk=", "true"},
		"data:image/png; base64,\naGk=":             {"image/png", "\naGk=", "true"},
		" data:image/png;base64,aGk=\n":             {"image/png", "aGk=", "true"},
		"data:image/png;name=\"a.png\";base64,aGk=": {"image/png;name=\"a.png\"", "aGk=", "true"},
		"data:base64,aGk=":                          {"", "data:base64,aGk=", "false"},
		"data:text/plain,hi":                        {"", "data:text/plain,hi", "false"},
		"aGk=":                                      {"", "aGk=", "false"},
		"":                                          {"", "", "false"},
	} {
		mediaType, content, ok := Split(text)
		if got := [3]string{mediaType, content, fmt.Sprint(ok)}; got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
