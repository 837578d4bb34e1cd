package media

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// Page has the parts of a web page that a link preview shows.
type Page struct {
	Title, Description string
	Image              string // absolute address; "" = none
}

const (
	maxPage        = 512 << 10 // bytes of a page that are read; the head comes first
	maxTitle       = 200       // characters
	maxDescription = 400       // characters
	maxDepth       = 512       // nested elements of a page
)

// The names of metadata, best first: Open Graph, Twitter cards, HTML and schema.org.
var (
	titleNames       = []string{"og:title", "twitter:title"}
	descriptionNames = []string{"og:description", "twitter:description", "description"}
	imageNames       = []string{"og:image", "og:image:secure_url", "og:image:url", "twitter:image", "twitter:image:src", "image_src", "image"}
)

// Page fetches a web page and returns its metadata.
func (l *Library) Page(ctx context.Context, address string) (*Page, error) {
	request, err := l.newRequest(ctx, address)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/html")
	response, err := l.client.Do(request)
	if err != nil {
		return nil, l.fetchError(err)
	}
	defer response.Body.Close()
	header := response.Header.Get("Content-Type")
	kind, _ := canonicalType(header) // a malformed header is not that of a web page
	if response.StatusCode != http.StatusOK || kind != typeHTML && kind != "application/xhtml+xml" {
		return nil, &Error{Reason: ReasonFetch, Field: "url", Message: "there is no web page"}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, l.fetchError(err)
	}
	return readPage(decodePage(text, header), response.Request.URL)
}

// decodePage returns a page in UTF-8. The encoding is that of the byte order mark, of the header, of a meta tag, or
// UTF-8 if the page is valid UTF-8, as the HTML standard orders them.
func decodePage(text []byte, header string) io.Reader {
	encoding, name, certain := charset.DetermineEncoding(text, header)
	if !certain && validUTF8(text) || name == "utf-8" {
		return bytes.NewReader(bytes.ToValidUTF8(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), nil))
	}
	return encoding.NewDecoder().Reader(bytes.NewReader(text))
}

// validUTF8 is utf8.Valid for text that may be cut inside its last character.
func validUTF8(text []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(text); cut++ {
		if utf8.Valid(text[:len(text)-cut]) {
			return true
		}
	}
	return false
}

// readPage reads the metadata of a page; its relative addresses start at base, or at the page's base element.
func readPage(text io.Reader, base *url.URL) (*Page, error) {
	root, err := html.ParseWithOptions(text, html.ParseOptionEnableScripting(true)) // the content of noscript is text
	if err != nil {
		return nil, &Error{Reason: ReasonFetch, Field: "url", Message: "the web page could not be read", Err: err}
	}
	m := metadata{named: map[string]string{}}
	m.walkNode(root, 0)
	if href, err := base.Parse(m.base); err == nil {
		base = href
	}
	page := &Page{Title: tidyText(m.firstOf(titleNames), maxTitle), Description: tidyText(m.firstOf(descriptionNames), maxDescription)}
	if page.Title == "" {
		page.Title = tidyText(m.title, maxTitle)
	}
	if address := m.firstOf(imageNames); address != "" {
		if image, err := base.Parse(address); err == nil && (image.Scheme == "http" || image.Scheme == "https") {
			page.Image = image.String()
		}
	}
	return page, nil
}

// metadata collects what the elements of a page say. The first of equal names counts.
type metadata struct {
	named       map[string]string
	title, base string
}

func (m *metadata) walkNode(n *html.Node, depth int) {
	if n.Type == html.ElementNode && n.Namespace == "" {
		m.readTag(n)
	}
	if depth == maxDepth || n.DataAtom == atom.Template {
		return
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		m.walkNode(child, depth+1)
	}
}

func (m *metadata) readTag(n *html.Node) {
	switch n.DataAtom {
	case atom.Title:
		if m.title == "" && n.FirstChild != nil {
			m.title = n.FirstChild.Data
		}
	case atom.Base:
		if m.base == "" {
			m.base = strings.TrimSpace(attribute(n, "href"))
		}
	case atom.Link:
		for rel := range strings.FieldsSeq(attribute(n, "rel")) {
			if strings.EqualFold(rel, "image_src") {
				m.addValue("image_src", attribute(n, "href"))
			}
		}
	case atom.Meta:
		for _, key := range []string{"property", "name", "itemprop"} {
			m.addValue(attribute(n, key), attribute(n, "content"))
		}
	}
}

func (m *metadata) addValue(name, content string) {
	name, content = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(content)
	if m.named[name] == "" && name != "" {
		m.named[name] = content
	}
}

func (m *metadata) firstOf(names []string) string {
	for _, name := range names {
		if m.named[name] != "" {
			return m.named[name]
		}
	}
	return ""
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// tidyText joins the words of a text by single blanks, and shortens it to a number of characters.
func tidyText(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit-1]) + "…"
	}
	return text
}
