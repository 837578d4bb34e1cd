package openapicheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/digigo"
	"github.com/waystation/waystation/server/rest/operations"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/waakg"
	"github.com/waystation/waystation/server/rest/wuzapi"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

// The document of a dialect is valid, has every documented operation, and lets the documented requests pass.
func TestDocuments(t *testing.T) {
	for _, dialect := range []*rest.Dialect{digigo.New(), wuzapi.New(), wwebjs.New(), waakg.New(), operations.New()} {
		t.Run(dialect.Name, func(t *testing.T) {
			raw, err := rest.OpenAPI(dialect)
			if err != nil {
				t.Fatal(err)
			}
			model, checker, problems := read(t, raw)
			for _, problem := range problems {
				t.Error(problem)
			}
			catalogue, err := resttest.Load(dialect.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range catalogue.Only(dialect.Serves).Operations {
				path := model.Paths.PathItems.GetOrZero(o.Path)
				if path == nil || path.GetOperations().GetOrZero(strings.ToLower(o.Method)) == nil {
					t.Errorf("the document has no %s", o.Name())
					continue
				}
				passes(t, checker, o)
			}
		})
	}
}

// read checks a document against the specification.
func read(t *testing.T, raw []byte) (*v3.Document, validator.Validator, []string) {
	t.Helper()
	document, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	checker, failed := validator.NewValidator(document)
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	var problems []string
	if ok, failures := checker.ValidateDocument(); !ok {
		for _, f := range failures {
			problems = append(problems, f.Message+": "+f.Reason)
			for _, s := range f.SchemaValidationErrors {
				problems = append(problems, s.Location+": "+s.Reason)
			}
		}
	}
	return &model.Model, checker, problems
}

// Violations of the specification are found.
func TestSpoiledDocuments(t *testing.T) {
	good, err := rest.OpenAPI(wuzapi.New())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to string }{
		{`"title":`, `"titel":`},
		{`"responses":`, `"answers":`},
		{`"in":"query"`, `"in":"nowhere"`},
		{`"type":"apiKey"`, `"type":"key"`},
	} {
		spoiled := bytes.ReplaceAll(good, []byte(c.from), []byte(c.to))
		if bytes.Equal(spoiled, good) {
			t.Fatalf("the document has no %s", c.from)
		}
		if _, _, problems := read(t, spoiled); len(problems) == 0 {
			t.Errorf("%s in place of %s is not found", c.to, c.from)
		}
	}
}

// incompleteExamples are operations whose documented example lacks fields that its own server needs: the document shows the chat
// or the message alone.
var incompleteExamples = map[string]bool{
	"POST /client/createGroup/{sessionId}": true, "POST /message/forward/{sessionId}": true, "POST /message/react/{sessionId}": true,
	"POST /groupChat/addParticipants/{sessionId}": true, "POST /groupChat/demoteParticipants/{sessionId}": true,
	"POST /groupChat/promoteParticipants/{sessionId}": true, "POST /groupChat/removeParticipants/{sessionId}": true,
	"POST /scheduler": true, "POST /groupChat/setDescription/{sessionId}": true, "POST /groupChat/setSubject/{sessionId}": true, "POST /groupChat/setPicture/{sessionId}": true,
}

// misread are operations whose requests the validator compares with the path of another one: here /sessions/{id}/{action}, although a path
// with more literal parts takes precedence.
var misread = map[string]bool{"POST /sessions/{sessionId}/access": true}

// passes sends the requests that the original document shows through the validator.
func passes(t *testing.T, checker validator.Validator, o *resttest.Operation) {
	if incompleteExamples[o.Name()] || misread[o.Name()] {
		return
	}
	examples := 1
	if o.Body != nil {
		examples = max(1, len(o.Body.Examples))
	}
	for example := range examples {
		values := resttest.Values{} // names in paths and required fields of queries that the document has no example of
		for _, p := range o.Params {
			if (p.In == "path" || p.Required) && p.Example == nil {
				values[p.Path] = "1"
				if len(p.Enum) > 0 {
					values[p.Path] = p.Enum[0]
				}
			}
		}
		r, err := o.Request(example, values)
		if err != nil {
			t.Fatal(err)
		}
		if r.Method == http.MethodGet { // OpenAPI knows no body there: the fields are in the query
			var fields map[string]any
			if err := json.Unmarshal(r.Body, &fields); err != nil && len(r.Body) > 0 {
				t.Fatal(err)
			}
			for name, value := range fields {
				r.Query.Set(name, fmt.Sprint(value))
			}
			r.Body = nil
		}
		request, err := http.NewRequestWithContext(t.Context(), r.Method, "http://127.0.0.1"+r.Path+"?"+r.Query.Encode(), bytes.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = r.Header
		request.Header.Set("Token", "some-token")
		if ok, failures := checker.ValidateHttpRequest(request); !ok {
			for _, f := range failures {
				t.Errorf("%s: example %d: %s: %s", o.Name(), example, f.Message, f.Reason)
				for _, problem := range f.SchemaValidationErrors {
					t.Errorf("%s: %s", problem.Location, problem.Reason)
				}
			}
		}
	}
}
