package sandbox

import (
	"bytes"
	"io"
	"os"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// downloads returns the check of a method that downloads a picture into memory.
func downloads(read func(c *coverage, image *waE2E.ImageMessage) ([]byte, error)) func(c *coverage) error {
	return func(c *coverage) error {
		image, err := c.coveredImage()
		if err != nil {
			return err
		}
		got, err := read(c, image)
		return verify(err, bytes.Equal(got, coveredFile), got)
	}
}

// downloadsToFile returns the check of a method that downloads a picture into a file.
func downloadsToFile(read func(c *coverage, image *waE2E.ImageMessage, file *os.File) error) func(c *coverage) error {
	return downloads(func(c *coverage, image *waE2E.ImageMessage) ([]byte, error) {
		file, err := os.CreateTemp(c.t.TempDir(), "")
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err = read(c, image, file); err != nil {
			return nil, err
		}
		_, _ = file.Seek(0, io.SeekStart)
		return io.ReadAll(file)
	})
}

// openImage uploads the picture without encryption, as newsletters do.
func (c *coverage) openImage() (whatsmeow.UploadResponse, error) {
	return c.a.UploadNewsletter(c.ctx(), coveredFile, whatsmeow.MediaImage)
}

// isStored checks that the media host has the file of an upload.
func (c *coverage) isStored(up whatsmeow.UploadResponse, err error) error {
	path, _, _ := strings.Cut(up.DirectPath, "?")
	return verify(err, c.net.blobs.get(path) != nil, up)
}

func transportOf(image *waE2E.ImageMessage) *waMediaTransport.WAMediaTransport_Integral {
	return &waMediaTransport.WAMediaTransport_Integral{
		DirectPath: image.DirectPath, FileEncSHA256: image.FileEncSHA256, FileSHA256: image.FileSHA256, MediaKey: image.MediaKey,
	}
}

const mediaSends = "message.sendImage message.sendVideo message.sendAudio message.sendDocument message.sendSticker"

var coveredMedia = []coveredMethod{
	{name: "Upload", stanza: "iq w:m media_conn, POST", check: func(c *coverage) error {
		return c.isStored(c.a.Upload(c.ctx(), coveredFile, whatsmeow.MediaImage))
	}},
	{name: "UploadReader", stanza: "iq w:m media_conn, POST", serves: mediaSends, check: func(c *coverage) error {
		return c.isStored(c.a.UploadReader(c.ctx(), bytes.NewReader(coveredFile), nil, whatsmeow.MediaDocument))
	}},
	{name: "UploadNewsletter", stanza: "iq w:m media_conn, POST", check: func(c *coverage) error { return c.isStored(c.openImage()) }},
	{name: "UploadNewsletterReader", stanza: "iq w:m media_conn, POST", serves: mediaSends, check: func(c *coverage) error {
		return c.isStored(c.a.UploadNewsletterReader(c.ctx(), bytes.NewReader(coveredFile), whatsmeow.MediaImage))
	}},
	{name: "Download", stanza: "GET", check: downloads(func(c *coverage, image *waE2E.ImageMessage) ([]byte, error) { return c.a.Download(c.ctx(), image) })},
	{name: "DownloadAny", stanza: "GET", check: downloads(func(c *coverage, image *waE2E.ImageMessage) ([]byte, error) {
		return c.a.DownloadAny(c.ctx(), &waE2E.Message{ImageMessage: image}) //nolint:staticcheck // deprecated methods are covered, too
	})},
	{name: "DownloadToFile", stanza: "GET", serves: "message.downloadMedia", check: downloadsToFile(func(c *coverage, image *waE2E.ImageMessage, file *os.File) error {
		return c.a.DownloadToFile(c.ctx(), image, file)
	})},
	{name: "DownloadFB", stanza: "GET", check: downloads(func(c *coverage, image *waE2E.ImageMessage) ([]byte, error) {
		return c.a.DownloadFB(c.ctx(), transportOf(image), whatsmeow.MediaImage)
	})},
	{name: "DownloadFBToFile", stanza: "GET", check: downloadsToFile(func(c *coverage, image *waE2E.ImageMessage, file *os.File) error {
		return c.a.DownloadFBToFile(c.ctx(), transportOf(image), whatsmeow.MediaImage, file)
	})},
	{name: "DownloadMediaWithPath", stanza: "GET", check: downloads(func(c *coverage, image *waE2E.ImageMessage) ([]byte, error) {
		return c.a.DownloadMediaWithPath(c.ctx(), image.GetDirectPath(), image.FileEncSHA256, image.FileSHA256, image.MediaKey, whatsmeow.MediaImage, "image", false)
	})},
	{name: "DownloadMediaWithPathToFile", stanza: "GET", serves: "media.download message.downloadMedia", check: downloadsToFile(func(c *coverage, image *waE2E.ImageMessage, file *os.File) error {
		return c.a.DownloadMediaWithPathToFile(c.ctx(), image.GetDirectPath(), image.FileEncSHA256, image.FileSHA256, image.MediaKey, whatsmeow.MediaImage, "image", false, file)
	})},
	{name: "DownloadMediaWithOnlyPath", stanza: "GET", check: downloads(func(c *coverage, _ *waE2E.ImageMessage) ([]byte, error) {
		up, err := c.openImage()
		if err != nil {
			return nil, err
		}
		return c.a.DownloadMediaWithOnlyPath(c.ctx(), up.DirectPath)
	})},
	{name: "DownloadMediaWithOnlyPathToFile", stanza: "GET", check: downloadsToFile(func(c *coverage, _ *waE2E.ImageMessage, file *os.File) error {
		up, err := c.openImage()
		if err != nil {
			return err
		}
		return c.a.DownloadMediaWithOnlyPathToFile(c.ctx(), up.DirectPath, file)
	})},
	{name: "DownloadThumbnail", stanza: "GET", check: func(c *coverage) error {
		up, err := c.a.Upload(c.ctx(), coveredFile, whatsmeow.MediaLinkThumbnail)
		if err != nil {
			return err
		}
		got, err := c.a.DownloadThumbnail(c.ctx(), &waE2E.ExtendedTextMessage{
			ThumbnailDirectPath: &up.DirectPath, ThumbnailSHA256: up.FileSHA256, ThumbnailEncSHA256: up.FileEncSHA256, MediaKey: up.MediaKey,
		})
		return verify(err, bytes.Equal(got, coveredFile), got)
	}},
	{name: "DownloadHistorySync", stanza: "GET", serves: "sync.requestChatHistory sync.requestFullHistory", check: func(c *coverage) error {
		known := await[*events.HistorySync](c.a, nil)
		got, err := c.a.DownloadHistorySync(c.ctx(), known.Notification, true)
		return verify(err, proto.Equal(got, known.Data), got)
	}},
	{name: "DeleteMedia", stanza: "DELETE", check: func(c *coverage) error {
		up, err := c.a.Upload(c.ctx(), []byte("to be deleted"), whatsmeow.MediaHistory)
		if err != nil {
			return err
		}
		err = c.a.DeleteMedia(c.ctx(), whatsmeow.MediaHistory, up.DirectPath, up.FileEncSHA256, "")
		return verify(err, c.isStored(up, nil) != nil, up)
	}},
	{name: "FetchStickerPack", stanza: "GET static host", check: func(c *coverage) error {
		if err := c.net.AddStickerPack(StickerPack{ID: "covered", Name: "Pets", Stickers: []PackSticker{{WebP: []byte("cat")}}}); err != nil {
			return err
		}
		got, err := c.a.FetchStickerPack(c.ctx(), "covered")
		return verify(err, got != nil && got.Name == "Pets" && len(got.Stickers) == 1, got)
	}},
}
