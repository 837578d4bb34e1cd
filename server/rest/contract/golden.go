package contract

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

var updateCalls = flag.Bool("update", false, "write what the tests compare with")

// callsFolder has one file for each first segment of the paths.
const callsFolder = "testdata/calls"

// golden is the content of a file in callsFolder.
type golden struct {
	// Calls are those of each documented request, by operation and the number of the example.
	Calls map[string][]recordedCall `json:"calls"`
	// Unmatched are the documented errors that were not caused, by operation.
	Unmatched map[string][]string `json:"unmatched_errors"`
	// Differences are keys that answers have beside the documented ones and the like, by operation.
	Differences map[string][]string `json:"differences"`
}

// goldens are the contents of callsFolder by the name of the file.
type goldens map[string]*golden

// of returns the golden that an operation belongs to.
func (g goldens) of(o *resttest.Operation) *golden {
	segment, _, _ := strings.Cut(strings.TrimPrefix(o.Path, "/"), "/")
	name := strings.Trim(segment, "{}") + ".json"
	if g[name] == nil {
		g[name] = &golden{Calls: map[string][]recordedCall{}, Unmatched: map[string][]string{}, Differences: map[string][]string{}}
	}
	return g[name]
}

// compare compares the goldens with the files, or writes them.
func (g goldens) compare(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(callsFolder + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if g[filepath.Base(file)] != nil {
			continue
		}
		t.Errorf("%s has operations that are not served", file)
		if *updateCalls {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, got := range g {
		got.compare(t, filepath.Join(callsFolder, name))
	}
}

func (g *golden) compare(t *testing.T, file string) {
	t.Helper()
	out := testkit.IndentedJSON(t, g)
	if *updateCalls {
		if err := os.MkdirAll(callsFolder, 0o755); err != nil { //nolint:gosec // a folder of the repository
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out, 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(want, out) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(string(out), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("%s differs at line %d: %q is now %q; if that is meant, run the test with -update", file, i+1, a[i], b[i])
			return
		}
	}
	t.Errorf("%s has %d lines instead of %d", file, len(a), len(b))
}
