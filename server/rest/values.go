package rest

import (
	"encoding/base64"
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Strings is a list that documents also show as a single text.
type Strings []string

// OneOrMany is a list of texts with methods of its own that a single text stands for, too, as for Strings.
type OneOrMany interface{ IsOneOrMany() }

// Params are the params of a method.
type Params map[string]any

// File is a file in a request: a part of a multipart body, or a text that is a data URL or an http(s) address.
type File struct {
	// Text is the data URL or address; of an uploaded part, its data URL. Empty = the request has no file.
	Text string
	// Name is the file name of an uploaded part.
	Name string
}

// Given reports whether the request has the file.
func (f *File) Given() bool { return f.Text != "" }

// Media is the file as the methods take it.
func (f *File) Media() Params {
	p := Params{}
	if strings.HasPrefix(f.Text, "http://") || strings.HasPrefix(f.Text, "https://") {
		p["url"] = f.Text
	} else {
		p["base64"] = f.Text
	}
	if f.Name != "" {
		p["filename"] = f.Name
	}
	return p
}

// uploaded makes a File of a part. Browsers and curl often label a part application/octet-stream, which says nothing:
// then its first bytes decide.
func uploaded(name, label string, data []byte) File {
	kind, _, err := mime.ParseMediaType(label)
	if err != nil || kind == "application/octet-stream" {
		kind, _, _ = strings.Cut(mimetype.Detect(data).String(), ";")
	}
	return File{Text: "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data), Name: name}
}

// Deref is the value behind a pointer, or the zero value for nil, as documents show unknown values.
func Deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
