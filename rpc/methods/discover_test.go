package methods_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/allmethods"
	"github.com/waystation/waystation/rpc/methods/sandboxmethods"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

var (
	update   = flag.Bool("update", false, "write what the tests compare with")
	contract = flag.String("contract", "", "with -update: catalogue of methods (methods.json) to make operations.json from")
)

type nobody struct{}

func (nobody) Authenticate(context.Context, string) (rpc.Principal, error) {
	return rpc.Principal{}, nil
}

func (nobody) Visible(context.Context, rpc.Principal) ([]string, error) { return nil, nil }

// fullRegistry returns a registry with all methods of a server with a simulated network.
func fullRegistry(t *testing.T) *rpc.Registry {
	t.Helper()
	table, err := methods.Operations()
	if err != nil {
		t.Fatal(err)
	}
	reg := rpc.NewRegistry(rpc.Options{Operations: table, Events: methods.Events()})
	allmethods.Register(reg, allmethods.Deps{})
	network := sandbox.New(sandbox.Options{})
	t.Cleanup(network.Close)
	sandboxmethods.Register(reg, sandboxmethods.Deps{Network: network})
	log, err := journal.Open(t.Context(), nil, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	endpoint, err := socket.New(reg, log, nobody{}, nobody{}, socket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endpoint.Shutdown(context.Background()) })
	return reg
}

// openRPC is the part of the document with rules in OpenRPC 1.3.
type openRPC struct {
	OpenRPC string `json:"openrpc"`
	Info    struct{ Title, Version string }
	Methods []struct {
		Name, Summary, ParamStructure string
		Params                        []descriptor
		Result                        *descriptor
		Errors                        []reference
		Operations                    []string `json:"x-operations"`
	}
	Components struct {
		Schemas map[string]json.RawMessage
		Errors  map[string]struct {
			Code    *int
			Message string
		}
	}
	Events []rpc.EventDoc `json:"x-events"`
}

type descriptor struct {
	Name   string
	Schema json.RawMessage
}

type reference struct {
	Ref string `json:"$ref"`
}

// The structural rules of OpenRPC 1.3 for a document.
func TestDocumentIsOpenRPC(t *testing.T) {
	raw, err := fullRegistry(t).Discover()
	if err != nil {
		t.Fatal(err)
	}
	var doc openRPC
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^1\.\d+\.\d+$`).MatchString(doc.OpenRPC) || doc.Info.Title == "" || doc.Info.Version == "" {
		t.Errorf("openrpc %q, info %+v", doc.OpenRPC, doc.Info)
	}
	name := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	for key := range doc.Components.Schemas {
		if !name.MatchString(key) {
			t.Errorf("component %q", key)
		}
	}
	for key, e := range doc.Components.Errors {
		if !name.MatchString(key) || e.Code == nil || e.Message == "" {
			t.Errorf("error %q: %+v", key, e)
		}
	}
	seen := map[string]bool{}
	for _, m := range doc.Methods {
		if m.Name == "" || seen[m.Name] || m.Summary == "" || m.ParamStructure != "by-name" || len(m.Errors) == 0 {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
		if m.Result == nil || m.Result.Name == "" || !isSchema(m.Result.Schema) {
			t.Errorf("%s: result %+v", m.Name, m.Result)
		}
		params := map[string]bool{}
		for _, p := range m.Params {
			if p.Name == "" || params[p.Name] || !isSchema(p.Schema) {
				t.Errorf("%s: param %+v", m.Name, p)
			}
			params[p.Name] = true
		}
		for _, e := range m.Errors {
			if !strings.HasPrefix(e.Ref, "#/components/errors/") {
				t.Errorf("%s: error %+v", m.Name, e)
			}
		}
	}
	var whole any
	_ = json.Unmarshal(raw, &whole)
	refs := map[string]bool{}
	collectRefs(whole, refs)
	for ref := range refs {
		if !resolves(whole, ref) {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	if len(refs) < 50 || len(doc.Methods) < 100 || len(doc.Events) < 60 {
		t.Errorf("%d references, %d methods, %d events", len(refs), len(doc.Methods), len(doc.Events))
	}
}

// isSchema reports whether the value can be a JSON Schema: an object or a boolean.
func isSchema(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '{' || string(raw) == "true" || string(raw) == "false")
}

func collectRefs(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, ok := value.(string); ok && key == "$ref" {
				into[text] = true
			}
			collectRefs(value, into)
		}
	case []any:
		for _, value := range v {
			collectRefs(value, into)
		}
	}
}

func resolves(at any, ref string) bool {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return false
	}
	for _, key := range strings.Split(path, "/") {
		object, _ := at.(map[string]any)
		if at, ok = object[key]; !ok {
			return false
		}
	}
	return true
}

func TestOperationsAreOfMethodsThatExist(t *testing.T) {
	reg := fullRegistry(t)
	if *update && *contract != "" {
		writeOperations(t, reg)
	}
	raw, err := os.ReadFile("operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var table map[string][]string
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	registered := map[string]bool{}
	for _, m := range reg.Methods() {
		registered[m.Name] = true
	}
	form := regexp.MustCompile(`^(digigo|wuzapi|wwebjs|waakg|operations):(GET|POST|PUT|PATCH|DELETE|HEAD) /\S*$`)
	served := map[string]string{}
	for method, list := range table {
		if !registered[method] {
			t.Errorf("%s does not exist", method)
		}
		for _, operation := range list {
			if !form.MatchString(operation) || served[operation] != "" {
				t.Errorf("%s: %q is malformed, or served by %s too", method, operation, served[operation])
			}
			served[operation] = method
		}
	}
	if len(served) < 250 {
		t.Errorf("%d operations", len(served))
	}
}

// writeOperations writes the catalogue's operations of registered methods.
func writeOperations(t *testing.T, reg *rpc.Registry) {
	raw, err := os.ReadFile(*contract)
	if err != nil {
		t.Fatal(err)
	}
	var catalogue struct {
		Methods []struct {
			Name       string
			Implements []string
		}
	}
	if err := json.Unmarshal(raw, &catalogue); err != nil {
		t.Fatal(err)
	}
	registered := map[string]bool{}
	for _, m := range reg.Methods() {
		registered[m.Name] = true
	}
	table := map[string][]string{}
	for _, m := range catalogue.Methods {
		if registered[m.Name] && len(m.Implements) > 0 {
			table[m.Name] = m.Implements
		}
	}
	if err := os.WriteFile("operations.json", testkit.IndentedJSON(t, table), 0o644); err != nil {
		t.Fatal(err)
	}
}
