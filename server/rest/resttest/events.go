package resttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Events are the events of the webhooks of one documented API.
type Events struct {
	Dialect string   `json:"dialect"`
	Events  []*Event `json:"events"`
}

// Event is one kind of body.
type Event struct {
	Name string `json:"name"`
	// Fields are its keys; paths are those of Field. None = the document names the event and does not show it.
	Fields map[string]Type `json:"fields,omitempty"`
	// Values are the texts a key may have, where the document lists them.
	Values map[string][]string `json:"values,omitempty"`
}

// LoadEvents reads the events of a dialect.
func LoadEvents(dialect string) (*Events, error) {
	raw, err := files.ReadFile("testdata/" + dialect + ".events.json")
	if err != nil {
		return nil, fmt.Errorf("resttest: %w", err)
	}
	e := &Events{}
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("resttest: events of %s: %w", dialect, err)
	}
	return e, nil
}

// Event returns the event of that name, or nil.
func (e *Events) Event(name string) *Event {
	i := slices.IndexFunc(e.Events, func(event *Event) bool { return event.Name == name })
	if i < 0 {
		return nil
	}
	return e.Events[i]
}

// Compare returns the differences of a decoded body from the documented one: keys that are missing or not documented, types, and
// values that are not among those listed. Documented paths under Rules.Absent may also be null.
func (e *Event) Compare(body any, rules Rules) []Finding {
	c := &comparison{of: e.Name, rules: rules, seen: map[string]bool{}}
	if len(e.Fields) > 0 {
		c.checkValue(shapeOf(e.Fields), body)
	}
	c.findings = slices.DeleteFunc(c.findings, func(f Finding) bool {
		return strings.HasPrefix(f.Problem, "null instead of") && isUnder(f.Key, rules.Absent)
	})
	for path, allowed := range e.Values {
		for value := range at(body, path) {
			if text, ok := value.(string); ok && !slices.Contains(allowed, text) {
				c.addFinding(path, "%q instead of one of %q", text, allowed)
			}
		}
	}
	return c.findings
}

// FilledIn are the documented paths where a decoded body says something: neither null nor false, nor a zero, nor empty.
func (e *Event) FilledIn(body any) (paths []string) {
	for path := range e.Fields {
		for value := range at(body, path) {
			if !isZero(value) {
				paths = append(paths, path)
				break
			}
		}
	}
	slices.Sort(paths)
	return paths
}

// at goes through the values that a documented path leads to.
func at(value any, path string) func(yield func(any) bool) {
	return func(yield func(any) bool) { walk(value, path, yield) }
}

func walk(value any, path string, yield func(any) bool) bool {
	if path == "" {
		return yield(value)
	}
	step, rest, _ := strings.Cut(path, ".")
	key := strings.TrimRight(step, "[]")
	next := []any{value}
	if key != "" {
		object, _ := value.(map[string]any)
		inner, ok := object[key]
		if !ok {
			return true
		}
		next[0] = inner
	}
	for range (len(step) - len(key)) / len("[]") {
		var items []any
		for _, list := range next {
			inner, _ := list.([]any)
			items = append(items, inner...)
		}
		next = items
	}
	for _, item := range next {
		if !walk(item, rest, yield) {
			return false
		}
	}
	return true
}

func isZero(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case bool:
		return !value
	case float64:
		return value == 0
	case json.Number:
		number, err := value.Float64()
		return err == nil && number == 0
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}
