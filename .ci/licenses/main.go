// Command licenses collects the licences of the modules that are linked into the server. It writes the list and the texts
// that binaries must carry, and fails on a licence that is not allowed.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences that any module may have. They can be combined with GPL-3.0 in one binary.
var allowed = []string{"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "Unlicense", "CC0-1.0", "Zlib"}

// exceptions are the modules that may have another licence, and why.
var exceptions = map[string]string{
	"go.mau.fi/libsignal": "GPL-3.0", // the Signal protocol of whatsmeow; it makes binaries GPL-3.0 as a whole
}

// leastCovered is the share of a licence file, in percent, that a known licence must cover.
const leastCovered = 75

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

type module struct {
	Path, Version, Dir string
	Licences           []string
	texts              []file
}

type file struct{ name, text string }

func main() {
	root := flag.String("root", "../..", "folder of the server's module")
	check := flag.Bool("check", false, "compare with the files that are there instead of writing them")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	modules, err := linked(root)
	if err != nil {
		return err
	}
	var problems []error
	for _, m := range modules {
		problems = append(problems, m.read())
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	var table, texts bytes.Buffer
	writeTable(&table, modules)
	writeTexts(&texts, modules)
	for name, content := range map[string][]byte{
		filepath.Join(root, "docs", "licenses.md"):                  table.Bytes(),
		filepath.Join(root, "server", "notices", "third-party.txt"): texts.Bytes(),
	} {
		if !check {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(name, content, 0o644); err != nil {
				return err
			}
			continue
		}
		if have, err := os.ReadFile(name); err != nil || !bytes.Equal(have, content) {
			problems = append(problems, fmt.Errorf("%s is not up to date; run make licenses", filepath.ToSlash(name)))
		}
	}
	fmt.Printf("licences of %d modules are allowed\n", len(modules))
	return errors.Join(problems...)
}

// linked lists the modules of the packages that the server is built from, for Linux on the processors of the image, and the
// standard library.
func linked(root string) ([]*module, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Module,Standard", "./server")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	modules := []*module{{Path: "Go standard library", Dir: goRoot()}}
	known := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Standard bool
			Module   *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main || known[p.Module.Path] {
			continue
		}
		known[p.Module.Path] = true
		modules = append(modules, &module{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir})
	}
	slices.SortFunc(modules[1:], func(a, b *module) int { return strings.Compare(a.Path, b.Path) })
	return modules, nil
}

// goRoot is the folder of the Go installation that builds the server.
func goRoot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// read finds the module's licence files and checks the licences in them.
func (m *module) read() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := fs.ReadFile(os.DirFS(m.Dir), e.Name())
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		m.texts = append(m.texts, file{e.Name(), strings.ReplaceAll(string(text), "\r\n", "\n")})
		if kind := strings.ToLower(e.Name()); strings.HasPrefix(kind, "notice") || strings.HasPrefix(kind, "patents") {
			continue // names and grants beside the licence
		}
		found := licensecheck.Scan(text)
		if found.Percent < leastCovered {
			return fmt.Errorf("%s: %s is not a licence that is known", m.Path, e.Name())
		}
		for _, match := range found.Match {
			if id := spdx(match.ID); !slices.Contains(m.Licences, id) {
				m.Licences = append(m.Licences, id)
			}
		}
	}
	if len(m.Licences) == 0 {
		return fmt.Errorf("%s: has no licence file", m.Path)
	}
	for _, id := range m.Licences {
		if !slices.Contains(allowed, id) && exceptions[m.Path] != id {
			return fmt.Errorf("%s: the licence %s is not allowed", m.Path, id)
		}
	}
	return nil
}

// spdx drops what the scanner adds to an identifier to tell forms of the same licence apart.
func spdx(id string) string {
	for _, suffix := range []string{"-Header", "-HeaderNoVersion", "-NoEndorsement", "-Short", "-User", "-or-later", "-only"} {
		id = strings.TrimSuffix(id, suffix)
	}
	return id
}

func writeTable(w io.Writer, modules []*module) {
	fmt.Fprint(w, `# Licences

Waystation's own source is under Apache-2.0 (see LICENSE). A binary or an image also contains the modules below. One of
them, go.mau.fi/libsignal, is under GPL-3.0, which allows distribution of the combined work under GPL-3.0 only: binaries and
images are distributed under GPL-3.0, together with an offer of the corresponding source. go.mau.fi/whatsmeow and go.mau.fi/util
are under MPL-2.0, which asks for the source of changed files of theirs; they are used unmodified.

`+"`waystation licenses`"+` prints all licence texts; images have them in /usr/share/doc/waystation.

This table is generated by `+"`make licenses`"+`; the lint step fails when it is stale or when a module has another licence than
the allowed ones.

| module | version | licence |
|---|---|---|
`)
	for _, m := range modules {
		fmt.Fprintf(w, "| %s | %s | %s |\n", m.Path, m.Version, strings.Join(m.Licences, ", "))
	}
}

// writeTexts writes each text once, under the names of the modules that have it.
func writeTexts(w io.Writer, modules []*module) {
	owners := map[string][]string{}
	var order []string
	for _, m := range modules {
		for _, f := range m.texts {
			text := strings.TrimSpace(f.text)
			if owners[text] == nil {
				order = append(order, text)
			}
			owners[text] = append(owners[text], strings.TrimSpace(m.Path+" "+m.Version)+" ("+f.name+")")
		}
	}
	fmt.Fprint(w, "Waystation's own source is under Apache-2.0. This binary contains the modules named below, one of them under GPL-3.0:\n"+
		"as a combined work it is distributed under GPL-3.0. The texts of all licences follow.\n")
	for _, text := range order {
		fmt.Fprintf(w, "\n%s\n", strings.Repeat("=", 100))
		for _, owner := range owners[text] {
			fmt.Fprintln(w, owner)
		}
		fmt.Fprintf(w, "\n%s\n", text)
	}
}
