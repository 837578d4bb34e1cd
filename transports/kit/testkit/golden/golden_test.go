package golden

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// failures records what a test would report.
type failures struct {
	testing.TB
	list []string
}

func (f *failures) Helper() {}

func (f *failures) Failed() bool { return len(f.list) > 0 }

func (f *failures) Error(args ...any) { f.list = append(f.list, fmt.Sprint(args...)) }

func (f *failures) Errorf(format string, args ...any) {
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *failures) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

func newFile(path string, want map[string]string) *File {
	f := &File{path: path, want: map[string]json.RawMessage{}, got: map[string]json.RawMessage{}}
	for name, text := range want {
		f.want[name] = json.RawMessage(text)
	}
	return f
}

// TestDifferencesAreReported checks that each kind of difference fails, and that the order of members and the indentation do not matter.
func TestDifferencesAreReported(t *testing.T) {
	if *update {
		t.Skip("compares nothing with -update")
	}
	for name, c := range map[string]struct {
		want string
		got  any
		same bool
	}{
		"same": {`{"b": null, "a": [1, "x"]}`, map[string]any{"a": []any{1, "x"}, "b": nil}, true}, "null and missing": {`{"a":null}`, map[string]any{}, false},
		"order of a list": {`[1,2]`, []int{2, 1}, false}, "large number": {`9007199254740993`, json.RawMessage(`9007199254740992`), false}, "text and number": {`"1"`, 1, false},
	} {
		seen := &failures{}
		newFile("x", map[string]string{"case": c.want}).Check(seen, "case", c.got)
		if (len(seen.list) == 0) != c.same {
			t.Errorf("%s: %q", name, seen.list)
		}
	}
	seen, f := &failures{}, newFile("x", map[string]string{"case": `1`, "gone": `2`})
	f.Check(seen, "other", 1)
	f.Check(seen, "case", 1)
	f.Check(seen, "case", 1)
	f.close(seen, false)
	if len(seen.list) != 3 {
		t.Errorf("a new case, a repeated case and one that is gone: %q", seen.list)
	}
}

// TestFilesAreWritten checks what -update writes, and that a test which has failed writes nothing.
func TestFilesAreWritten(t *testing.T) {
	path := t.TempDir() + "/testdata/x.json"
	f := newFile(path, nil)
	f.got["b"], f.got["a"] = json.RawMessage(`{"z":1,"y":"<&>"}`), json.RawMessage(`[]`)
	f.close(&failures{list: []string{"failed before"}}, true)
	if _, err := os.Stat(path); err == nil {
		t.Error("a failed test wrote a file")
	}
	seen := &failures{}
	f.close(seen, true)
	raw, err := os.ReadFile(path)
	if want := "{\n  \"a\": [],\n  \"b\": {\n    \"y\": \"<&>\",\n    \"z\": 1\n  }\n}\n"; err != nil || string(raw) != want || len(seen.list) != 0 {
		t.Errorf("%q, %v, %q", raw, err, seen.list)
	}
}
