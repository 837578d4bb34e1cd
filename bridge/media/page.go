package media

import (
	"context"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Page is what a link preview shows of a web page.
type Page struct {
	Title, Description string
	Image              string // address; "" = none
}

const (
	maxPage        = 512 << 10 // bytes of a page that are looked at; the head comes first
	maxTitle       = 200       // characters
	maxDescription = 400       // characters
)

var (
	metaTag   = regexp.MustCompile(`(?is)<meta\s+[^>]{1,1000}>`)
	attribute = regexp.MustCompile(`(?is)([a-z:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	titleTag  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
)

// Page fetches a web page and reads what it says about itself.
func (l *Library) Page(ctx context.Context, address string) (*Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, bad("url", "is not a usable address")
	}
	request.Header.Set("User-Agent", l.config.UserAgent)
	request.Header.Set("Accept", "text/html")
	response, err := l.client.Do(request)
	if err != nil {
		return nil, l.fetchError(err)
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // a bad header is no web page either
	if response.StatusCode != http.StatusOK || kind != "text/html" && kind != "application/xhtml+xml" {
		return nil, &Error{Reason: ReasonFetch, Field: "url", Message: "there is no web page"}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, l.fetchError(err)
	}
	return readPage(strings.ToValidUTF8(string(text), ""), response.Request.URL), nil
}

func readPage(text string, base *url.URL) *Page {
	said := map[string]string{}
	for _, tag := range metaTag.FindAllString(text, 200) {
		var name, content string
		for _, a := range attribute.FindAllStringSubmatch(tag, 20) {
			switch strings.ToLower(a[1]) {
			case "property", "name":
				name = strings.ToLower(a[2] + a[3])
			case "content":
				content = a[2] + a[3]
			}
		}
		if _, known := said[name]; !known && name != "" {
			said[name] = content
		}
	}
	page := &Page{Title: first(said, "og:title", "twitter:title"), Description: first(said, "og:description", "description", "twitter:description")}
	if title := titleTag.FindStringSubmatch(text); page.Title == "" && title != nil {
		page.Title = title[1]
	}
	page.Title, page.Description = tidy(page.Title, maxTitle), tidy(page.Description, maxDescription)
	if image, err := base.Parse(html.UnescapeString(first(said, "og:image", "twitter:image"))); err == nil && image.String() != base.String() {
		page.Image = image.String()
	}
	return page
}

func first(said map[string]string, names ...string) string {
	for _, name := range names {
		if said[name] != "" {
			return said[name]
		}
	}
	return ""
}

func tidy(text string, limit int) string {
	text = strings.Join(strings.Fields(html.UnescapeString(text)), " ")
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit-1]) + "…"
	}
	return text
}
