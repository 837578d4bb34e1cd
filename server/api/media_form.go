package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/rpc"
)

const (
	// maxFormParts is the number of parts of a form that are searched for its file.
	maxFormParts = 32
	// maxFormOverhead is the permitted size of a form without its file, in bytes: boundaries, header fields and other
	// fields.
	maxFormOverhead = 64 << 10
)

// isForm reports whether a request sends its file in a form, like browsers and curl -F.
func isForm(r *http.Request) bool {
	base, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return base == "multipart/form-data" && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// formFile returns the content of the first file of a form, and adds its type and name to about. A name in the query
// has precedence over the form's.
func formFile(r *http.Request, body io.Reader, about files.Upload) (io.Reader, files.Upload, error) {
	broken := rpc.InvalidParams("/body", "is not multipart/form-data with a file")
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, about, rpc.InvalidParams("/Content-Type", "multipart/form-data needs a boundary")
	}
	parts := multipart.NewReader(body, params["boundary"])
	for range maxFormParts {
		part, err := parts.NextPart()
		if err != nil {
			return nil, about, broken
		}
		name := part.FileName()
		if name == "" {
			continue
		}
		if about.Filename == "" {
			about.Filename = name
		}
		if about.MimeType = part.Header.Get("Content-Type"); defaultTypes[baseType(about.MimeType)] {
			about.MimeType = ""
		}
		return part, about, nil
	}
	return nil, about, broken
}

// baseType returns a media type without its parameters; "" for one that cannot be parsed.
func baseType(mediaType string) string {
	base, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return ""
	}
	return base
}
