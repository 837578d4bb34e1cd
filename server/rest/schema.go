package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// CheckPointers returns the pointers of a dialect's rows that do not exist in the params and results of their methods, or
// are of another type there: one line each, with the operation and the field. openRPC is the document of rpc.discover.
//
// Params that only code adds, and those of functions of rows, are not checked. A param= of a row with several methods must
// exist in one of them.
func CheckPointers(d *Dialect, openRPC []byte) ([]string, error) {
	c := &pointerCheck{}
	if err := json.Unmarshal(openRPC, &c.document); err != nil {
		return nil, fmt.Errorf("rest: OpenRPC document: %w", err)
	}
	for i := range d.Routes {
		route := &d.Routes[i]
		c.operation = d.Name + ": " + route.Method + " " + route.Path
		if route.forms == nil {
			c.route(route)
		}
		for value, form := range route.forms {
			c.operation = fmt.Sprintf("%s: %s %s (%s = %s)", d.Name, route.Method, route.Path, route.field, value)
			c.route(form)
		}
	}
	slices.Sort(c.problems)
	return slices.Compact(c.problems), nil
}

type schema = map[string]any

// pointerCheck compares rows with the schemas of methods.
type pointerCheck struct {
	document struct {
		Methods []struct {
			Name   string
			Params []struct {
				Name   string
				Schema schema
			}
			Result struct{ Schema schema }
		}
		Components struct{ Schemas map[string]schema }
	}
	operation string
	problems  []string
}

func (c *pointerCheck) report(field, format string, args ...any) {
	c.problems = append(c.problems, c.operation+": "+field+": "+fmt.Sprintf(format, args...))
}

func (c *pointerCheck) route(r *Route) {
	var params []schema
	for _, call := range r.Calls {
		found, _ := c.schemasOf(call)
		if found == nil {
			c.report(call, "is no method")
		}
		if found != nil && (r.opts.answer == nil || call == r.Calls[len(r.Calls)-1]) {
			params = append(params, found)
		}
	}
	if params == nil {
		return
	}
	c.request(r.request, params, strings.Join(r.Calls, " "))
	c.params(r.opts.with, params, "option With")
	if r.opts.answer != nil {
		call := r.Calls[len(r.Calls)-1]
		_, result := c.schemasOf(call)
		c.field(&r.whole, r.answer, result, "option From", call)
	}
	for _, reading := range append(r.opts.reads, r.opts.first) {
		if reading != nil && reading.method != "" {
			params, result := c.schemasOf(reading.method)
			c.params(reading.params, []schema{params}, "option First")
			c.value(reading.plan, result, reading.typ.String(), reading.method)
		}
	}
}

// schemasOf returns the schemas of the params and the result of a method; nil = there is no such method.
func (c *pointerCheck) schemasOf(method string) (params, result schema) {
	for _, m := range c.document.Methods {
		if m.Name != method {
			continue
		}
		properties := schema{}
		for _, p := range m.Params {
			properties[p.Name] = p.Schema
		}
		return schema{"type": "object", "properties": properties}, m.Result.Schema
	}
	return nil, nil
}

// request checks the pointers param= of a request. params are the schemas of the methods, or of an item of a list.
func (c *pointerCheck) request(p *plan, params []schema, calls string) {
	for _, f := range p.fields {
		name := p.typ.String() + "." + f.name
		var found []schema
		if f.pointer != nil {
			for _, s := range params {
				found = append(found, c.at(s, f.pointer)...)
			}
			if found == nil {
				c.report(name, "param=%s is no param of %s", f.param, calls)
				continue
			}
		}
		switch {
		case f.value.object != nil:
			c.request(f.value.object, params, calls)
		case f.value.elem != nil && f.value.elem.object != nil && f.pointer != nil:
			c.request(f.value.elem.object, c.each(found, []string{"0"}), calls)
		case f.pointer != nil && !converts(f.value.typ):
			c.kinds(name, "param="+f.param, f.value.typ, found)
		}
	}
}

// converts reports whether values of a type become other values among the params.
func converts(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[Converter]()) || t == typeFile
}

// params checks the names of params that options add.
func (c *pointerCheck) params(p Params, schemas []schema, option string) {
	for name, value := range p {
		found := c.each(schemas, []string{name})
		if found == nil {
			c.report(option, "%s is no param", name)
		}
		if object, ok := value.(Params); ok && found != nil {
			c.params(object, found, option+": "+name)
		}
	}
}

// value checks the tags from of a type against the schema of the value that it is filled from.
func (c *pointerCheck) value(p *answerPlan, s schema, name, call string) {
	switch {
	case !p.isPlanned():
	case p.typ.Kind() == reflect.Slice || p.typ.Kind() == reflect.Map:
		found := c.at(s, []string{"0"})
		if found == nil {
			c.report(name, "the value is neither a list nor a map in the result of %s", call)
			return
		}
		c.any(p.elem, found, name, call)
	case p.typ.Kind() == reflect.Pointer:
		c.value(p.elem, s, name, call)
	default:
		for _, f := range p.fields {
			c.field(f, f.value, s, f.name, call)
		}
	}
}

// any checks a value that may have one of several schemas: the first that fits best counts.
func (c *pointerCheck) any(p *answerPlan, schemas []schema, name, call string) {
	before := c.problems
	var least []string
	for i, s := range schemas {
		c.problems = nil
		c.value(p, s, name, call)
		if i == 0 || len(c.problems) < len(least) {
			least = c.problems
		}
	}
	c.problems = append(before, least...)
}

func (c *pointerCheck) field(f *answerField, p *answerPlan, s schema, name, call string) {
	if f.text || f.parts != nil || f.literal.IsValid() || f.request != nil {
		return
	}
	places := f.places
	if places == nil {
		places = [][]string{nil}
	}
	for _, place := range places {
		found := c.at(s, place)
		if found == nil {
			c.report(name, "from /%s does not exist in the result of %s", strings.Join(place, "/"), call)
			continue
		}
		switch {
		case f.count || f.has != "" || f.by != nil:
			items := c.each(found, []string{"0"})
			if items == nil {
				c.report(name, "/%s is no list in the result of %s", strings.Join(place, "/"), call)
			}
			if f.by != nil && items != nil {
				c.any(p.elem, items, name, call)
				if c.each(items, f.by) == nil {
					c.report(name, "by=/%s does not exist in the items of /%s", strings.Join(f.by, "/"), strings.Join(place, "/"))
				}
			}
		case p.isPlanned():
			c.any(p, found, name, call)
		default:
			c.kinds(name, "/"+strings.Join(place, "/")+" of "+call, p.typ, found)
		}
	}
}

func (c *pointerCheck) each(schemas []schema, pointer []string) (found []schema) {
	for _, s := range schemas {
		found = append(found, c.at(s, pointer)...)
	}
	return found
}

// at returns the schemas that a pointer leads to; nil = it leads nowhere.
func (c *pointerCheck) at(s schema, pointer []string) []schema {
	found := c.alternatives(s)
	for _, name := range pointer {
		var next []schema
		for _, s := range found {
			next = append(next, c.member(s, name)...)
		}
		found = next
	}
	return found
}

// alternatives resolves references and returns the schemas that a value may have, except null.
func (c *pointerCheck) alternatives(s schema) (all []schema) {
	if ref, ok := s["$ref"].(string); ok {
		return c.alternatives(c.document.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]])
	}
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		list, _ := s[key].([]any)
		for _, item := range list {
			inner, _ := item.(schema)
			all = append(all, c.alternatives(inner)...)
		}
		if list != nil {
			return all
		}
	}
	if s["type"] == "null" || s == nil {
		return nil
	}
	return []schema{s}
}

// member returns the schemas of a member of an object or an item of a list. A schema without a type allows everything.
func (c *pointerCheck) member(s schema, name string) []schema {
	properties, _ := s["properties"].(schema)
	if property, ok := properties[name].(schema); ok {
		return c.alternatives(property)
	}
	if items, ok := s["items"].(schema); ok && isIndex(name) {
		return c.alternatives(items)
	}
	switch more := s["additionalProperties"].(type) {
	case schema:
		return c.alternatives(more)
	case bool:
		if more {
			return []schema{{}}
		}
	}
	if s["type"] == nil {
		return []schema{{}}
	}
	return nil
}

// kinds reports a field whose type is none of those in the schemas.
func (c *pointerCheck) kinds(name, place string, t reflect.Type, schemas []schema) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var wanted []string
	switch t.Kind() {
	case reflect.String:
		wanted = []string{"string"}
	case reflect.Bool:
		wanted = []string{"boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		wanted = []string{"integer"}
	case reflect.Float64:
		wanted = []string{"number", "integer"}
	default:
		return
	}
	if reflect.PointerTo(t).Implements(typeUnmarshaler) && !converts(t) {
		return
	}
	var types []string
	for _, s := range schemas {
		switch of := s["type"].(type) {
		case nil:
			return
		case string:
			types = append(types, of)
		case []any:
			for _, one := range of {
				types = append(types, fmt.Sprint(one))
			}
		}
	}
	if !slices.ContainsFunc(types, func(one string) bool { return slices.Contains(wanted, one) }) {
		c.report(name, "%s is %s, not %s", place, strings.Join(types, " or "), wanted[0])
	}
}
