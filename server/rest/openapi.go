package rest

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
)

var pathParam = regexp.MustCompile(`\{([^}.]+)(\.\.\.)?\}`)

// OpenAPI describes a dialect as an OpenAPI 3.1 document, from its table and the types of its rows.
func OpenAPI(d *Dialect) ([]byte, error) {
	paths := map[string]map[string]any{}
	results := rpc.NewResultSchemas()
	for i := range d.Routes {
		route := &d.Routes[i]
		if paths[route.Path] == nil {
			paths[route.Path] = map[string]any{}
		}
		paths[route.Path][strings.ToLower(route.Method)] = d.describeOperation(route, results)
	}
	schemes, wanted := map[string]any{}, []any{}
	for _, c := range d.Credentials {
		id := c.In + c.Name
		schemes[id] = map[string]any{"type": "apiKey", "in": c.In, "name": c.Name}
		wanted = append(wanted, map[string]any{id: []string{}})
	}
	servers := make([]any, 0, len(d.Mounts))
	for _, prefix := range d.Mounts {
		servers = append(servers, map[string]any{"url": prefix + "/"})
	}
	return rpc.EncodeJSON(map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": d.Title, "version": d.Version},
		"servers": servers, "paths": paths, "security": wanted,
		"components": map[string]any{"securitySchemes": schemes, "schemas": results.Components()},
	})
}

func (d *Dialect) describeOperation(route *Route, results *rpc.ResultSchemas) map[string]any {
	op := map[string]any{
		"operationId": operationID(route), "x-methods": route.Calls, "responses": d.describeResponses(route, results),
	}
	if tag, _, _ := strings.Cut(strings.TrimPrefix(route.Path, "/"), "/"); tag != "" {
		op["tags"] = []string{tag}
	}
	if route.opts.public {
		op["security"] = []any{}
	}
	var params []any
	body := &plan{}
	for _, f := range route.request.fields {
		switch {
		case f.inPath:
			params = append(params, map[string]any{"name": f.name, "in": "path", "required": true, "schema": f.schema()})
		case f.inQuery || route.Method == http.MethodGet:
			params = append(params, map[string]any{"name": f.name, "in": "query", "required": f.required, "schema": f.schema()})
		default:
			body.fields = append(body.fields, f)
		}
	}
	if params != nil {
		op["parameters"] = params
	}
	if len(body.fields) > 0 && !route.opts.bodyless {
		schema := map[string]any{"schema": body.schema()}
		content := map[string]any{"application/json": schema}
		if route.opts.form {
			content["application/x-www-form-urlencoded"] = schema
		}
		if route.request.files {
			content["multipart/form-data"] = schema
		}
		op["requestBody"] = map[string]any{"content": content}
	}
	return op
}

// operationID is the method and path in one word, as generators of clients want it.
func operationID(route *Route) string {
	words := strings.FieldsFunc(pathParam.ReplaceAllString(route.Path, "by_$1"), func(r rune) bool { return r == '/' || r == '-' || r == '_' })
	id := strings.ToLower(route.Method)
	for _, word := range words {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

func (d *Dialect) describeResponses(route *Route, results *rpc.ResultSchemas) map[string]any {
	answer := func(text string, schema map[string]any) map[string]any {
		out := map[string]any{"description": text}
		if schema != nil {
			out["content"] = map[string]any{"application/json": map[string]any{"schema": schema}}
		}
		return out
	}
	if route.result == reflect.TypeFor[*Reply]() || route.result.Implements(reflect.TypeFor[Replier]()) {
		return map[string]any{"200": answer("the answer", nil), "default": answer("an error", nil)}
	}
	success, failure := results.Of(route.result), map[string]any(nil)
	if d.Shape != nil {
		success, failure = d.Shape(route, success)
	}
	return map[string]any{"200": answer("success", success), "default": answer("an error", failure)}
}

func (p *plan) schema() map[string]any {
	properties := map[string]any{}
	var required []string
	var oneName []any // of fields with several names
	for _, f := range p.fields {
		for _, name := range f.names {
			properties[name] = f.schemaOfForms()
		}
		switch {
		case f.required && len(f.names) > 1:
			var names []any
			for _, name := range f.names {
				names = append(names, map[string]any{"required": []string{name}})
			}
			oneName = append(oneName, map[string]any{"anyOf": names})
		case f.required:
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties}
	if required != nil {
		out["required"] = required
	}
	if oneName != nil {
		out["allOf"] = oneName
	}
	return out
}

// schemaOfForms returns the schema of a field, which may have another one in each form of OneOf.
func (f *field) schemaOfForms() map[string]any {
	first := f.schema()
	distinct := []any{first}
	for _, other := range f.inForms {
		schema := other.schema()
		if !slices.ContainsFunc(distinct, func(known any) bool { return reflect.DeepEqual(known, schema) }) {
			distinct = append(distinct, schema)
		}
	}
	if len(distinct) == 1 {
		return first
	}
	return map[string]any{"anyOf": distinct}
}

func (f *field) schema() map[string]any {
	out := f.value.schema()
	if f.doc != "" {
		out["description"] = f.doc
	}
	if f.max > 0 {
		out["maxLength"] = f.max
	}
	if f.enum == nil {
		return out
	}
	if items, list := out["items"].(map[string]any); list {
		items["enum"] = f.enum
	} else {
		out["enum"] = f.enum
	}
	return out
}

func (v *valuePlan) schema() map[string]any {
	switch v.shape {
	case shapeString:
		return map[string]any{"type": "string"}
	case shapeFile:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case shapeBool:
		return map[string]any{"type": "boolean"}
	case shapeInt:
		return map[string]any{"type": "integer"}
	case shapeFloat:
		return map[string]any{"type": "number"}
	case shapeList:
		return map[string]any{"type": "array", "items": v.elem.schema()}
	case shapeStrings:
		text := map[string]any{"type": "string"}
		return map[string]any{"anyOf": []any{text, map[string]any{"type": "array", "items": text}}}
	case shapeObject:
		asText := map[string]any{"type": "string", "description": "the object as JSON text"}
		return map[string]any{"anyOf": []any{v.object.schema(), asText}}
	}
	return map[string]any{}
}
