package doctest

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Every link of every page leads to a file that exists, and to a heading that this file has.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, anchors := AllPages(t), map[string]map[string]bool{}
	for _, p := range pages {
		anchors[p.Path] = map[string]bool{}
		for _, h := range p.Headings {
			anchors[p.Path][h.Anchor] = true
		}
	}
	checked := 0
	for _, p := range pages {
		for _, link := range p.Links {
			if problem := checkLink(anchors, p.Path, link.Target); problem != "" {
				t.Errorf("%s:%d: %s: %s", p.Path, link.Line, link.Target, problem)
			}
			checked++
		}
	}
	if len(pages) < 10 || checked < 30 {
		t.Errorf("%d pages with %d links: the pages are not read", len(pages), checked)
	}
}

func checkLink(anchors map[string]map[string]bool, from, target string) string {
	if strings.HasPrefix(target, "https://") {
		return ""
	}
	if strings.Contains(target, ":") || strings.HasPrefix(target, "/") {
		return "links are https or relative"
	}
	file, fragment, hasFragment := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	info, err := os.Stat(filepath.Join(RepositoryRoot(), filepath.FromSlash(to)))
	switch {
	case err != nil || strings.HasPrefix(to, ".."):
		return "no such file"
	case !hasFragment || info.IsDir():
		return ""
	case !anchors[to][fragment]:
		return "the page has no such heading"
	}
	return ""
}

func TestLinksThatLeadNowhereAreFound(t *testing.T) {
	anchors := map[string]map[string]bool{"README.md": {"a-heading": true}}
	for target, bad := range map[string]bool{
		"README.md": false, "README.md#a-heading": false, "#a-heading": false, "https://example.com": false,
		"docs": false, "docs/nothing.md": true, "README.md#nothing": true, "#nothing": true, "http://example.com": true, "/README.md": true, "../x.md": true,
	} {
		if got := checkLink(anchors, "README.md", target); (got != "") != bad {
			t.Errorf("%s: %q", target, got)
		}
	}
}

func TestParse(t *testing.T) {
	p := parsePage("x.md", strings.Join([]string{
		"# One `two`: three", "", "[a](b.md) and [c `d`](e.md#f) but `[g](h.md)`.", "", "## Same", "## Same", "",
		"<!-- not run: needs a phone -->", "```sh start", "echo", "```", "", "1. item", "", "    continued", "", "Text", "", "    indented",
		"", "- x", "  ```json", "  {}", "  ```",
	}, "\n"))
	if len(p.Headings) != 3 || p.Headings[0].Anchor != "one-two-three" || p.Headings[2].Anchor != "same-1" {
		t.Errorf("%+v", p.Headings)
	}
	if len(p.Links) != 2 || p.Links[0].Target != "b.md" || p.Links[1].Target != "e.md#f" {
		t.Errorf("%+v", p.Links)
	}
	if len(p.Blocks) != 3 || p.Blocks[0].NotRun != "needs a phone" || !p.Blocks[0].Has("start") || p.Blocks[0].Text != "echo\n" ||
		p.Blocks[1].Fenced || p.Blocks[2].Text != "{}\n" || !p.Blocks[2].Fenced {
		t.Errorf("%+v", p.Blocks)
	}
}

// Pages that generators write have a notice for people who would edit them, and the other pages have none.
func TestGeneratedSectionsAreClosed(t *testing.T) {
	for _, p := range AllPages(t) {
		text, err := os.ReadFile(filepath.Join(RepositoryRoot(), filepath.FromSlash(p.Path)))
		if err != nil {
			t.Fatal(err)
		}
		if begun, ended := strings.Count(string(text), "<!-- generated: "), strings.Count(string(text), "<!-- end of "); begun != ended {
			t.Errorf("%s: %d generated sections begin and %d end", p.Path, begun, ended)
		}
	}
}
