package resttest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// eventSources are the names of APIs in the exact catalogues of events, and the keys of the names of events.
var eventSources = map[string]struct{ api, name string }{
	"wwebjs": {"wwebjs-api", "dataType"}, "waakg": {"wa-akg", "event"}, "wuzapi": {"wuzapi", "type"},
}

// The events in testdata are those of the exact catalogues, without their sentences.
func TestEventCatalogues(t *testing.T) {
	if *contract == "" {
		t.Skip("needs -contract")
	}
	const others, digigo = "others-events.json", "digigo-events.json"
	var apis map[string]struct{ Events []json.RawMessage }
	readJSON(t, others, &apis)
	for dialect, source := range eventSources {
		made := &Events{Dialect: dialect}
		for _, raw := range apis[source.api].Events {
			var from struct {
				DataType, Event, Type string
				Fields                []struct{ Path, Type string }
				Payload, JSONData     any
			}
			if err := json.Unmarshal(raw, &from); err != nil {
				t.Fatal(err)
			}
			e := &Event{Name: from.DataType + from.Event + from.Type, Fields: map[string]Type{}}
			for _, f := range from.Fields {
				e.field(t, f.Path, f.Type)
			}
			e.examined(t, from.Payload, from.JSONData)
			made.Events = append(made.Events, e)
		}
		keep(t, filepath.Join("testdata", dialect+".events.json"), others, testkit.IndentedJSON(t, made))
	}
	var names struct {
		Webhook struct{ Names []string } `json:"webhook_events"`
	}
	readJSON(t, digigo, &names)
	made := &Events{Dialect: "digigo"}
	for _, name := range names.Webhook.Names {
		made.Events = append(made.Events, &Event{Name: name})
	}
	keep(t, filepath.Join("testdata", "digigo.events.json"), digigo, testkit.IndentedJSON(t, made))
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(*contract, file))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var listed = regexp.MustCompile(`^string:? ((?:[\w'=-]+(?:\||, )?)+)$`)

// field adds a key. Its type is written for people, sometimes with the texts it may have.
func (e *Event) field(t *testing.T, path, typ string) {
	t.Helper()
	if list := listed.FindStringSubmatch(typ); list != nil {
		typ = "string"
		if e.Values == nil {
			e.Values = map[string][]string{}
		}
		for _, text := range regexp.MustCompile(`\||, `).Split(list[1], -1) {
			if text == "''" || strings.HasPrefix(text, "empty=") {
				text = ""
			}
			e.Values[path] = append(e.Values[path], text)
		}
	}
	typ = strings.Replace(typ, "unknown", "any", 1)
	e.Fields[path] = plainType(t, typ)
}

// examined holds the fields to the example: one that is only part of a value shown with others, like a text of one kind
// of message, may be missing.
func (e *Event) examined(t *testing.T, examples ...any) {
	t.Helper()
	for path := range e.Fields {
		for _, content := range []string{"event.Message.", "event.RawMessage."} {
			if strings.HasPrefix(path, content) {
				delete(e.Fields, path) // depends on the kind of message
			}
		}
	}
	example := examples[slices.IndexFunc(examples, func(v any) bool { return v != nil })]
	for _, f := range e.Compare(example, Rules{}) {
		t.Errorf("the example is not what is documented: %s", f)
	}
}
