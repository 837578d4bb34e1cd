package bridge

import (
	"context"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// preview adds a link preview to a text. One that cannot be fetched is left
// out: the text is what matters.
func (b *builder) preview(ctx context.Context, text *waE2E.ExtendedTextMessage) error {
	if given := b.c.Preview; given != nil {
		if !strings.Contains(b.c.Text, given.URL) {
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
	if !b.c.LinkPreview {
		return nil
	}
	link, address := findLink(b.c.Text)
	if link == "" {
		return nil
	}
	page, err := b.s.b.files.Page(ctx, address)
	if err != nil {
		b.s.log().Debug("no link preview", "error", err)
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
