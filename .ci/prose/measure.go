package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// figures are the counts of one package.
type figures struct {
	Name      string
	Comments  int // lines of comments with words
	Clauses   int // lines with a clause used as a noun
	Tells     int // lines with tell or told
	Persons   int // lines with nobody, somebody, no one, someone
	Functions int // functions and methods outside of tests
	OneWord   int // of those, the ones named by a single word
}

// Patterns of wording. A clause is used as a noun if it stands at the start of a sentence or behind a verb or preposition that
// takes an object. Relative clauses behind a noun ("clients that ...") do not match.
var (
	clause = regexp.MustCompile(`(?i)\b(whoever|whatever|whomever)\b|` +
		`(^|[.;:(] ?)(what|who)\b [a-z]|` +
		`\b(of|for|to|by|from|with|and|or|is|are|as|in|on|than|but|not|about|only|all|after|before|behind|beside|like|at|that|so|then|nor) (what|who)\b (?:[a-z])|` +
		`\b(keeps?|takes?|gives?|makes?|reads?|does|do|shows?|stores?|sends?|drops?|holds?|leaves?|says?|adds?|undoes|lists?|finds?|knows?|sees?|names?|counts?|lets?|got|gets?|tells?|asks?) (what|who)\b`)
	tell   = regexp.MustCompile(`(?i)\b(tell|tells|told|telling)\b`)
	person = regexp.MustCompile(`(?i)\b(nobody|somebody|anybody|everybody|someone|no one)\b`)
	words  = regexp.MustCompile(`[A-Za-z]{2}`)
)

// measureTree measures every package below dir, those of other modules and generated files left out.
func measureTree(dir string) ([]*figures, error) {
	byDir := map[string]*figures{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		relative, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		f := byDir[relative]
		if f == nil {
			f = &figures{Name: filepath.ToSlash(relative)}
			byDir[relative] = f
		}
		return f.addFile(path)
	})
	var list []*figures
	for _, f := range byDir {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *figures) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func (f *figures) addFile(path string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			for line := range strings.Lines(comment.Text) {
				f.addComment(line)
			}
		}
	}
	if strings.HasSuffix(path, "_test.go") {
		return nil
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Name.Name != "main" && function.Name.Name != "init" {
			f.Functions++
			if oneWord(function.Name.Name) {
				f.OneWord++
			}
		}
	}
	return nil
}

func (f *figures) addComment(line string) {
	line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "/*"))
	if !words.MatchString(line) || strings.HasPrefix(line, "nolint") || strings.HasPrefix(line, "go:") {
		return
	}
	f.Comments++
	for _, count := range []struct {
		pattern *regexp.Regexp
		n       *int
	}{{clause, &f.Clauses}, {tell, &f.Tells}, {person, &f.Persons}} {
		if count.pattern.MatchString(line) {
			*count.n++
		}
	}
}

// oneWord reports whether an identifier is a single word: it has no second upper-case word and no digit or underscore. An initialism
// counts as one word.
func oneWord(name string) bool {
	inUpper, parts := false, 0
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsDigit(r):
			return false
		case unicode.IsUpper(r):
			if !inUpper && i > 0 {
				return false
			}
			inUpper = true
			parts++
		default:
			if inUpper && parts > 1 { // JSONText
				return false
			}
			inUpper = false
		}
	}
	return true
}

func (f *figures) share(n int) float64 {
	if f.Comments == 0 {
		return 0
	}
	return 100 * float64(n) / float64(f.Comments)
}

func (f *figures) oneWordShare() float64 {
	if f.Functions == 0 {
		return 0
	}
	return 100 * float64(f.OneWord) / float64(f.Functions)
}

func total(packages []*figures) *figures {
	sum := &figures{Name: "total"}
	for _, p := range packages {
		sum.Comments += p.Comments
		sum.Clauses += p.Clauses
		sum.Tells += p.Tells
		sum.Persons += p.Persons
		sum.Functions += p.Functions
		sum.OneWord += p.OneWord
	}
	return sum
}
