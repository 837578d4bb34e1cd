package methods

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/picture"
	"github.com/waystation/waystation/rpc"
)

// media is a file as callers give it: exactly one of media_id, url and base64.
type media struct {
	MediaID  string `json:"media_id" rpc:"max=128" doc:"file kept by this server"`
	URL      string `json:"url" rpc:"max=2048,format=uri" doc:"http(s) address fetched by the server; private networks are refused"`
	Base64   string `json:"base64" doc:"data URL (data:<type>;base64,...)"`
	MimeType string `json:"mime_type" rpc:"max=128" doc:"detected when absent"`
	Filename string `json:"filename" rpc:"max=255" doc:"name shown or suggested"`
}

// maxPictureFile bounds what is read of a picture before it is scaled down, in bytes.
const maxPictureFile = 16 << 20

// picture loads an image and makes it the square JPEG that WhatsApp takes. A nil source gives no picture.
func (d Deps) picture(_ context.Context, _ *bridge.Session, field string, source *media) ([]byte, error) {
	if source == nil {
		return nil, nil
	}
	file, err := source.inline("/" + field)
	if err != nil {
		return nil, err
	}
	square, err := picture.Square(file)
	switch {
	case errors.Is(err, picture.ErrNotImage):
		return nil, rpc.InvalidParams("/"+field, "is not a JPEG, PNG, GIF or WebP image")
	case errors.Is(err, picture.ErrTooLarge):
		return nil, rpc.InvalidParams("/"+field, "has too many pixels")
	}
	return square, err
}

func (m *media) inline(pointer string) ([]byte, error) {
	given := 0
	for _, form := range []string{m.MediaID, m.URL, m.Base64} {
		if form != "" {
			given++
		}
	}
	if given != 1 {
		return nil, rpc.InvalidParams(pointer, "must have exactly one of media_id, url and base64")
	}
	if m.Base64 == "" {
		return nil, rpc.NotSupported("pictures are taken as base64 only")
	}
	head, body, found := strings.Cut(m.Base64, ",")
	if !found || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return nil, rpc.InvalidParams(pointer+"/base64", "must be a data URL: data:<type>;base64,...")
	}
	if base64.StdEncoding.DecodedLen(len(body)) > maxPictureFile {
		return nil, rpc.TooLarge("the picture is too large", maxPictureFile)
	}
	file, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, rpc.InvalidParams(pointer+"/base64", "is not base64")
	}
	return file, nil
}
