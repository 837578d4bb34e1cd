package message

import (
	"context"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// preview adds a link preview to a text. A preview that cannot be fetched is left
// out; the text is sent without it.
func (b *Builder) preview(ctx context.Context, text *waE2E.ExtendedTextMessage) error {
	if given := b.Content.Preview; given != nil {
		if !strings.Contains(b.Content.Text, given.URL) {
			return wa.BadParam("preview/url", "does not occur in the text")
		}
		text.MatchedText, text.Title, text.Description = proto.String(given.URL), wa.OrNull(given.Title), wa.OrNull(given.Description)
		if given.Thumbnail == nil {
			return nil
		}
		small, err := b.thumbnail(ctx, "preview/thumbnail", given.Thumbnail)
		text.JPEGThumbnail = small
		return err
	}
	if !b.Content.LinkPreview {
		return nil
	}
	link, address := findLink(b.Content.Text)
	if link == "" {
		return nil
	}
	page, err := b.Files.Page(ctx, address)
	if err != nil {
		b.Log.Debug("no link preview", "error", err)
		return nil
	}
	text.MatchedText, text.Title, text.Description = proto.String(link), wa.OrNull(page.Title), wa.OrNull(page.Description)
	if page.Image != "" {
		if small, err := b.thumbnail(ctx, "", &MediaSource{URL: page.Image}); err == nil {
			text.JPEGThumbnail = small
		}
	}
	return nil
}
