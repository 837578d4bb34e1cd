package methods_test

// The expected OpenRPC document.
//go:generate go test -count=1 -run TestOpenRPCDocument . -update

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// goldenDir has the expected OpenRPC document: a file for each namespace with its methods and the schemas that only it uses,
// shared.json with the other schemas, and document.json with the rest.
const goldenDir = "testdata/openrpc"

// goldenFile is one part of the expected document.
type goldenFile struct {
	Methods []json.RawMessage          `json:"methods,omitempty"`
	Schemas map[string]json.RawMessage `json:"schemas,omitempty"`
}

var schemaRef = regexp.MustCompile(`"#/components/schemas/([^"]+)"`)

// The interface changes only on purpose: each change of a method, schema, event or error changes a golden file.
func TestOpenRPCDocument(t *testing.T) {
	raw, err := fullRegistry(t).Discover()
	if err != nil {
		t.Fatal(err)
	}
	files := goldenFiles(t, raw)
	if *update {
		writeGolden(t, files)
	}
	present, err := filepath.Glob(filepath.Join(goldenDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if _, ok := files[filepath.Base(path)]; !ok {
			t.Errorf("%s belongs to no namespace", path)
		}
	}
	for name, want := range files {
		path := filepath.Join(goldenDir, name)
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(golden, want) {
			t.Errorf("the document differs from %s near line %d; if that is intended: go test ./rpc/methods -run TestOpenRPCDocument -update",
				path, differsAt(golden, want))
		}
	}
}

// goldenFiles divides the document into the contents of the golden files, by file name.
func goldenFiles(t *testing.T, raw json.RawMessage) map[string][]byte {
	t.Helper()
	var doc map[string]json.RawMessage
	var methods []json.RawMessage
	var components map[string]json.RawMessage
	var schemas map[string]json.RawMessage
	decode(t, raw, &doc)
	decode(t, doc["methods"], &methods)
	decode(t, doc["components"], &components)
	decode(t, components["schemas"], &schemas)

	parts := map[string]*goldenFile{}
	part := func(name string) *goldenFile {
		if parts[name] == nil {
			parts[name] = &goldenFile{Schemas: map[string]json.RawMessage{}}
		}
		return parts[name]
	}
	users := map[string]map[string]bool{} // namespaces that use a schema
	for _, m := range methods {
		var named struct{ Name string }
		decode(t, m, &named)
		namespace, _, _ := strings.Cut(named.Name, ".")
		part(namespace).Methods = append(part(namespace).Methods, m)
		markUsers(m, namespace, schemas, users)
	}
	for name, schema := range schemas {
		owner := "shared"
		if len(users[name]) == 1 {
			owner = slices.Collect(maps.Keys(users[name]))[0]
		}
		part(owner).Schemas[name] = schema
	}
	delete(doc, "methods")
	delete(components, "schemas")
	doc["components"] = testkit.IndentedJSON(t, components)

	files := map[string][]byte{"document.json": testkit.IndentedJSON(t, doc)}
	for name, p := range parts {
		files[name+".json"] = testkit.IndentedJSON(t, p)
	}
	return files
}

// markUsers notes that a namespace uses the schemas to which raw refers, and those to which they refer.
func markUsers(raw json.RawMessage, namespace string, schemas map[string]json.RawMessage, users map[string]map[string]bool) {
	for _, match := range schemaRef.FindAllSubmatch(raw, -1) {
		name := string(match[1])
		if users[name][namespace] {
			continue
		}
		if users[name] == nil {
			users[name] = map[string]bool{}
		}
		users[name][namespace] = true
		markUsers(schemas[name], namespace, schemas, users)
	}
}

func writeGolden(t *testing.T, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(goldenDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(goldenDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(goldenDir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// differsAt returns the number of the first line in which a and b differ.
func differsAt(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return bytes.Count(a[:n], []byte("\n")) + 1
}
