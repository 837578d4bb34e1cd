package main

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/metrics"
)

// Names in pages that are of nothing which a table of the code has: flags of commands and of other programs, and variables of
// examples and tests.
var otherNames = []string{
	"-url", "-token", "-to", "-wait", "-help", "-short", "-run", "-race",
	"conn.drain", "conn.position", "events.gap", "conn.progress", // notifications
	"WAYSTATION_URL", "WAYSTATION_TOKEN", "WAYSTATION_TEST_ALL", "WAYSTATION_LOAD", "WAYSTATION_", "GLOBAL_S3_", "GLOBAL_",
}

var (
	flagName   = regexp.MustCompile("`(-[a-z][a-z0-9-]+)[` ]")
	envName    = regexp.MustCompile(`\b(?:WAYSTATION|GLOBAL)_[A-Z0-9_]*`)
	metricName = regexp.MustCompile(`\bwaystation_[a-z_]+`)
	methodName = regexp.MustCompile("[`\\[]([a-z]+\\.[a-z][A-Za-z]+)[`\\] {]")
)

// Settings, variables, metrics and methods that pages name exist.
func TestPagesNameWhatExists(t *testing.T) {
	s := startServer(t)
	methods := s.methodScopes()
	spaces := map[string]bool{}
	for method := range methods {
		space, _, _ := strings.Cut(method, ".")
		spaces[space] = true
	}
	families := map[string]bool{}
	for _, f := range metrics.Families {
		families[f.Name] = true
	}
	settings, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), "docs", "reference", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	variables := envName.FindAllString(string(settings), -1)
	checked := 0
	for _, page := range doctest.AllPages(t) {
		raw, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(page.Path)))
		if err != nil {
			t.Fatal(err)
		}
		check := func(pattern *regexp.Regexp, what string, known func(name string) bool) {
			for _, m := range pattern.FindAllStringSubmatch(string(raw), -1) {
				checked++
				if name := m[len(m)-1]; !known(name) && !slices.Contains(otherNames, name) {
					t.Errorf("%s names the %s %s, which does not exist", page.Path, what, name)
				}
			}
		}
		check(flagName, "setting", func(name string) bool { return slices.Contains(config.Names(), name[1:]) })
		check(envName, "variable", func(name string) bool { return slices.Contains(variables, name) })
		check(metricName, "metric", func(name string) bool { return families[name] || families[strings.TrimSuffix(name, "_")] })
		check(methodName, "method", func(name string) bool {
			space, _, _ := strings.Cut(name, ".")
			_, known := methods[name]
			return known || !spaces[space] || strings.HasSuffix(name, ".md") || strings.HasSuffix(name, ".db") || strings.HasSuffix(name, ".go")
		})
	}
	if checked < 1000 {
		t.Errorf("only %d names were found", checked)
	}
}

// Each setting, metric, event and error is described on exactly one page.
func TestEverythingHasOnePage(t *testing.T) {
	described := map[string][]string{}
	for _, page := range doctest.AllPages(t) {
		raw, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(page.Path)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if m := regexp.MustCompile("^\\| `(-[a-z][a-z0-9-]+|waystation_[a-z_]+)` \\|").FindStringSubmatch(line); m != nil {
				described[m[1]] = append(described[m[1]], page.Path)
			}
		}
		for _, h := range page.Headings {
			name := ""
			switch {
			case strings.HasPrefix(page.Path, eventsDir+"/") && h.Level == 2:
				name = "event " + h.Text
			case page.Path == errorsPage && h.Level == 3:
				name = "error " + h.Text
			case strings.HasPrefix(page.Path, "docs/reference/methods/") && h.Level == 2 && strings.Contains(h.Text, "."):
				name = "method " + h.Text
			}
			if name != "" {
				described[name] = append(described[name], page.Path)
			}
		}
	}
	var wanted []string
	for _, name := range config.Names() {
		if !slices.Contains(config.Topics(), name) || name == "sandbox" {
			wanted = append(wanted, "-"+name)
		}
	}
	for _, f := range metrics.Families {
		if strings.HasPrefix(f.Name, "waystation_") {
			wanted = append(wanted, f.Name)
		}
	}
	for _, e := range bridge.EventTypes() {
		wanted = append(wanted, "event "+e.Name)
	}
	for reason := range errorMeanings {
		wanted = append(wanted, "error "+reason)
	}
	slices.Sort(wanted)
	for _, name := range slices.Compact(wanted) {
		if len(described[name]) != 1 {
			t.Errorf("%s is described on %d pages: %v", name, len(described[name]), described[name])
		}
	}
}

// Messages that the page of troubleshooting quotes are in the code.
func TestTroubleshootingQuotesMessages(t *testing.T) {
	// Texts over several lines of code are joined.
	code := regexp.MustCompile(`" \+\s*"`).ReplaceAllString(sourcesBelow(t, "server")+sourcesBelow(t, "bridge")+sourcesBelow(t, "transports")+sourcesBelow(t, "rpc"), "")
	page, err := os.ReadFile("../docs/operations/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	quotes := 0
	for i, quoted := range strings.Split(string(page), "`") {
		if i%2 == 0 || strings.HasPrefix(quoted, "GET ") || strings.HasPrefix(quoted, "waystation ") {
			continue
		}
		for part := range strings.SplitSeq(quoted, "...") {
			if part = strings.Trim(part, " ;"); !strings.Contains(part, " ") {
				continue
			}
			quotes++
			if !strings.Contains(code, part) {
				t.Errorf("no code says %q", part)
			}
		}
	}
	if quotes < 15 {
		t.Errorf("the page quotes %d messages", quotes)
	}
}

// Tests and benchmarks that pages name as the source of a figure or a promise exist.
func TestPagesNameTestsThatExist(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir(doctest.RepositoryRoot(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && slices.Contains([]string{".git", ".cache", "node_modules"}, entry.Name()) {
			return cmp.Or(err, fs.SkipDir)
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			tests.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range doctest.AllPages(t) {
		raw, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(page.Path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(?:Test|Benchmark)[A-Z]\w+`).FindAllString(string(raw), -1) {
			found++
			if !strings.Contains(tests.String(), "func "+name) {
				t.Errorf("%s names %s, which does not exist", page.Path, name)
			}
		}
	}
	if found < 15 {
		t.Errorf("pages name %d tests", found)
	}
}
