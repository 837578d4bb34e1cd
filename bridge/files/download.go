package files

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"os"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// MediaDownload has the keys of a message with a file.
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
	message.TypeImage:    {whatsmeow.MediaImage, "image", "image/jpeg"},
	message.TypeVideo:    {whatsmeow.MediaVideo, "video", "video/mp4"},
	message.TypeAudio:    {whatsmeow.MediaAudio, "audio", "audio/ogg"},
	message.TypeDocument: {whatsmeow.MediaDocument, "document", "application/octet-stream"},
	message.TypeSticker:  {whatsmeow.MediaImage, "image", "image/webp"},
}

const (
	mediaKeyLength = 32
	hashLength     = 32
	mediaMACLength = 10 // bytes at the end of an encrypted file
)

// Download fetches a file from WhatsApp's media hosts, decrypts it and stores it.
func (s *Service) Download(ctx context.Context, d MediaDownload) (*MediaFile, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	kind, known := downloadKinds[d.Kind]
	switch {
	case !known:
		return nil, wa.BadParam("kind", "must be image, video, audio, document or sticker")
	case len(d.MediaKey) != mediaKeyLength:
		return nil, wa.BadParam("media_key", "is not a key of %d bytes", mediaKeyLength)
	case len(d.FileSHA256) != hashLength:
		return nil, wa.BadParam("file_sha256", "is not a hash of %d bytes", hashLength)
	case len(d.FileEncSHA256) != 0 && len(d.FileEncSHA256) != hashLength:
		return nil, wa.BadParam("file_enc_sha256", "is not a hash of %d bytes", hashLength)
	case d.FileLength <= 0:
		return nil, wa.BadParam("file_length", "must be at least 1")
	case d.FileLength > s.library.MaxBytes():
		return nil, &wa.Error{Reason: wa.ReasonTooLarge, Field: "file_length", Message: "the file is too large"}
	}
	path, err := directPath(d.DirectPath, d.URL)
	if err != nil {
		return nil, err
	}
	if d.MimeType == "" {
		d.MimeType = kind.mimeType
	}
	// The id is the file's hash, so that a repeated download does not store a second file.
	mediaID := media.MediaID(s.session, hex.EncodeToString(d.FileSHA256), d.MimeType)
	kept, err := s.library.Receive(ctx, s.owner, mediaID, d.MimeType, "", func(f *os.File) error {
		if len(d.FileEncSHA256) == 0 {
			return downloadUnhashed(ctx, cli, path, &d, kind.kind, kind.mms, f)
		}
		return cli.DownloadMediaWithPathToFile(ctx, path, d.FileEncSHA256, d.FileSHA256, d.MediaKey, kind.kind, kind.mms, false, f)
	})
	if err != nil {
		return nil, downloadError(err)
	}
	return s.Get(ctx, kept.MediaID)
}

// downloadUnhashed downloads a file whose encrypted form has no known hash. whatsmeow decrypts only files whose encrypted
// hash is known, so it fetches the encrypted file as it is, and this function checks and decrypts it: the file ends with
// the first 10 bytes of an HMAC-SHA256 over initialisation vector and ciphertext, and is encrypted by AES-256-CBC, with
// keys derived from the media key by HKDF.
func downloadUnhashed(ctx context.Context, cli *whatsmeow.Client, path string, d *MediaDownload, kind whatsmeow.MediaType, mms string, f *os.File) error {
	if err := cli.DownloadMediaWithPathToFile(ctx, path, nil, nil, nil, kind, mms, true, f); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - mediaMACLength
	if size <= 0 {
		return whatsmeow.ErrTooShortFile
	}
	keys := hkdfutil.SHA256(d.MediaKey, nil, []byte(kind), 80)
	iv, cipherKey, macKey := keys[:16], keys[16:48], keys[48:80]
	mac, sum := make([]byte, mediaMACLength), hmac.New(sha256.New, macKey)
	sum.Write(iv)
	if _, err := f.ReadAt(mac, size); err != nil {
		return err
	}
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return err
	}
	if !hmac.Equal(sum.Sum(nil)[:mediaMACLength], mac) {
		return whatsmeow.ErrInvalidMediaHMAC
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := cbcutil.DecryptFile(cipherKey, iv, f); err != nil {
		return whatsmeow.ErrInvalidMediaHMAC
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	plain := sha256.New()
	if _, err := io.Copy(plain, f); err != nil {
		return err
	}
	if !hmac.Equal(plain.Sum(nil), d.FileSHA256) {
		return whatsmeow.ErrInvalidMediaSHA256
	}
	return nil
}

// directPath returns the path of an address. The host of the address is ignored: only WhatsApp's own hosts are used.
func directPath(path, address string) (string, error) {
	if path == "" && address == "" {
		return "", wa.BadParam("direct_path", "is needed when url is absent")
	}
	if path == "" {
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return "", wa.BadParam("url", "is not an address")
		}
		return u.RequestURI(), nil
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "#") {
		return "", wa.BadParam("direct_path", "does not begin with a slash")
	}
	return path, nil
}
