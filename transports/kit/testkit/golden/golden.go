// Package golden compares results of tests with JSON files in testdata. With -update the tests write the files.
package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests compare with")

// File has the expected results of one test by the names of its cases.
type File struct {
	path string
	want map[string]json.RawMessage

	mu  sync.Mutex
	got map[string]json.RawMessage
}

// Open reads the file testdata/<name>.json. When t ends, it fails if the file has a result of a case that did not run; with -update it writes the file
// instead, unless t has failed.
func Open(t *testing.T, name string) *File {
	t.Helper()
	f := &File{path: filepath.Join("testdata", name+".json"), want: map[string]json.RawMessage{}, got: map[string]json.RawMessage{}}
	raw, err := os.ReadFile(f.path)
	if err == nil {
		err = json.Unmarshal(raw, &f.want)
	}
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatalf("%v (-update writes the file)", err)
	}
	t.Cleanup(func() { f.close(t, *update) })
	return f
}

// Check compares the JSON form of a result with the expected one. Cases may run in parallel; each has a name of its own.
func (f *File) Check(t testing.TB, name string, result any) {
	t.Helper()
	got, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	_, twice := f.got[name]
	f.got[name] = got
	f.mu.Unlock()
	if twice {
		t.Errorf("two cases have the name %q", name)
	}
	if *update {
		return
	}
	want, known := f.want[name]
	if !known {
		t.Errorf("%s has no result of %q: %s (-update writes it)", f.path, name, got)
		return
	}
	if have, expected := indented(got), indented(want); !bytes.Equal(have, expected) {
		t.Errorf("%s of %s: got\n%s\nwant\n%s", name, f.path, have, expected)
	}
}

func (f *File) close(t testing.TB, write bool) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if write {
		if t.Failed() {
			return
		}
		raw, err := json.Marshal(f.got)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(f.path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(f.path, append(indented(raw), '\n'), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	if len(f.got) == 0 || f.isFiltered() {
		return
	}
	for name := range f.want {
		if _, ran := f.got[name]; !ran {
			t.Errorf("%s has a result of %q, which is no case (-update removes it)", f.path, name)
		}
	}
}

// isFiltered reports whether -run may have selected some of the cases only.
func (f *File) isFiltered() bool {
	run := flag.Lookup("test.run")
	return run != nil && bytes.ContainsRune([]byte(run.Value.String()), '/')
}

// indented returns JSON with the members of objects in alphabetical order and numbers as they are written.
func indented(raw []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return raw
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return raw
	}
	return bytes.TrimSpace(out.Bytes())
}
