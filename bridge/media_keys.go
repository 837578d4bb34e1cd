package bridge

import (
	"context"
	"encoding/hex"
	"net/url"
	"os"
	"strings"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/media"
)

// MediaDownload names a file of WhatsApp by the keys of its message.
type MediaDownload struct {
	Kind          string // image, video, audio, document or sticker
	MediaKey      []byte
	FileSHA256    []byte
	FileEncSHA256 []byte // empty = not known
	FileLength    int64
	URL           string // one of URL and DirectPath
	DirectPath    string
	MimeType      string // "" = by kind
}

var downloadKinds = map[string]struct {
	kind     whatsmeow.MediaType
	mms      string
	mimeType string
}{
	typeImage:    {whatsmeow.MediaImage, "image", "image/jpeg"},
	typeVideo:    {whatsmeow.MediaVideo, "video", "video/mp4"},
	typeAudio:    {whatsmeow.MediaAudio, "audio", "audio/ogg"},
	typeDocument: {whatsmeow.MediaDocument, "document", "application/octet-stream"},
	typeSticker:  {whatsmeow.MediaImage, "image", "image/webp"},
}

const (
	mediaKeyLength = 32
	hashLength     = 32
)

// DownloadMedia fetches and decrypts a file from WhatsApp's media hosts, and
// keeps it.
func (s *Session) DownloadMedia(ctx context.Context, d MediaDownload) (*MediaFile, error) {
	cli, err := s.live()
	if err != nil {
		return nil, err
	}
	kind, known := downloadKinds[d.Kind]
	switch {
	case !known:
		return nil, badParam("kind", "must be image, video, audio, document or sticker")
	case len(d.MediaKey) != mediaKeyLength:
		return nil, badParam("media_key", "is not a key of %d bytes", mediaKeyLength)
	case len(d.FileSHA256) != hashLength:
		return nil, badParam("file_sha256", "is not a hash of %d bytes", hashLength)
	case len(d.FileEncSHA256) != 0 && len(d.FileEncSHA256) != hashLength:
		return nil, badParam("file_enc_sha256", "is not a hash of %d bytes", hashLength)
	case d.FileLength <= 0:
		return nil, badParam("file_length", "must be at least 1")
	case d.FileLength > s.b.files.MaxBytes():
		return nil, &Error{Reason: ReasonTooLarge, Field: "file_length", Message: "the file is too large"}
	}
	path, err := directPath(d.DirectPath, d.URL)
	if err != nil {
		return nil, err
	}
	if d.MimeType == "" {
		d.MimeType = kind.mimeType
	}
	// The id is the file's own hash: asking twice does not keep it twice.
	mediaID := media.MediaID(s.id, hex.EncodeToString(d.FileSHA256), d.MimeType)
	kept, err := s.b.files.Receive(ctx, s.id, mediaID, d.MimeType, "", func(f *os.File) error {
		return cli.DownloadMediaWithPathToFile(ctx, path, d.FileEncSHA256, d.FileSHA256, d.MediaKey, kind.kind, kind.mms, len(d.FileEncSHA256) == 0, f)
	})
	if err != nil {
		return nil, downloadError(err)
	}
	return s.Media(ctx, kept.MediaID)
}

// directPath takes the path out of an address: only WhatsApp's own hosts are
// asked, whatever host the address names.
func directPath(path, address string) (string, error) {
	if path == "" && address == "" {
		return "", badParam("direct_path", "is needed when url is absent")
	}
	if path == "" {
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return "", badParam("url", "is not an address")
		}
		return u.RequestURI(), nil
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "#") {
		return "", badParam("direct_path", "does not begin with a slash")
	}
	return path, nil
}
