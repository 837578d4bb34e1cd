package message

import "testing"

func TestFindLink(t *testing.T) {
	const u = "https://example.com/a"
	for text, want := range map[string]string{
		u: u, "see " + u + " now": u, "see\n" + u + "\nnow": u, "see\t" + u: u,
		u + ".": u, u + ", and": u, u + "!": u, u + "?!": u, u + "...": u, u + "…": u, u + ";": u, u + ":": u, u + "'": u,
		"(" + u + ")": u, "(see " + u + ").": u, "[" + u + "]": u, "{" + u + "}": u, "<" + u + ">": u, "\"" + u + "\"": u,
		"“" + u + "”": u, "„" + u + "“": u, "«" + u + "»": u, "« " + u + " »": u, "‹" + u + "›": u, "'" + u + "'": u, "‘" + u + "’": u, "`" + u + "`": u,
		"```" + u + "```": u, "[name](" + u + ")": u, "「" + u + "」": u, "『" + u + "』": u, "（" + u + "）": u, "【" + u + "】": u, "《" + u + "》": u,
		"*" + u + "*": u, "_" + u + "_": u, "~" + u + "~": u, "*_" + u + "_*": u, "*see " + u + "*": u, "_see " + u + "_, ok": u, "*bold* " + u: u,
		"访问" + u + "。谢谢": u, u + "，": u, u + "、": u, u + "！": u, u + "？": u, "見て" + u + "」": u,
		u + "،": u, u + "؟": u, u + "۔": u, u + "।": u, u + "։": u, u + "።": u, u + "។": u,
		u + "\u00a0now": u, u + "\u3000now": u, u + "\u2003now": u, u + "\u200bnow": u, u + "\u202fnow": u, u + "\ufeff": u, "\u200e" + u + "\u200f": u, u + "\u2028x": u,
		"HTTP://EXAMPLE.COM/A": "HTTP://EXAMPLE.COM/A", "Https://example.com": "Https://example.com", "hTTps://example.com/Ab.": "hTTps://example.com/Ab",
		"https://example.com/Foo_(bar)":           "https://example.com/Foo_(bar)",
		"(https://example.com/Foo_(bar))":         "https://example.com/Foo_(bar)",
		"(https://example.com/Foo_(bar)).":        "https://example.com/Foo_(bar)",
		"https://example.com/Foo_(bar), x":        "https://example.com/Foo_(bar)",
		"https://example.com/a(b(c))d":            "https://example.com/a(b(c))d",
		"https://example.com/?a[]=1&b[0]=2":       "https://example.com/?a[]=1&b[0]=2",
		"https://example.com/a_b_":                "https://example.com/a_b_",
		"https://example.com/*":                   "https://example.com/*",
		"https://example.com/~user/":              "https://example.com/~user/",
		"https://example.com/?q=a+b%20c&x=1#top.": "https://example.com/?q=a+b%20c&x=1#top",
		"https://example.com/it's":                "https://example.com/it's",
		"https://example.com:8080/":               "https://example.com:8080/",
		"https://user@example.com/":               "https://user@example.com/",
		"https://bücher.example/straße":           "https://bücher.example/straße",
		"https://пример.example/путь.":            "https://пример.example/путь",
		"https://例え.example/パス":                   "https://例え.example/パス",
		"https://example.com/col·lecció":          "https://example.com/col·lecció",
		"https://example.com/l’été":               "https://example.com/l’été",
		"www.example.com":                         "www.example.com",
		"go to www.example.com/a.":                "www.example.com/a",
		"WWW.Example.com":                         "WWW.Example.com",
		"*www.example.com*":                       "www.example.com",
		"http:// and https://example.com":         "https://example.com",
		"https://a.example and https://b.example": "https://a.example",
		"www.example.com and https://b.example":   "www.example.com",
		"ftp://www.example.com":                   "",
		"mail me@www.example.com":                 "",
		"awww.example.com":                        "",
		"www. is short":                           "",
		"www.x":                                   "",
		"shttp://example.com":                     "",
		"no link":                                 "", "": "", "http://": "", "https://.": "",
	} {
		if got, _ := findLink(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if link, address := findLink("see www.example.com/a."); link != "www.example.com/a" || address != "http://www.example.com/a" {
		t.Errorf("got %q at %q", link, address)
	}
}
