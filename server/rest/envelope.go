package rest

import "net/http"

// BadField is a bad field of a request, in answers to it.
type BadField struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// BadFields returns the faults of a failure; the body as a whole is called body. nil = there are none.
func (f *Failure) BadFields() (fields []BadField) {
	for _, fault := range f.Faults {
		name := fault.Field
		if name == "" {
			name = "body"
		}
		fields = append(fields, BadField{name, fault.Problem})
	}
	return fields
}

// NotFoundPage answers unknown paths and methods with a line of text and status 404, as servers do whose last route is a
// directory of files.
func NotFoundPage(*Exchange, []string) *Reply {
	return &Reply{Status: http.StatusNotFound, ContentType: "text/plain; charset=utf-8", Body: []byte("404 page not found\n")}
}

// Types of JSON Schema, for Dialect.Shape.
var (
	TextSchema    = map[string]any{"type": "string"}
	IntegerSchema = map[string]any{"type": "integer"}
	FlagSchema    = map[string]any{"type": "boolean"}
	// BadFieldsSchema is that of BadFields.
	BadFieldsSchema = map[string]any{"type": "array", "items": ObjectSchema(map[string]any{"field": TextSchema, "problem": TextSchema}, "field", "problem")}
)

// ObjectSchema returns the JSON Schema of an object.
func ObjectSchema(properties map[string]any, required ...string) map[string]any {
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
