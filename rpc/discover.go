package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
)

// maxDiscoverReply bounds the OpenRPC document, which cannot be paged, in bytes.
const maxDiscoverReply = 8 << 20

type discoverParams struct{}

// registerBuiltin adds the methods the library itself has.
func registerBuiltin(reg *Registry) {
	Register(reg, Method{
		Name: "rpc.discover", Scope: ScopePublic, MaxReply: maxDiscoverReply, SharedResult: true,
		Summary: "Return the OpenRPC document of all methods.",
	}, func(context.Context, *Call, *discoverParams) (json.RawMessage, error) {
		return reg.Discover()
	})
	Register(reg, Method{
		Name: "conn.cancel", Scope: ScopePublic, Inline: true,
		Summary: "Cancel a running call of this connection; the cancelled call is still answered.",
	}, func(_ context.Context, call *Call, p *cancelParams) (cancelResult, error) {
		if call.peer == nil {
			return cancelResult{}, NotSupported("conn.cancel needs a connection")
		}
		return cancelResult{Cancelled: call.peer.cancel(p.ID)}, nil
	})
}

type cancelParams struct {
	ID json.RawMessage `json:"id" rpc:"required" doc:"id of the request to cancel, as it was sent"`
}

type cancelResult struct {
	Cancelled bool `json:"cancelled" doc:"false when no such call is running"`
}

// Discover returns the OpenRPC document. It is made once; methods registered later are not in it.
func (reg *Registry) Discover() (json.RawMessage, error) {
	reg.discoverOnce.Do(func() {
		reg.discoverDoc, reg.discoverErr = EncodeJSON(reg.document())
	})
	if reg.discoverErr != nil {
		return nil, fmt.Errorf("rpc: discover: %w", reg.discoverErr)
	}
	return reg.discoverDoc, nil
}

func (reg *Registry) document() map[string]any {
	components := map[string]any{}
	input := &schemas{input: true, components: components, names: map[reflect.Type]string{}}
	output := &schemas{components: components, names: map[reflect.Type]string{}}
	methods := []any{}
	for _, listed := range reg.Methods() {
		methods = append(methods, reg.describe(reg.methods[listed.Name], input, output))
	}
	doc := map[string]any{
		"openrpc": "1.3.2",
		"info":    map[string]any{"title": reg.opts.Title, "version": reg.opts.Version},
		"methods": methods,
		"components": map[string]any{
			"schemas": components,
			"errors":  errorComponents(),
		},
	}
	if len(reg.opts.Events) > 0 {
		doc["x-events"] = reg.opts.Events
	}
	return doc
}

func (reg *Registry) describe(m *method, input, output *schemas) map[string]any {
	params := []any{}
	if m.takesSession() {
		params = append(params, map[string]any{
			"name": "session", "required": false,
			"description": "id of the session to act on; needed when the credential is not bound to one session",
			"schema":      map[string]any{"type": "string"},
		})
	}
	for _, p := range input.fields(m.params.typ) {
		if m.takesSession() && p.name == "session" {
			continue
		}
		param := map[string]any{"name": p.name, "required": p.required, "schema": p.schema}
		if p.doc != "" {
			param["description"] = p.doc
		}
		params = append(params, param)
	}
	params = append(params, map[string]any{
		"name": "_meta", "required": false, "description": "what is not for the method but about the call",
		"schema": input.schemaOf(reflect.TypeFor[Meta]()),
	})
	d := map[string]any{
		"name":           m.Name,
		"summary":        m.Summary,
		"paramStructure": "by-name",
		"params":         params,
		"result":         map[string]any{"name": "result", "schema": output.schemaOf(m.result)},
		"errors":         errorReferences(m),
		"x-scope":        m.Scope,
	}
	if m.Description != "" {
		d["description"] = m.Description
	}
	if ops := reg.opts.Operations[m.Name]; len(ops) > 0 {
		d["x-operations"] = ops
	}
	return d
}

func errorComponents() map[string]any {
	list := map[string]any{}
	for code, reason := range reasons {
		list[reason] = map[string]any{"code": code, "message": reason}
	}
	return list
}

// errorReferences lists the errors a method can answer with, as far as its scope tells.
func errorReferences(m *method) []any {
	codes := []int{CodeInvalidParams, CodeInternal, CodeRateLimited, CodeTimeout, CodeCancelled, CodeTooLarge, CodeShuttingDown}
	if m.Scope != ScopePublic {
		codes = append(codes, CodeUnauthenticated, CodeForbidden, CodeNotFound, CodeConflict, CodeNotSupported)
	}
	if m.takesSession() {
		codes = append(codes, CodeSessionNotConnected, CodeOwnerUnavailable, CodeWhatsApp)
	}
	sort.Ints(codes)
	list := make([]any, len(codes))
	for i, code := range codes {
		list[i] = map[string]any{"$ref": "#/components/errors/" + reasons[code]}
	}
	return list
}
