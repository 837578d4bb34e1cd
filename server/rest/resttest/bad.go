package resttest

import (
	"fmt"
	"slices"
	"strings"
)

// Lengths of a text that nothing takes, in bytes. The one fits into every body, the other into the head of a request.
const (
	tooLong        = 200_000
	tooLongInQuery = 8_000
)

// BadRequest is a documented request with one thing wrong.
type BadRequest struct {
	// Field is the path of the field that is wrong, or "" when the body as a whole is.
	Field string
	// What names the mistake in a word or two: missing, null, empty, a JSON kind, item, base64, media type, no data URL,
	// too long, enum, range.
	What    string
	Request *Request
}

func (b BadRequest) String() string {
	return fmt.Sprintf("%s %s %s %s", b.Request.Method, b.Request.Path, b.Field, b.What)
}

// samples are a value of each kind.
var samples = []struct {
	kind  string
	value any
}{
	{"string", "text"},
	{"integer", 7},
	{"number", 1.5},
	{"boolean", true},
	{"object", map[string]any{"a": 1}},
	{"array", []any{map[string]any{"a": 1}}},
}

// wrongItem is of no kind that any document has in an array.
var wrongItem = []any{[]any{}}

// ofFormat are texts that do not have a format.
var ofFormat = map[string][]struct{ what, value string }{
	"base64": {{"base64", "not base64!"}},
	"data-url": {
		{"no data URL", "just text"},
		{"base64", "data:%s;base64,####"},
		{"media type", "data:text/html;base64,PGI+"},
	},
	"jid":       {{"JID", "no address"}, {"JID", "a@b@c"}},
	"date-time": {{"range", "yesterday"}},
	"email":     {{"range", "nobody"}},
}

// BadRequests are the requests that follow from the documented fields: each field missing, of each other JSON type, too
// long, not of its format, out of its range. More are values that are out of range though the document names no range, by
// the name of their field.
func (o *Operation) BadRequests(example int, values Values, more map[string][]any) ([]BadRequest, error) {
	var all []BadRequest
	add := func(field, what string, r *Request) {
		all = append(all, BadRequest{Field: field, What: what, Request: r})
	}
	for _, p := range o.Params {
		for _, bad := range wrongValues(p, more, o.fileType(p, values)) {
			if _, text := bad.value.(string); p.In != "query" || !text && bad.value != Absent {
				continue // all there is in a query is text
			}
			if text, ok := bad.value.(string); ok && len(text) > tooLongInQuery {
				bad.value = text[:tooLongInQuery]
			}
			r, err := o.Request(example, values.With(o.withoutTwin(p)).With(Values{p.Path: bad.value}))
			if err != nil {
				return nil, err
			}
			add(p.Path, bad.what, r)
		}
	}
	if o.Body == nil {
		return all, nil
	}
	for _, f := range o.Body.Fields {
		for _, bad := range wrongValues(f, more, o.fileType(f, values)) {
			r, err := o.Request(example, values)
			if err != nil {
				return nil, err
			}
			body, err := o.makeBody(example, values)
			if err != nil {
				return nil, err
			}
			putEach(body, f.Path, bad.value)
			if err := r.setJSON(o.Body.ContentType, body); err != nil {
				return nil, err
			}
			add(f.Path, bad.what, r)
		}
	}
	return all, nil
}

// BadPaths are the requests with other values of parameters in the path, by the name of the parameter.
func (o *Operation) BadPaths(example int, values Values, more map[string][]string) ([]BadRequest, error) {
	var all []BadRequest
	for _, p := range o.Params {
		if p.In != "path" {
			continue
		}
		for _, value := range more[p.Name()] {
			r, err := o.Request(example, values.With(Values{p.Path: value}))
			if err != nil {
				return nil, err
			}
			all = append(all, BadRequest{Field: p.Path, What: "path", Request: r})
		}
	}
	return all, nil
}

// withoutTwin leaves out the field of the body that means the same as a parameter and would count before it.
func (o *Operation) withoutTwin(p *Field) Values {
	v := Values{}
	if o.Body != nil {
		for _, f := range o.Body.Fields {
			if strings.EqualFold(f.Path, p.Path) {
				v[f.Path] = Absent
			}
		}
	}
	return v
}

// fileType is that of the data URL a good request has in the field.
func (o *Operation) fileType(f *Field, values Values) string {
	text, _ := values[f.Path].(string)
	kind, _, _ := strings.Cut(strings.TrimPrefix(text, "data:"), ";")
	return kind
}

type wrong struct {
	what  string
	kind  bool // it is of another JSON kind
	value any
}

func wrongValues(f *Field, more map[string][]any, mediaType string) []wrong {
	var all []wrong
	if f.Required {
		all = append(all, wrong{what: "missing", value: Absent}, wrong{what: "null"})
		if f.Type.Is("string") && !slices.Contains(f.Enum, any("")) {
			all = append(all, wrong{what: "empty", value: ""})
		}
		if f.Type.Is("array") {
			all = append(all, wrong{what: "empty", value: []any{}})
		}
	}
	for _, s := range samples {
		if !acceptsValue(f.Type.Kinds, cloneValue(s.value)) {
			all = append(all, wrong{s.kind, true, s.value})
		}
	}
	if f.Type.Is("array") && len(f.Type.Items) > 0 {
		all = append(all, wrong{"item", true, wrongItem})
	}
	for _, bad := range ofFormat[f.Type.Format] {
		value := bad.value
		if strings.Contains(value, "%s") {
			value = fmt.Sprintf(value, mediaType)
		}
		all = append(all, wrong{what: bad.what, value: value})
	}
	if f.Type.Is("string") && f.Type.Format != "data-url" && f.Type.Format != "base64" {
		all = append(all, wrong{what: "too long", value: strings.Repeat("9", tooLong)})
	}
	if f.MaxLength != nil {
		all = append(all, wrong{what: "too long", value: strings.Repeat("9", *f.MaxLength+1)})
	}
	if len(f.Enum) > 0 {
		value := any("no such thing")
		if f.Type.Is("array") {
			value = []any{value}
		}
		all = append(all, wrong{what: "enum", value: value})
	}
	if f.Min != nil {
		all = append(all, wrong{what: "range", value: *f.Min - 1})
	}
	if f.Max != nil {
		all = append(all, wrong{what: "range", value: *f.Max + 1})
	}
	for _, value := range more[f.Name()] {
		all = append(all, wrong{what: "range", value: value})
	}
	return all
}

// putEach sets the value at a path, within arrays in each item. Where the example has no item, it makes one.
func putEach(object map[string]any, path string, value any) {
	head, rest, ok := strings.Cut(path, "[].")
	if !ok {
		putValue(object, path, value)
		return
	}
	items, _ := get(object, head).([]any)
	if len(items) == 0 {
		items = []any{map[string]any{}}
	}
	for i := range items {
		inner, ok := items[i].(map[string]any)
		if !ok {
			inner = map[string]any{}
		}
		putEach(inner, rest, value)
		items[i] = inner
	}
	putValue(object, head, items)
}

// get is the value at a path of keys, or nil.
func get(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// BadBodies are requests whose body as a whole is wrong, except for its size.
func (o *Operation) BadBodies(example int, values Values) ([]BadRequest, error) {
	if o.Body == nil {
		return nil, nil
	}
	good, err := o.Request(example, values)
	if err != nil {
		return nil, err
	}
	nested := fmt.Sprintf(`{%q:%s1%s}`, o.Body.Fields[0].Path, strings.Repeat(`{"a":`, 5000), strings.Repeat("}", 5000))
	bodies := []struct{ what, body string }{
		{"no body", ""},
		{"no JSON", "Phone=1&Body=2"},
		{"cut", string(good.Body[:len(good.Body)-1])},
		{"more after it", string(good.Body) + "{}"},
		{"no UTF-8", strings.Replace(string(good.Body), "{", "{\"x\":\"\xff\xfe\",", 1)},
		{"deep", nested},
		{"list", "[" + string(good.Body) + "]"},
		{"text", `"text"`},
		{"null", "null"},
	}
	all := make([]BadRequest, len(bodies))
	for i, b := range bodies {
		r := *good
		r.Body = []byte(b.body)
		all[i] = BadRequest{What: b.what, Request: &r}
	}
	return all, nil
}
