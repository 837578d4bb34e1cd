package methods_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

// onlyInGo are faults with a function as parameter, which only the Go package can have.
var onlyInGo = []string{"reply"}

// The page of the sandbox has all of its methods, and all faults with their comments in the code.
func TestReferenceOfSandbox(t *testing.T) {
	raw, err := fullRegistry(t).Discover()
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var methods strings.Builder
	methods.WriteString("| method | does |\n|---|---|\n")
	var kinds []string
	for _, m := range doc.Methods {
		if name, ok := strings.CutPrefix(m.Name, "sandbox."); ok {
			fmt.Fprintf(&methods, "| [%s](reference/methods/sandbox.md#sandbox%s) | %s |\n", name, strings.ToLower(name), cell(m.Summary))
		}
		for _, p := range m.Params {
			if m.Name == "sandbox.injectFault" && p.Name == "kind" {
				for _, kind := range p.Schema.Enum {
					kinds = append(kinds, fmt.Sprint(kind))
				}
			}
		}
	}
	doctest.CheckSection(t, "docs/sandbox.md", "methods of the sandbox", methods.String())

	var faults strings.Builder
	described := map[string]bool{}
	for _, group := range faultComments(t) {
		fmt.Fprintf(&faults, "**%s**\n\n| kind | does |\n|---|---|\n", group.title)
		for _, fault := range group.faults {
			if described[fault.kind] = true; slices.Contains(onlyInGo, fault.kind) {
				continue
			}
			if !slices.Contains(kinds, fault.kind) {
				t.Errorf("sandbox.injectFault does not take the fault %s", fault.kind)
			}
			fmt.Fprintf(&faults, "| `%s` | %s |\n", fault.kind, fault.text)
		}
		faults.WriteByte('\n')
	}
	for _, kind := range kinds {
		if !described[kind] {
			t.Errorf("the fault %s has no comment in bridge/sandbox/fault.go", kind)
		}
	}
	doctest.CheckSection(t, "docs/sandbox.md", "faults of the sandbox", faults.String())
}

type faultGroup struct {
	title  string
	faults []struct{ kind, text string }
}

// faultComments reads the constants of FaultKind and their comments.
func faultComments(t *testing.T) (groups []faultGroup) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(doctest.RepositoryRoot(), "bridge", "sandbox", "fault.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^Fault[A-Z]\w*(?: and Fault[A-Z]\w*)? `)
	params := strings.NewReplacer("Delay", "`delay_seconds`", "Code", "`code`", "Type", "`type`", "Times", "`times`", "Skip", "`skip`")
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		group, text := faultGroup{title: params.Replace(strings.TrimSpace(gen.Doc.Text()))}, ""
		for _, spec := range gen.Specs {
			value := spec.(*ast.ValueSpec)
			if kind, ok := value.Type.(*ast.Ident); !ok || kind.Name != "FaultKind" {
				continue
			}
			if comment := strings.TrimSpace(value.Doc.Text()); comment != "" {
				text = params.Replace(strings.ReplaceAll(name.ReplaceAllString(comment, ""), "\n", " "))
			}
			kind, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			if err != nil || text == "" {
				t.Fatalf("%s has no comment: %v", value.Names[0].Name, err)
			}
			group.faults = append(group.faults, struct{ kind, text string }{kind, text})
		}
		if len(group.faults) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}
