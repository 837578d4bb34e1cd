package resttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Answer is an HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ContentType is the media type without parameters.
func (a *Answer) ContentType() string { return mediaType(a.Header.Get("Content-Type")) }

func mediaType(label string) string {
	name, _, err := mime.ParseMediaType(label)
	if err != nil {
		return ""
	}
	return name
}

// JSON decodes the body; something that is no JSON decodes to nil.
func (a *Answer) JSON() any {
	var value any
	if json.Unmarshal(a.Body, &value) != nil {
		return nil
	}
	return value
}

// Finding is a difference between an answer or event and its document.
type Finding struct {
	Of      string // "METHOD /path", or an event
	Key     string // "" = the whole
	Problem string
}

func (f Finding) String() string {
	if f.Key == "" {
		return f.Of + ": " + f.Problem
	}
	return f.Of + ": " + f.Key + ": " + f.Problem
}

// Rules are the properties of a dialect, or of one case, that the catalogue lacks.
type Rules struct {
	// Literal are keys whose documented value is meant as it stands, by their last part, or by their whole path with a dot
	// before it; <...> in the value is any text.
	Literal []string
	// Extra are paths an answer may have beside the documented ones, with all below them; one that begins with "*." is a key at any place.
	Extra []string
	// Absent are documented paths that this answer need not have, with all below them, in the same form.
	Absent []string
}

// comparison of one answer or event.
type comparison struct {
	of       string
	rules    Rules
	seen     map[string]bool
	findings []Finding
}

// Compare returns the differences of an answer from a documented one: status, content type, keys, types and literal texts. Every
// documented key must have been there to compare, also those of the items of arrays and maps.
func (o *Operation) Compare(want *Response, got *Answer, rules Rules) []Finding {
	c := &comparison{of: o.Name(), rules: rules, seen: map[string]bool{}}
	if got.Status != want.Status {
		c.addFinding("", "status %d instead of %d: %.300s", got.Status, want.Status, got.Body)
		return c.findings
	}
	if want.ContentType != "" && got.ContentType() != mediaType(want.ContentType) {
		c.addFinding("", "content type %q instead of %q", got.Header.Get("Content-Type"), want.ContentType)
	}
	if mediaType(want.ContentType) != "application/json" || want.Example == nil && len(want.Fields) == 0 {
		return c.findings
	}
	value := got.JSON()
	if value == nil {
		c.addFinding("", "no JSON: %.300q", got.Body)
		return c.findings
	}
	tree := shapeOf(want.Fields)
	c.checkValue(tree, value)
	for _, path := range slices.Sorted(leafPaths(tree)) {
		if !c.seen[path] && !isUnder(path, rules.Absent) && !c.isReported(path) {
			c.addFinding(path, "not there to compare")
		}
	}
	c.checkLiterals("", want.Example, value)
	return c.findings
}

// CompareSuccess returns the differences of an answer from the documented successes. It must be as each of them: where servers differ in their
// keys, it has those of all. Of successes that contradict each other, as a key is a text in one and an object in the other, it must be as one.
func (o *Operation) CompareSuccess(got *Answer, rules Rules) (findings []Finding) {
	all := o.SuccessResponses()
	found := make([][]Finding, len(all))
	for i, want := range all {
		own := rules
		for _, other := range all {
			own.Extra = append(slices.Clip(own.Extra), want.keysBeside(other)...)
		}
		found[i] = o.Compare(want, got, own)
	}
	for i, want := range all {
		better := false
		for j, other := range all {
			better = better || want.contradicts(other) && (len(found[j]) < len(found[i]) || len(found[j]) == len(found[i]) && j < i)
		}
		if !better {
			findings = append(findings, found[i]...)
		}
	}
	return findings
}

// keysBeside are the keys of another answer that this one lacks.
func (r *Response) keysBeside(other *Response) (keys []string) {
	for path := range other.Fields {
		if _, own := r.Fields[path]; !own && !strings.ContainsAny(path, ".[") {
			keys = append(keys, path)
		}
	}
	return keys
}

// contradicts reports whether no answer can be as both, as a key has different types or only one is a list.
func (r *Response) contradicts(other *Response) bool {
	if len(r.Fields) > 0 && len(other.Fields) > 0 && r.isList() != other.isList() {
		return true
	}
	for path, typ := range r.Fields {
		if otherType, both := other.Fields[path]; both && !slices.ContainsFunc(typ.Kinds, func(kind string) bool { return slices.Contains(otherType.Kinds, kind) }) {
			return true
		}
	}
	return false
}

// isList reports whether the whole answer is a list.
func (r *Response) isList() bool {
	for path := range r.Fields {
		if strings.HasPrefix(path, "[") {
			return true
		}
	}
	return false
}

func leafPaths(tree *shape) func(yield func(string) bool) {
	set := map[string]bool{}
	tree.eachLeaf(func(path string) { set[path] = true })
	return maps.Keys(set)
}

func (c *comparison) addFinding(key, format string, args ...any) {
	f := Finding{Of: c.of, Key: key, Problem: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.findings, f) { // items of a list tend to be alike
		c.findings = append(c.findings, f)
	}
}

// isReported reports whether a finding is about the path or something above it.
func (c *comparison) isReported(path string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Key != "" && isUnder(path, []string{f.Key}) })
}

// checkValue compares a value with its place in the tree, and all below it.
func (c *comparison) checkValue(s *shape, value any) {
	c.seen[s.path] = true
	if !acceptsValue(s.typ.Kinds, value) {
		c.addFinding(s.path, "%s instead of %s", kindOf(value), s.typ)
		return
	}
	switch value := value.(type) {
	case map[string]any:
		c.checkObject(s, value)
	case []any:
		for _, item := range value {
			if !acceptsValue(s.typ.Items, item) {
				c.addFinding(s.path, "an item is %s instead of %s", kindOf(item), s.typ)
			}
			if s.item != nil {
				c.checkValue(s.item, item)
			}
		}
	}
}

func (c *comparison) checkObject(s *shape, value map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(s.children)) {
		child := s.children[key]
		if item, ok := value[key]; ok {
			c.checkValue(child, item)
		} else if !child.typ.Optional && !isUnder(child.path, c.rules.Absent) {
			c.addFinding(child.path, "missing")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(value)) {
		if s.children[key] != nil {
			continue
		}
		if s.every != nil {
			c.checkValue(s.every, value[key])
		} else if path := joinPath(s.path, key); s.children != nil && !isUnder(path, c.rules.Extra) {
			c.addFinding(path, "not documented")
		}
	}
}

// checkLiterals compares the values that are meant literally.
func (c *comparison) checkLiterals(path string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if value, ok := object[key]; ok {
				c.checkLiterals(joinPath(path, key), want[key], value)
			}
		}
	case []any:
	default:
		name := path[strings.LastIndexByte(path, '.')+1:]
		if path != "" && !slices.Contains(c.rules.Literal, name) && !slices.Contains(c.rules.Literal, "."+path) {
			return
		}
		if !sameLiteral(want, got) {
			c.addFinding(path, "%#v instead of %#v", got, want)
		}
	}
}

// placeholder stands in a documented text for something that differs.
var placeholder = regexp.MustCompile(`<[^<>]*>`)

func sameLiteral(want, got any) bool {
	pattern, ok := want.(string)
	text, ok2 := got.(string)
	if !ok || !ok2 || !placeholder.MatchString(pattern) {
		return want == got
	}
	parts := placeholder.Split(pattern, -1)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `.+`) + `$`).MatchString(text)
}

// isUnder reports whether a path is one of the others or lies below it.
func isUnder(path string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		if key, anywhere := strings.CutPrefix(other, "*"); anywhere {
			return strings.Contains(path+".", key+".") || strings.Contains(path, key+"[")
		}
		rest, ok := strings.CutPrefix(path, other)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
