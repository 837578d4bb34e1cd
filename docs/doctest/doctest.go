// Package doctest reads the pages of the documentation for the tests that check them.
//
// It parses the parts of a page: headings with GitHub's anchors, links, fenced code blocks, and
// sections that tests generate from the code. It must not import the server; the tests that run the code blocks
// are in package server. Start with AllPages and CheckSection.
package doctest

// The generated pages and sections.
//go:generate go test -C ../.. -count=1 -run TestReferenceOf|TestTableOfOperations ./rpc/methods ./server ./server/config ./server/metrics ./server/rest ./bridge/sandbox -update-docs

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Page is one Markdown file.
type Page struct {
	Path     string // relative to the root of the repository, with slashes
	Headings []Heading
	Links    []Link
	Blocks   []Block
}

// Heading is a heading with the anchor that GitHub gives it.
type Heading struct {
	Text, Anchor string
	Level, Line  int
}

// Link is the target of an inline link or a picture.
type Link struct {
	Target string
	Line   int
}

// Block is a fenced code block.
type Block struct {
	Page    string
	Heading string // text of the heading above; empty at the top of a page
	Lang    string // first word after the fence
	Attrs   []string
	Text    string
	Line    int    // of the opening fence, from 1
	NotRun  string // reason in the comment "<!-- not run: ... -->" on the line above; empty = the block is run
	Fenced  bool   // false for a block by indentation, which tests reject
}

// Has reports whether the words after the language of the block contain attr.
func (b *Block) Has(attr string) bool { return slices.Contains(b.Attrs, attr) }

// RepositoryRoot returns the directory of the repository.
func RepositoryRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// AllPages reads every Markdown file of the repository, in the order of their paths. Directories that git ignores are left out.
func AllPages(t testing.TB) []*Page {
	t.Helper()
	var pages []*Page
	root := RepositoryRoot()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".cache", "node_modules", "bin", "data"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".md") {
			name, _ := filepath.Rel(root, path)
			pages = append(pages, ReadPage(t, filepath.ToSlash(name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// ReadPage reads one page; path is relative to the root of the repository.
func ReadPage(t testing.TB, path string) *Page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(RepositoryRoot(), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return parsePage(path, string(text))
}

// Block returns the block number n (from 0) in a language below a heading. It fails the test when there is none.
func (p *Page) Block(t testing.TB, heading, lang string, n int) *Block {
	t.Helper()
	for i := range p.Blocks {
		if b := &p.Blocks[i]; b.Heading == heading && b.Lang == lang {
			if n == 0 {
				return b
			}
			n--
		}
	}
	t.Fatalf("%s has no such %s block below %q", p.Path, lang, heading)
	return nil
}

var (
	notRun      = regexp.MustCompile(`^\s*<!-- not run: (.+) -->\s*$`)
	fence       = regexp.MustCompile("^( *)(`{3,})\\s*(.*)$")
	headingLine = regexp.MustCompile(`^(#{1,6}) +(.*?)(?: +#*)?$`)
	inlineLink  = regexp.MustCompile(`\[(?:[^\]\[]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	inlineCode  = regexp.MustCompile("`[^`]*`")
	listItem    = regexp.MustCompile(`^\s*(?:[-*+]|\d+\.)\s`)
)

func parsePage(path, text string) *Page {
	p := &Page{Path: path}
	lines := strings.Split(text, "\n")
	heading, anchors := "", map[string]int{}
	inList := false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := fence.FindStringSubmatch(line); m != nil {
			b := Block{Page: path, Heading: heading, Line: i + 1, Fenced: true}
			if words := strings.Fields(m[3]); len(words) > 0 {
				b.Lang, b.Attrs = words[0], words[1:]
			}
			if i > 0 {
				if reason := notRun.FindStringSubmatch(lines[i-1]); reason != nil {
					b.NotRun = reason[1]
				}
			}
			var body strings.Builder
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != m[2]; i++ {
				body.WriteString(strings.TrimPrefix(lines[i], m[1]) + "\n")
			}
			b.Text = body.String()
			p.Blocks = append(p.Blocks, b)
			continue
		}
		if m := headingLine.FindStringSubmatch(line); m != nil {
			heading = plainText(m[2])
			p.Headings = append(p.Headings, Heading{Text: heading, Anchor: headingAnchor(heading, anchors), Level: len(m[1]), Line: i + 1})
			inList = false
			continue
		}
		switch {
		case listItem.MatchString(line):
			inList = true
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " "):
			inList = false
		case !inList && strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != "":
			p.Blocks = append(p.Blocks, Block{Page: path, Heading: heading, Line: i + 1, Text: line})
		}
		for _, m := range inlineLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, "``"), -1) {
			p.Links = append(p.Links, Link{m[1], i + 1})
		}
	}
	return p
}

// plainText is the text of a heading without the marks of code, emphasis and links.
func plainText(text string) string {
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	return strings.TrimSpace(strings.NewReplacer("`", "", "**", "").Replace(text))
}

// headingAnchor is GitHub's name of a heading: lower case, spaces as hyphens, without other punctuation than - and _, and with a
// number when the page has it already.
func headingAnchor(text string, seen map[string]int) string {
	var out strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r == ' ':
			out.WriteByte('-')
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			out.WriteRune(r)
		}
	}
	name := out.String()
	n := seen[name]
	seen[name]++
	if n > 0 {
		name += "-" + string(rune('0'+n))
	}
	return name
}

var update = flag.Bool("update-docs", false, "write generated pages and sections of the documentation")

// CheckSection compares the generated section of a page with content; with -update-docs it writes the section. The section stands
// between the comments "<!-- generated: name -->" and "<!-- end of name -->".
func CheckSection(t testing.TB, path, name, content string) {
	t.Helper()
	file := filepath.Join(RepositoryRoot(), filepath.FromSlash(path))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no section between %q and %q", path, strings.TrimSpace(begin), end)
	}
	compareFile(t, path, text, slices.Concat(before, []byte(begin), []byte(strings.Trim(content, "\n")+"\n"), []byte(end), after))
}

// CheckFile compares a page that is generated as a whole with content; with -update-docs it writes the page.
func CheckFile(t testing.TB, path, content string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(RepositoryRoot(), filepath.FromSlash(path)))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	compareFile(t, path, text, []byte(content))
}

// IsUpdating reports whether the test was started with -update-docs.
func IsUpdating() bool { return *update }

func compareFile(t testing.TB, path string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if !*update {
		t.Errorf("%s is stale: run make docs", path)
		return
	}
	file := filepath.Join(RepositoryRoot(), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// NoOthers fails the test when a directory has Markdown files besides names, which are stale pages. With -update-docs
// it deletes them.
func NoOthers(t testing.TB, dir string, names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(RepositoryRoot(), filepath.FromSlash(dir), "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if slices.Contains(names, filepath.Base(file)) {
			continue
		}
		if !*update {
			t.Errorf("%s/%s is of nothing that exists: run make docs", dir, filepath.Base(file))
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSource returns the source of the test function name in the package at dir, relative to the root of the repository. A test that does not exist
// fails the caller.
func TestSource(t testing.TB, dir, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(RepositoryRoot(), filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, after, found := bytes.Cut(source, []byte("\nfunc "+name+"(")); found {
			body, _, _ := bytes.Cut(after, []byte("\n}\n"))
			return string(body)
		}
	}
	t.Errorf("%s has no %s", dir, name)
	return ""
}
