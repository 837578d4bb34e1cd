package rest_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
	rpcmethods "github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/digigo"
	"github.com/waystation/waystation/server/rest/operations"
	"github.com/waystation/waystation/server/rest/waakg"
	"github.com/waystation/waystation/server/rest/wuzapi"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

// documents are the documented APIs in the order of the table; those without a dialect are not served over REST, those that
// are partly served lack operations.
var documents = []struct {
	name    string
	dialect *rest.Dialect
	partly  bool
}{
	{"digigo", digigo.New(), true}, {"wuzapi", wuzapi.New(), false}, {"wwebjs", wwebjs.New(), true}, {"waakg", waakg.New(), true}, {"operations", operations.New(), false},
}

// pageOf returns the page of a document.
func pageOf(document string) string { return "docs/rest/" + document + ".md" }

// The pages of the documents have a table of operations: which methods do the work of each, and where it is served.
func TestTableOfOperations(t *testing.T) {
	raw, err := os.ReadFile("testdata/paths.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, err := rpcmethods.Operations()
	if err != nil {
		t.Fatal(err)
	}
	main := map[string]string{} // method by operation
	for method, operations := range table {
		for _, operation := range operations {
			name, path, _ := strings.Cut(operation, " /")
			if strings.HasPrefix(operation, "operations:") { // whose table has paths below the session
				operation = name + " /api/v1/sessions/{session_id}/" + path
			}
			main[operation] = method
		}
	}
	for _, d := range documents {
		var operations []string
		for line := range strings.Lines(string(raw)) {
			if name, operation, _ := strings.Cut(strings.TrimSpace(line), " "); name == d.name {
				operations = append(operations, operation)
			}
		}
		var out bytes.Buffer
		writeDocument(t, &out, d.name, d.dialect, d.partly, operations, main)
		doctest.CheckSection(t, pageOf(d.name), "operations of "+d.name, out.String())
	}
}

func writeDocument(t *testing.T, out *bytes.Buffer, name string, dialect *rest.Dialect, partly bool, operations []string, main map[string]string) {
	routes := map[string]rest.Route{}
	where := "not over REST"
	if dialect != nil {
		for _, r := range dialect.Routes {
			routes[r.Method+" "+r.Path] = r
		}
		mounts := make([]string, len(dialect.Mounts))
		for i, mount := range dialect.Mounts {
			mounts[i] = "`" + cmp.Or(mount, "/") + "`"
		}
		where = strings.Join(mounts, ", ")
	}
	have := 0
	var rows []string
	for _, operation := range operations {
		calls, served := []string{}, "not over REST"
		method := main[name+":"+operation]
		if method != "" {
			calls, have = append(calls, method), have+1
		}
		if r, ok := routes[operation]; ok {
			if !slices.Contains(r.Calls, method) {
				t.Errorf("%s: %s is served by %v, but the table of methods says %s", name, operation, r.Calls, method)
			}
			for _, call := range r.Calls {
				if !slices.Contains(calls, call) {
					calls = append(calls, call)
				}
			}
			served = where
			delete(routes, operation)
		} else if dialect != nil && !partly {
			t.Errorf("%s does not serve %s", name, operation)
		}
		for i, call := range calls {
			calls[i] = methodLink(call)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", operation, cmp.Or(strings.Join(calls, ", "), "no method yet"), served))
	}
	fmt.Fprintf(out, "%d operations, %d of them with a method.\n\n| operation | methods | served at |\n|---|---|---|\n%s",
		len(operations), have, strings.Join(rows, ""))
	if len(routes) == 0 {
		return
	}
	fmt.Fprintf(out, "\n### Beyond the document\n\n%d more operations, of later versions and of clients, in the same form.\n\n| operation | methods | served at |\n|---|---|---|\n", len(routes))
	for _, operation := range slices.Sorted(maps.Keys(routes)) {
		calls := slices.Clone(routes[operation].Calls)
		slices.Sort(calls)
		for i, call := range calls {
			calls[i] = methodLink(call)
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", operation, strings.Join(slices.Compact(calls), ", "), where)
	}
}

// methodLink links to a method in the reference.
func methodLink(method string) string {
	space, _, _ := strings.Cut(method, ".")
	return fmt.Sprintf("[%s](../reference/methods/%s.md#%s)", method, space, strings.ToLower(strings.ReplaceAll(method, ".", "")))
}
