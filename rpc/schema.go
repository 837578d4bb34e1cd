package rpc

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strconv"
	"strings"
)

// Schemer is implemented by types with a custom JSON form, to describe it in JSON Schema 2020-12.
type Schemer interface {
	JSONSchema() map[string]any
}

var (
	typeSchemer       = reflect.TypeFor[Schemer]()
	typeMarshaler     = reflect.TypeFor[json.Marshaler]()
	typeTextMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// schemas collects the JSON Schemas of Go types; named structs become components that others refer to.
type schemas struct {
	input      bool // schemas of params: required comes from the rules, unknown members are refused
	components map[string]any
	names      map[reflect.Type]string
}

// schemaOf returns the schema of a type.
func (s *schemas) schemaOf(t reflect.Type) map[string]any {
	if t.Kind() == reflect.Pointer {
		inner := s.schemaOf(t.Elem())
		if s.input {
			return inner
		}
		return nullable(inner)
	}
	if t.Implements(typeSchemer) {
		return reflect.Zero(t).Interface().(Schemer).JSONSchema()
	}
	if pt := reflect.PointerTo(t); pt.Implements(typeSchemer) {
		return reflect.New(t).Interface().(Schemer).JSONSchema()
	}
	switch {
	case t == typeTime:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == typeRaw:
		return map[string]any{}
	case s.implements(t, typeMarshaler, typeUnmarshaler):
		return map[string]any{}
	case s.implements(t, typeTextMarshaler, typeTextUnmarshaler):
		return map[string]any{"type": "string"}
	}
	return s.ofKind(t)
}

func (s *schemas) implements(t, out, in reflect.Type) bool {
	if s.input {
		return reflect.PointerTo(t).Implements(in)
	}
	return t.Implements(out) || reflect.PointerTo(t).Implements(out)
}

func (s *schemas) ofKind(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 && t.Kind() == reflect.Slice {
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		list := map[string]any{"type": "array", "items": s.schemaOf(t.Elem())}
		if !s.input && t.Kind() == reflect.Slice {
			return nullable(list)
		}
		return list
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.schemaOf(t.Elem())}
	case reflect.Struct:
		return s.reference(t)
	}
	return map[string]any{}
}

// reference puts a named struct among the components; others stand where they are used.
func (s *schemas) reference(t reflect.Type) map[string]any {
	if t.Name() == "" {
		return s.objectSchema(t)
	}
	name := s.names[t]
	if name == "" {
		name = s.componentName(t)
		s.names[t] = name
		s.components[name] = true // reserves the name while the type refers to itself
		s.components[name] = s.objectSchema(t)
	}
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

func (s *schemas) componentName(t reflect.Type) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, t.Name())
	if s.input {
		clean += "Input"
	}
	name := clean
	if s.components[name] != nil {
		name = path.Base(t.PkgPath()) + "." + clean
	}
	for n := 2; s.components[name] != nil; n++ {
		name = clean + strconv.Itoa(n)
	}
	return name
}

// objectSchema is the schema of a struct in place.
func (s *schemas) objectSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, f := range s.fields(t) {
		properties[f.name] = f.schema
		if f.required {
			required = append(required, f.name)
		}
	}
	o := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if s.input {
		o["additionalProperties"] = false
	}
	return o
}

// property is one field as the schema shows it.
type property struct {
	name     string
	doc      string
	required bool
	schema   map[string]any
}

func (s *schemas) fields(t reflect.Type) []property {
	var list []property
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		embedded := sf.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		if sf.Anonymous && name == "" && embedded.Kind() == reflect.Struct {
			list = append(list, s.fields(embedded)...)
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		list = append(list, s.propertySchema(sf, name, options))
	}
	return list
}

func (s *schemas) propertySchema(sf reflect.StructField, name, options string) property {
	p := property{name: name, doc: sf.Tag.Get("doc"), schema: s.schemaOf(sf.Type)}
	var r rules
	for _, rule := range strings.Split(sf.Tag.Get("rpc"), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(rule), "=")
		if key == "" {
			continue
		}
		to := &r
		if rest, ok := strings.CutPrefix(key, "each."); ok {
			if r.each == nil {
				r.each = &rules{}
			}
			key, to = rest, r.each
		}
		_ = to.setRule(key, value) // params were checked by planOf; results may carry any tag
	}
	if s.input {
		p.required = r.required
	} else {
		p.required = !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")
	}
	r.addToSchema(p.schema)
	if p.doc != "" {
		p.schema = withDescription(p.schema, p.doc)
	}
	return p
}

// addToSchema adds the constraints of the rules to the schema of a value.
func (r *rules) addToSchema(schema map[string]any) {
	if r.each != nil {
		for _, key := range []string{"items", "additionalProperties"} {
			if inner, ok := schema[key].(map[string]any); ok {
				r.each.addToSchema(inner)
			}
		}
	}
	kind, _ := schema["type"].(string)
	low, high := "minimum", "maximum"
	switch kind {
	case "string":
		low, high = "minLength", "maxLength"
	case "array":
		low, high = "minItems", "maxItems"
	case "object":
		low, high = "minProperties", "maxProperties"
	}
	if r.min != nil {
		schema[low] = *r.min
	}
	if r.max != nil {
		schema[high] = *r.max
	}
	leaf := schema
	if inner, ok := schema["items"].(map[string]any); ok && kind == "array" {
		leaf = inner
	}
	if r.enum != nil {
		leaf["enum"] = enumValues(r.enum, leaf["type"])
	}
	if r.format != "" {
		for key, value := range formats[r.format].schema {
			leaf[key] = value
		}
	}
}

func enumValues(list []string, kind any) any {
	if kind != "integer" {
		return list
	}
	numbers := make([]json.Number, len(list))
	for i, s := range list {
		numbers[i] = json.Number(s)
	}
	return numbers
}

func withDescription(schema map[string]any, doc string) map[string]any {
	if also, ok := schema["description"].(string); ok && also != doc {
		doc += " (" + also + ")"
	}
	schema["description"] = doc
	return schema
}

func nullable(schema map[string]any) map[string]any {
	switch kind := schema["type"].(type) {
	case string:
		schema["type"] = []string{kind, "null"}
		return schema
	case nil:
		if len(schema) == 0 {
			return schema
		}
		return map[string]any{"oneOf": []any{schema, map[string]any{"type": "null"}}}
	}
	return schema
}
