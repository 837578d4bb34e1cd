package methods

import (
	"cmp"
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// mediaReply is the limit of a reply that holds a file: 24 MiB of it in base64. Larger files are fetched by their url.
const (
	mediaReply     = 33 << 20
	maxInlineMedia = 24 << 20
)

type mediaUploadParams struct {
	Media message.MediaSource `json:"media" rpc:"required" doc:"the file"`
}

type mediaGetParams struct {
	MediaID string `json:"media_id" rpc:"required,max=200" doc:"file"`
	As      string `json:"as" rpc:"enum=base64|url" doc:"base64 or url; default base64"`
}

type mediaURLParams struct {
	MediaID string `json:"media_id" rpc:"required,max=200" doc:"file"`
	TTLMS   *int64 `json:"ttl_ms" rpc:"min=1,max=604800000" doc:"validity of the address in milliseconds; the server's maximum is the default"`
}

type mediaURLResult struct {
	URL       string    `json:"url" doc:"grants the file to every holder of the address"`
	ExpiresAt time.Time `json:"expires_at" doc:"expiry of the address"`
}

// signMediaURL returns a signed address for a file of a session.
func (d Deps) signMediaURL(ctx context.Context, s *bridge.Session, p *mediaURLParams) (mediaURLResult, error) {
	if d.SignMediaURL == nil {
		return mediaURLResult{}, rpc.NotSupported("this server has no addresses for files")
	}
	file, err := s.Files().Get(ctx, p.MediaID)
	if err != nil {
		return mediaURLResult{}, err
	}
	file.Content.Close()
	var validFor time.Duration
	if p.TTLMS != nil {
		validFor = time.Duration(*p.TTLMS) * time.Millisecond
	}
	address, expires, err := d.SignMediaURL(s.ID(), p.MediaID, validFor)
	return mediaURLResult{address, expires}, err
}

type downloadMediaParams struct {
	storedRef
	As string `json:"as" rpc:"enum=base64|url" doc:"base64 or url; default base64"`
}

type mediaDownloadParams struct {
	Kind          string `json:"kind" rpc:"required,enum=image|video|audio|document|sticker" doc:"kind of file"`
	MediaKey      []byte `json:"media_key" rpc:"required" doc:"base64"`
	FileSHA256    []byte `json:"file_sha256" rpc:"required" doc:"base64"`
	FileEncSHA256 []byte `json:"file_enc_sha256" doc:"base64"`
	FileLength    int64  `json:"file_length" rpc:"required,min=1" doc:"bytes"`
	URL           string `json:"url" rpc:"max=2048" doc:"address"`
	DirectPath    string `json:"direct_path" rpc:"max=2048" doc:"path; needed when url is absent"`
	MimeType      string `json:"mime_type" rpc:"max=128" doc:"type for the answer"`
	As            string `json:"as" rpc:"enum=base64|url" doc:"base64 or url; default base64"`
}

// mediaFile is a file in results, in the requested form.
type mediaFile struct {
	MediaID  string  `json:"media_id" doc:"file kept by this server"`
	URL      *string `json:"url,omitempty" doc:"address of the file; with as url"`
	Base64   *string `json:"base64,omitempty" doc:"data URL; with as base64"`
	MimeType string  `json:"mime_type" doc:"type"`
	Filename *string `json:"filename" doc:"name suggested"`
	Size     int64   `json:"size" doc:"bytes"`
}

type mediaResult struct {
	Media *mediaFile `json:"media" doc:"the file; null when there is none"`
}

// mediaResult shapes a file and closes it.
func (d Deps) mediaResult(file *files.MediaFile, as string) (mediaResult, error) {
	out := &mediaFile{MediaID: file.MediaID, MimeType: file.MimeType, Size: file.Size}
	if file.Filename != "" {
		out.Filename = &file.Filename
	}
	if as == "url" {
		file.Content.Close()
		if d.MediaURL == nil {
			return mediaResult{}, rpc.NotSupported("this server has no addresses for files; request base64")
		}
		address := d.MediaURL(file.MediaID)
		out.URL = &address
		return mediaResult{out}, nil
	}
	if file.Size > maxInlineMedia {
		file.Content.Close()
		return mediaResult{}, rpc.TooLarge("the file is too large for base64; request its url", maxInlineMedia)
	}
	data, err := file.DataURL()
	if err != nil {
		return mediaResult{}, err
	}
	out.Base64 = &data
	return mediaResult{out}, nil
}

type mediaListParams struct {
	Limit  int `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 100"`
	Offset int `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type mediaListResult struct {
	Files     []files.StoredFile `json:"files" doc:"stored files, the newest first"`
	Total     int                `json:"total" doc:"number of all"`
	TotalSize int64              `json:"total_size" doc:"bytes of all"`
}

type mediaDeleteParams struct {
	MediaID string `json:"media_id" rpc:"required,max=200" doc:"file"`
}

type mediaDeleteResult struct {
	MediaID string `json:"media_id" doc:"the deleted file"`
}

// RegisterMedia registers media.*.
func RegisterMedia(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "media.upload", Summary: "Store a file for later use in a media object.", Timeout: sendTimeout},
		func(ctx context.Context, s *bridge.Session, p *mediaUploadParams) (*files.UploadedFile, error) {
			return s.Files().KeepMedia(ctx, &p.Media)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "media.get", Summary: "Return a stored file.", MaxReply: mediaReply},
		func(ctx context.Context, s *bridge.Session, p *mediaGetParams) (mediaResult, error) {
			file, err := s.Files().Get(ctx, p.MediaID)
			if err != nil {
				return mediaResult{}, err
			}
			return d.mediaResult(file, p.As)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "media.list", Summary: "List the stored files of a session."},
		func(ctx context.Context, s *bridge.Session, p *mediaListParams) (out mediaListResult, err error) {
			const defaultPage = 100
			out.Files, out.Total, out.TotalSize, err = s.Files().List(ctx, cmp.Or(p.Limit, defaultPage), p.Offset)
			return out, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "media.delete", Summary: "Delete a stored file.",
		Description: "The file of a message is fetched from WhatsApp again when it is needed, as long as WhatsApp has it. Copies in object storages stay.",
	}, func(ctx context.Context, s *bridge.Session, p *mediaDeleteParams) (mediaDeleteResult, error) {
		return mediaDeleteResult{p.MediaID}, s.Files().Delete(ctx, p.MediaID)
	})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "media.getUrl", Summary: "Return an address of a stored file that needs no token for a limited time.", Secret: true}, d.signMediaURL)
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "media.download", Summary: "Download and decrypt a file from WhatsApp by the keys of its message.", Timeout: sendTimeout, MaxReply: mediaReply,
	}, func(ctx context.Context, s *bridge.Session, p *mediaDownloadParams) (mediaResult, error) {
		file, err := s.Files().Download(ctx, files.MediaDownload{
			Kind: p.Kind, MediaKey: p.MediaKey, FileSHA256: p.FileSHA256, FileEncSHA256: p.FileEncSHA256, FileLength: p.FileLength,
			URL: p.URL, DirectPath: p.DirectPath, MimeType: p.MimeType,
		})
		if err != nil {
			return mediaResult{}, err
		}
		return d.mediaResult(file, p.As)
	})
}
