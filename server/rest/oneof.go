package rest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// OneOf returns the route of an operation whose other fields depend on the value of one of them, which may be in the path. forms are routes made by Pass
// without a method and path, by the value of the field called name. The options hold for all of them; Says is the text for
// unknown values. The form of the empty value is that of requests without the field.
func OneOf(method, path, name string, forms map[string]Route, opts ...Option) Route {
	route := Route{Method: method, Path: path, field: name, forms: map[string]*Route{}}
	for _, opt := range opts {
		opt(&route.opts)
	}
	values := slices.Sorted(maps.Keys(forms))
	all := &plan{byName: map[string]*field{}}
	named := slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
	chooser := &field{name: name, names: []string{name}, required: len(named) == len(values), enum: named, inPath: strings.Contains(path, "{"+name+"}")}
	all.fields, all.byName[normalizeName(name)] = append(all.fields, chooser), chooser
	for _, value := range values {
		form := forms[value]
		form.Method, form.Path = method, path
		own := form.opts
		form.opts = route.opts
		form.opts.passOptions = own.passOptions
		route.forms[value], route.result = &form, form.result
		route.Calls = append(route.Calls, form.Calls...)
		all.files = all.files || form.request.files
		for _, f := range form.request.fields {
			if known := all.byName[normalizeName(f.name)]; known != nil {
				known.inForms = append(known.inForms, f)
				continue
			}
			optional := *f
			optional.required = false
			all.fields, all.byName[normalizeName(f.name)] = append(all.fields, &optional), &optional
		}
	}
	slices.Sort(route.Calls)
	route.Calls = slices.Compact(route.Calls)
	route.request = all
	return route
}

// form returns the route for the value of the field that decides.
func (r *Route) form(src *source) (*Route, error) {
	value, key := "", normalizeName(r.field)
	if r.request.byName[key].inPath {
		value = src.path(r.field)
	} else if m, ok := src.body[key]; ok {
		if json.Unmarshal(m.value, &value) != nil {
			return nil, &Failure{Faults: []Fault{{Field: r.field, Kind: FaultType, Problem: "must be a string"}}}
		}
	} else if texts := append(src.form[key], src.query[key]...); len(texts) > 0 {
		value = texts[0]
	}
	if form := r.forms[value]; form != nil {
		return form, nil
	}
	if value == "" {
		return nil, Missing(r.field, "")
	}
	return nil, Bad(r.field, r.opts.says, "must be one of "+strings.Join(r.request.byName[key].enum, ", "))
}
