package media

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// TestPageMarkup reads pages as browsers do.
func TestPageMarkup(t *testing.T) {
	encoded := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	long := strings.Repeat("long description ", 200)
	type want struct{ title, description, image string }
	for name, c := range map[string]struct {
		kind, body string
		want       want
	}{
		"unquoted attributes":      {"", `<meta property=og:title content=Title><meta name=description content=words>`, want{"Title", "words", ""}},
		"single quotes":            {"", `<meta property='og:title' content='It is "it"'>`, want{`It is "it"`, "", ""}},
		"blanks around equals":     {"", `<meta property = "og:title" content = "T">`, want{"T", "", ""}},
		"content first":            {"", `<meta content="T" property="og:title"/>`, want{"T", "", ""}},
		"greater-than":             {"", `<meta property="og:title" content="a > b"><meta name="description" content="1 -> 2">`, want{"a > b", "1 -> 2", ""}},
		"long description":         {"", `<meta property="og:title" content="T"><meta name="description" content="` + long + `">`, want{"T", "long", ""}},
		"tag in a comment":         {"", `<!-- <meta property="og:title" content="old"> --><meta property="og:title" content="new">`, want{"new", "", ""}},
		"tag in a script":          {"", `<script>var s = '<meta property="og:title" content="script">';</script><title>page</title>`, want{"page", "", ""}},
		"tag in a style":           {"", `<style>/* <title>style</title> */</style><title>page</title>`, want{"page", "", ""}},
		"title of an svg":          {"", `<body><svg><title>icon</title></svg></body><title>x</title>`, want{"x", "", ""}},
		"title is text":            {"", `<title>a <b>b</b> &amp; c</title>`, want{"a <b>b</b> & c", "", ""}},
		"entities":                 {"", `<meta property="og:title" content="Tom &amp; Jerry &#8211; &quot;x&quot;">`, want{`Tom & Jerry – "x"`, "", ""}},
		"twice escaped":            {"", `<meta property="og:title" content="a &amp;amp; b">`, want{"a &amp; b", "", ""}},
		"capitals":                 {"", `<META PROPERTY="OG:TITLE" CONTENT="T"><META NAME="Description" CONTENT="d">`, want{"T", "d", ""}},
		"name instead of property": {"", `<meta name="og:title" content="T">`, want{"T", "", ""}},
		"og before twitter":        {"", `<meta name="twitter:title" content="tw"><meta property="og:title" content="og"><title>t</title>`, want{"og", "", ""}},
		"twitter":                  {"", `<meta name="twitter:title" content="tw"><meta name="twitter:description" content="d"><meta name="twitter:image" content="/i.png">`, want{"tw", "d", "/i.png"}},
		"twitter image src":        {"", `<title>t</title><meta name="twitter:image:src" content="/i.png">`, want{"t", "", "/i.png"}},
		"empty og title":           {"", `<meta property="og:title" content=" "><title>fallback</title>`, want{"fallback", "", ""}},
		"first of two":             {"", `<meta property="og:image" content="/1.png"><meta property="og:image" content="/2.png"><title>t</title>`, want{"t", "", "/1.png"}},
		"secure image":             {"", `<title>t</title><meta property="og:image:secure_url" content="/s.png">`, want{"t", "", "/s.png"}},
		"image_src":                {"", `<title>t</title><link rel="image_src" href="/l.png">`, want{"t", "", "/l.png"}},
		"relative image":           {"", `<title>t</title><meta property="og:image" content="pic/a.png">`, want{"t", "", "/dir/pic/a.png"}},
		"image with a blank":       {"", `<title>t</title><meta property="og:image" content=" /a b.png ">`, want{"t", "", "/a%20b.png"}},
		"base href":                {"", `<base href="/other/"><title>t</title><meta property="og:image" content="a.png">`, want{"t", "", "/other/a.png"}},
		"base after":               {"", `<title>t</title><meta property="og:image" content="a.png"><base href="/other/">`, want{"t", "", "/other/a.png"}},
		"image that is a data URL": {"", `<title>t</title><meta property="og:image" content="data:image/png;base64,AA">`, want{"t", "", ""}},
		"schema.org":               {"", `<title>t</title><meta itemprop="description" content="d"><meta itemprop="image" content="/i.png">`, want{"t", "d", "/i.png"}},
		"meta in the body":         {"", `<body><p>x</p><meta property="og:title" content="T"></body>`, want{"T", "", ""}},
		"no head":                  {"", `<title>t`, want{"t", "", ""}},
		"noscript":                 {"", `<noscript><meta property="og:title" content="ns"></noscript><title>t</title>`, want{"t", "", ""}},
		"template":                 {"", `<template><meta property="og:title" content="tpl"></template><title>t</title>`, want{"t", "", ""}},
		"xhtml":                    {"application/xhtml+xml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title><meta property="og:title" content="T"/></head></html>`, want{"T", "", ""}},
		"latin-1 in the header":    {"text/html; charset=iso-8859-1", encoded(charmap.Windows1252.NewEncoder().String(`<title>Café</title>`)), want{"Café", "", ""}},
		"latin-1 in a meta tag":    {"", encoded(charmap.Windows1252.NewEncoder().String(`<meta charset=windows-1252><title>Café €</title>`)), want{"Café €", "", ""}},
		"koi8-r in http-equiv":     {"", encoded(charmap.KOI8R.NewEncoder().String(`<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><title>Привет</title>`)), want{"Привет", "", ""}},
		"shift-jis":                {"text/html; charset=Shift_JIS", encoded(japanese.ShiftJIS.NewEncoder().String(`<title>日本語</title>`)), want{"日本語", "", ""}},
		"gbk":                      {"text/html; charset=gb2312", encoded(simplifiedchinese.GBK.NewEncoder().String(`<title>中文</title>`)), want{"中文", "", ""}},
		"utf-16 by its BOM":        {"", encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(`<title>Ω</title>`)), want{"Ω", "", ""}},
		"utf-8 by its BOM":         {"text/html; charset=iso-8859-1", "\xef\xbb\xbf<title>Ω</title>", want{"Ω", "", ""}},
		"utf-8 undeclared":         {"", `<title>日本語 Ω</title>`, want{"日本語 Ω", "", ""}},
		"utf-8 undeclared late":    {"", `<script>` + strings.Repeat("x", 3000) + `</script><title>日本語 Ω</title>`, want{"日本語 Ω", "", ""}},
		"unknown charset":          {"text/html; charset=nonsense", `<title>plain Ω</title>`, want{"plain Ω", "", ""}},
		"quoted charset":           {`text/html; charset="UTF-8"`, `<title>Ω</title>`, want{"Ω", "", ""}},
		"malformed header":         {`text/html; charset=utf-8; =`, `<title>Ω</title>`, want{"Ω", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.kind == "" {
					c.kind = "text/html"
				}
				w.Header().Set("Content-Type", c.kind)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			page, err := newLibrary(t, Config{}).Page(t.Context(), server.URL+"/dir/page")
			if err != nil {
				t.Fatal(err)
			}
			if c.want.image != "" {
				c.want.image = server.URL + c.want.image
			}
			if page.Title != c.want.title || !strings.HasPrefix(page.Description, c.want.description) || (c.want.description == "") != (page.Description == "") || page.Image != c.want.image {
				t.Errorf("got %+v, want %+v", page, c.want)
			}
			if n := utf8.RuneCountInString(page.Description); n > maxDescription || !utf8.ValidString(page.Title+page.Description) {
				t.Errorf("description of %d characters", n)
			}
		})
	}
}
