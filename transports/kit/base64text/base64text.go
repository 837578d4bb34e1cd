// Package base64text decodes base64 as people and programs write it: in the standard or the URL alphabet (RFC 4648, 4 and 5), with or without
// padding, broken into lines, and as the content of a data URL (RFC 2397).
//
// All code that reads base64 from a caller uses it: parameters of methods, media objects, header fields. The package must not know the meaning of the
// content.
package base64text

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
)

// ErrInvalid is the error for text that is not base64.
var ErrInvalid = errors.New("is not valid base64")

const paddingLimit = 2 // padding characters that end a text

// Decode returns the bytes that text encodes, or ErrInvalid.
func Decode(text string) ([]byte, error) {
	b, err := io.ReadAll(NewReader(text))
	if err != nil {
		return nil, err
	}
	return b, nil
}

// NewReader returns a reader of the bytes that text encodes. It fails with ErrInvalid.
func NewReader(text string) io.Reader {
	return invalidReader{base64.NewDecoder(base64.RawStdEncoding, &normalizer{text: text})}
}

// invalidReader replaces the errors of a base64 decoder.
type invalidReader struct{ io.Reader }

func (r invalidReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = ErrInvalid
	}
	return n, err
}

// normalizer reads text in the standard alphabet, without white space and padding.
type normalizer struct {
	text    string
	padding int
}

func (r *normalizer) Read(p []byte) (n int, err error) {
	for n < len(p) && r.text != "" {
		c := r.text[0]
		r.text = r.text[1:]
		switch c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			continue
		case '=':
			if r.padding++; r.padding > paddingLimit {
				return n, ErrInvalid
			}
			continue
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		if r.padding > 0 { // nothing follows padding
			return n, ErrInvalid
		}
		p[n] = c
		n++
	}
	if n == 0 && r.text == "" && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Split takes a data URL with base64 content apart; "data" and "base64" may be in any letter case. For text that is
// not a data URL, it returns the text itself as the content, and false. A data URL without base64 content has none, and
// is returned with false too.
func Split(text string) (mediaType, content string, isDataURL bool) {
	text = strings.TrimSpace(text)
	head, content, found := strings.Cut(text, ",")
	scheme, rest, _ := strings.Cut(head, ":")
	if !found || !strings.EqualFold(strings.TrimSpace(scheme), "data") {
		return "", text, false
	}
	cut := strings.LastIndexByte(rest, ';')
	if cut < 0 || !strings.EqualFold(strings.TrimSpace(rest[cut+1:]), "base64") {
		return "", text, false
	}
	return strings.TrimSpace(rest[:cut]), content, true
}
