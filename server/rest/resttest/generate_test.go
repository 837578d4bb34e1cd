package resttest

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

var (
	update   = flag.Bool("update", false, "write what the tests compare with")
	contract = flag.String("contract", "", "with -update: folder of the exact catalogues to make testdata from")
)

// sources name the file of each dialect's exact catalogue.
var sources = map[string]string{
	"digigo": "digigo.json", "wuzapi": "wuzapi.json", "wwebjs": "wwebjs.json", "waakg": "waakg.json", "operations": "operations-api.json",
}

// sourceOperation is an operation in the exact catalogues, without their sentences.
type sourceOperation struct {
	ID, Method, Path, Auth, Tag string
	Params                      []sourceField
	Body                        *struct {
		ContentType string `json:"content_type"`
		Required    bool
		Fields      []sourceField
		Examples    []struct {
			Name  string
			Value any
		}
	}
	Responses []struct {
		Status      int
		ContentType string `json:"content_type"`
		Example     any
		Fields      []struct {
			Path, Type string
			Nullable   bool
		}
		Source string
	}
}

type sourceField struct {
	Name, Path, In, Type string
	ItemsType            string `json:"items_type"`
	EffectiveType        string `json:"effective_type"`
	Format               string
	Nullable             bool
	Required             bool
	Enum                 []any
	Min, Max             *float64
	MaxLength            *int `json:"max_length"`
	MinItems             *int `json:"min_items"`
	MaxItems             *int `json:"max_items"`
	Aliases              []string
	Example              any
}

// The catalogues in testdata are the exact ones without their sentences. All five can be read.
func TestCatalogues(t *testing.T) {
	if *contract == "" {
		t.Skip("needs -contract")
	}
	for dialect, file := range sources {
		raw, err := os.ReadFile(filepath.Join(*contract, file))
		if err != nil {
			t.Fatal(err)
		}
		whole := convert(t, dialect, raw)
		usable(t, whole)
		made := testkit.IndentedJSON(t, whole)
		again := &Catalogue{}
		if err := json.Unmarshal(made, again); err != nil {
			t.Fatalf("%s: %v", dialect, err)
		}
		if !bytes.Equal(made, testkit.IndentedJSON(t, again)) {
			t.Errorf("%s: reads back as something else", dialect)
		}
		path := filepath.Join("testdata", dialect+".json")
		keep(t, path, file, made)
	}
}

// The catalogue of operations beyond a document has the form of the others, and none of the document's operations.
func TestCatalogueBeyondDocument(t *testing.T) {
	for _, dialect := range []string{"wuzapi", "wwebjs"} {
		document, err := loadFile(dialect)
		if err != nil {
			t.Fatal(err)
		}
		more, err := loadFile(dialect + beyond)
		if err != nil {
			t.Fatal(err)
		}
		usable(t, more)
		for _, o := range more.Operations {
			if document.Operation(o.Name()) != nil || o.ID != dialect+":"+o.Name() {
				t.Errorf("%s is in the document, or has another id", o.Name())
			}
		}
		path := filepath.Join("testdata", dialect+beyond+".json")
		keep(t, path, "its own form", testkit.IndentedJSON(t, more))
	}
}

// keep compares a file with its expected content, or writes it.
func keep(t *testing.T, path, source string, made []byte) {
	t.Helper()
	kept, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(kept, made):
	case *update:
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what %s says", path, source)
	}
}

// usable checks that requests can be made of all that the catalogue has.
func usable(t *testing.T, c *Catalogue) {
	t.Helper()
	for _, o := range c.Operations {
		values := Values{}
		for _, p := range o.Params {
			if p.In == "path" {
				values[p.Path] = "x"
			}
		}
		if _, err := o.Request(0, values); err != nil {
			t.Error(err)
		}
		if _, err := o.BadRequests(0, values, nil); err != nil {
			t.Error(err)
		}
		if _, err := o.BadBodies(0, values); err != nil {
			t.Error(err)
		}
	}
}

func convert(t *testing.T, dialect string, raw []byte) *Catalogue {
	t.Helper()
	var source struct{ Operations []sourceOperation }
	if err := json.Unmarshal(raw, &source); err != nil {
		t.Fatal(err)
	}
	c := &Catalogue{Dialect: dialect}
	for _, from := range source.Operations {
		o := &Operation{ID: from.ID, Method: from.Method, Path: from.Path, Auth: from.Auth}
		for _, p := range from.Params {
			o.Params = append(o.Params, p.field(t))
		}
		if from.Body != nil {
			o.Body = &Body{ContentType: from.Body.ContentType, Required: from.Body.Required}
			for _, f := range from.Body.Fields {
				o.Body.Fields = append(o.Body.Fields, f.field(t))
			}
			for _, e := range from.Body.Examples {
				name, _, _ := strings.Cut(e.Name, " (") // what follows are remarks
				o.Body.Examples = append(o.Body.Examples, Example{Name: name, Value: e.Value})
			}
		}
		for _, from := range from.Responses {
			r := &Response{Status: from.Status, ContentType: from.ContentType, Source: from.Source, Example: from.Example}
			for _, f := range from.Fields {
				if r.Fields == nil {
					r.Fields = map[string]Type{}
				}
				is := plainType(t, f.Type)
				if f.Nullable && !is.Is("null") {
					is.Kinds = append(is.Kinds, "null")
				}
				r.Fields[plainPath(f.Path)] = is
			}
			settle(t, o, r)
			o.Responses = append(o.Responses, r)
		}
		c.Operations = append(c.Operations, o)
	}
	return c
}

// settle decides where a document contradicts itself: its example counts. A key that the example does not have may be
// missing, one that is null there may be null, one that only the example has is documented by it.
func settle(t *testing.T, o *Operation, r *Response) {
	t.Helper()
	for _, f := range o.Compare(r, exampleOf(t, r), Rules{}) {
		is := r.Fields[f.Key]
		switch {
		case strings.HasPrefix(f.Problem, "null instead of"):
			is.Kinds = append(is.Kinds, "null")
		case f.Problem == "not documented":
			is.Kinds = []string{kindOf(get(r.Example, f.Key))}
		default:
			is.Optional = true
		}
		r.Fields[f.Key] = is
	}
	for _, f := range o.Compare(r, exampleOf(t, r), Rules{}) {
		if f.Problem == "not there to compare" {
			is := r.Fields[f.Key]
			is.Optional = true
			r.Fields[f.Key] = is
		}
	}
	for _, f := range o.Compare(r, exampleOf(t, r), Rules{}) {
		t.Errorf("the example of %d is not what is documented: %s", r.Status, f)
	}
}

// exampleOf is a response as the document shows it.
func exampleOf(t *testing.T, r *Response) *Answer {
	t.Helper()
	raw, err := json.Marshal(r.Example)
	if err != nil {
		t.Fatal(err)
	}
	return &Answer{Status: r.Status, Header: http.Header{"Content-Type": {r.ContentType}}, Body: raw}
}

func (f *sourceField) field(t *testing.T) *Field {
	t.Helper()
	is := f.Type
	if f.EffectiveType != "" {
		is = f.EffectiveType
	}
	out := &Field{
		Path: plainPath(f.Path + f.Name), In: f.In, Type: plainType(t, is), Required: f.Required, Enum: f.Enum, Min: f.Min, Max: f.Max,
		MaxLength: f.MaxLength, MinItems: f.MinItems, MaxItems: f.MaxItems, Aliases: f.Aliases, Example: f.Example,
	}
	if f.ItemsType != "" && out.Type.Is("array") {
		out.Type.Items = []string{f.ItemsType}
	}
	if f.Nullable && !out.Type.Is("null") {
		out.Type.Kinds = append(out.Type.Kinds, "null")
	}
	return out
}

var (
	// dataKey are keys that the exact catalogues show as they came: addresses of people.
	dataKey = regexp.MustCompile(`<jid>|\{\w+\}|\d+@(?:s\.whatsapp\.net|c\.us|g\.us)`)
	remark  = regexp.MustCompile(`\s*\(.*$`)
	formats = map[string]string{
		"(base64)": "base64", " base64": "base64", "(data URL)": "data-url", "(JID)": "jid", "(binary)": "binary", "(date-time)": "date-time", "(email)": "email",
	}
	// names of the objects of whatsapp-web.js, and other names of objects in the exact catalogues.
	objectKinds = []string{"Message", "Wid", "Chat", "{link,isSuspicious}", "object {mimetype,data}"}
)

func plainPath(path string) string { return dataKey.ReplaceAllString(path, "*") }

// plainType reads the types of the exact catalogues, which are written for people.
func plainType(t *testing.T, text string) Type {
	t.Helper()
	out := Type{}
	if items, ok := strings.CutPrefix(text, "array of "); ok {
		items, instead, _ := strings.Cut(items, " | ") // an array or something instead of it
		text = "array|" + instead
		for kind := range strings.SplitSeq(remark.ReplaceAllString(items, ""), "|") {
			if kind == "null" || kind == "undefined" {
				text += "|" + kind
			} else {
				out.Items = append(out.Items, plainKind(kind))
			}
		}
	}
	for kind := range strings.SplitSeq(text, "|") {
		for suffix, format := range formats {
			if plain, _, ok := strings.Cut(kind, suffix); ok {
				kind, out.Format = plain, format
			}
		}
		switch kind = plainKind(strings.TrimSpace(remark.ReplaceAllString(kind, ""))); {
		case kind == "undefined":
			out.Optional = true
		case kind != "" && !out.Is(kind):
			out.Kinds = append(out.Kinds, kind)
		}
	}
	for _, kind := range append(out.Kinds, out.Items...) {
		if !slices.Contains(kinds, kind) {
			t.Errorf("%q in type %q", kind, text)
		}
	}
	return out
}

func plainKind(kind string) string {
	switch {
	case slices.Contains(objectKinds, kind):
		return "object"
	case strings.HasPrefix(kind, "object keyed by"):
		return "map"
	}
	return kind
}
