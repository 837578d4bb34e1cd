package rpc

import "reflect"

// ResultSchemas describes Go types as JSON encodes them, in JSON Schema 2020-12. Named structs become components that are
// referred to as #/components/schemas/name, the place both OpenRPC and OpenAPI have for them.
type ResultSchemas struct{ s schemas }

// NewResultSchemas makes an empty collection.
func NewResultSchemas() *ResultSchemas {
	return &ResultSchemas{schemas{components: map[string]any{}, names: map[reflect.Type]string{}}}
}

// Of returns the schema of a type.
func (r *ResultSchemas) Of(t reflect.Type) map[string]any { return r.s.schemaOf(t) }

// Components are the structs met so far, by name.
func (r *ResultSchemas) Components() map[string]any { return r.s.components }
