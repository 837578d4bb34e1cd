package message

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// linkStart finds where a link may begin: at a scheme in any letter case, or at a bare "www.", which WhatsApp's apps link too.
var linkStart = regexp.MustCompile(`(?i)https?://|www\.`)

const (
	maxLink       = 2048 // bytes of a link
	maxLinkStarts = 100  // possible beginnings of links that are looked at in one text
)

// linkEnds are characters that no link contains unescaped: quotation marks, brackets other than the ASCII ones, and the
// sentence marks of scripts that put no blank behind them.
const linkEnds = "<>\"`\\|«»‹›“”„‟‘‚" +
	"。．｡，､、；：？！（）［］｛｝「」『』【】〔〕〖〗《》〈〉〝〟" + // Chinese, Japanese
	"،؛؟۔।॥։׃።፣፤፥፧។៕།" // Arabic, Urdu, Devanagari, Armenian, Hebrew, Ethiopic, Khmer, Tibetan

// findLink returns the first link in a text as it is written there, and its address; "" = there is none.
func findLink(text string) (link, address string) {
	offset := 0
	for range maxLinkStarts {
		found := linkStart.FindStringIndex(text[offset:])
		if found == nil {
			return "", ""
		}
		start := offset + found[0]
		offset += found[1]
		bare := strings.EqualFold(text[start:offset], "www.")
		if !beginsWord(text[:start], bare) {
			continue
		}
		length := linkLength(text[start:])
		if length > maxLink {
			continue
		}
		link = trimLink(text[:start], text[start:start+length])
		if address = link; bare {
			address = "http://" + link
		}
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" || strings.Trim(u.Hostname(), ".") == "" || bare && strings.Count(strings.Trim(u.Hostname(), "."), ".") < 2 {
			continue
		}
		return link, address
	}
	return "", ""
}

// beginsWord reports whether a link may begin behind a text. A bare host is none inside a word, an e-mail address or
// another address.
func beginsWord(before string, bare bool) bool {
	last, size := utf8.DecodeLastRuneInString(before)
	if size == 0 {
		return true
	}
	if bare && strings.ContainsRune("@./-:", last) {
		return false
	}
	return last > unicode.MaxASCII || !unicode.IsLetter(last) && !unicode.IsDigit(last) // scripts without blanks
}

// linkLength returns the length of the characters at the beginning of text that may belong to a link.
func linkLength(text string) int {
	for i, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(linkEnds, r) {
			return i
		}
	}
	return len(text)
}

// brackets maps the closing brackets that a link may contain to the opening ones.
var brackets = map[rune]string{')': "(", ']': "[", '}': "{"}

// trimLink removes the characters at the end of a link that belong to the text around it: sentence marks, brackets that
// the link does not open, and marks of bold, italic and struck text that before opens.
func trimLink(before, link string) string {
	for {
		last, size := utf8.DecodeLastRuneInString(link)
		trim := false
		switch {
		case size == 0:
			return link
		case strings.ContainsRune(".,;:!?'", last):
			trim = true
		case brackets[last] != "":
			trim = strings.Count(link, brackets[last]) < strings.Count(link, string(last))
		case strings.ContainsRune("*_~", last):
			trim = opensFormat(before, string(last))
		case last > unicode.MaxASCII:
			trim = unicode.IsPunct(last)
		}
		if !trim {
			return link
		}
		link = link[:len(link)-size]
	}
}

// opensFormat reports whether a mark at the beginning of a word opens formatted text that is not closed yet.
func opensFormat(before, mark string) bool {
	open := false
	for i := range len(before) {
		if before[i:i+1] != mark {
			continue
		}
		previous, size := utf8.DecodeLastRuneInString(before[:i])
		if size == 0 || !unicode.IsLetter(previous) && !unicode.IsDigit(previous) {
			open = !open
		} else {
			open = false
		}
	}
	return open
}

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
