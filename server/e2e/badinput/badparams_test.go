package badinput

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// schema is the part of JSON Schema that rpc.discover uses.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 kind
	Format               string
	Description          string
	ContentEncoding      string
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties json.RawMessage
	Items                *schema
	Enum                 []any
	Minimum, Maximum     *float64
	MinLength, MaxLength *float64
	MinItems, MaxItems   *float64
	MaxProperties        *float64
}

// kind is the type of a schema that has exactly one; results may have several.
type kind string

func (k *kind) UnmarshalJSON(raw []byte) error {
	if raw[0] == '[' {
		return nil
	}
	return json.Unmarshal(raw, (*string)(k))
}

type openRPC struct {
	Methods []struct {
		Name   string
		Params []struct {
			Name     string
			Required bool
			Schema   *schema
		}
	}
	Components struct{ Schemas map[string]*schema }
}

func (d *openRPC) resolve(s *schema) *schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

// jidForm is the description that marks the schema of an address: JSON Schema has no format for it.
const jidForm = "a JID, or an international phone number"

func (s *schema) isJID() bool {
	return s.Type == "string" && (strings.HasPrefix(s.Description, jidForm) || strings.Contains(s.Description, "("+jidForm))
}

// sample returns a value that is valid for the schema.
func (d *openRPC) sample(name string, s *schema) any {
	s = d.resolve(s)
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.isJID() && (name == "group" || name == "community"):
		return "120363000000000001@g.us"
	case s.isJID():
		return "15550300009@s.whatsapp.net"
	}
	switch s.Type {
	case "string":
		switch {
		case s.Format == "date-time":
			return "2030-01-02T03:04:05Z"
		case s.Format == "date":
			return "2030-01-02"
		case s.Format == "uri":
			return "https://example.com/file"
		case s.Format == "email":
			return "someone@example.com"
		case s.ContentEncoding == "base64":
			return "AAAA"
		}
		n := 1
		if s.MinLength != nil {
			n = max(n, int(*s.MinLength))
		}
		return strings.Repeat("5", n)
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return true
	case "array":
		n := 1
		if s.MinItems != nil {
			n = max(n, int(*s.MinItems))
		}
		list := make([]any, n)
		for i := range list {
			list[i] = d.sample(name, s.Items)
		}
		return list
	case "object":
		o := object{}
		if name == "media" {
			o["base64"] = "data:image/png;base64," + tinyPNG
		}
		for _, member := range s.Required {
			o[member] = d.sample(member, s.Properties[member])
		}
		return o
	}
	return "x"
}

// wrong is an invalid value for a schema, and the place below it that the answer must name.
type wrong struct {
	what  string
	below string
	value any
}

var badJIDs = []string{
	"", "nobody", "@s.whatsapp.net", "15550300009@", "1555@030@s.whatsapp.net", "+1555x0300009", "1234",
	strings.Repeat("1", 200) + "@s.whatsapp.net", "15550300009@s.whatsapp.net\n", "<script>@s.whatsapp.net",
}

// wrongs returns invalid values for the schema, down to depth levels of members.
func (d *openRPC) wrongs(s *schema, depth int) []wrong {
	s = d.resolve(s)
	var list []wrong
	for other, value := range map[kind]any{"string": "x", "number": 12.5, "boolean": true, "array": []any{}, "object": object{}} {
		if s.Type != "" && other != s.Type {
			list = append(list, wrong{"a " + string(other), "", value})
		}
	}
	if s.Type == "number" {
		list = slices.DeleteFunc(list, func(w wrong) bool { return w.what == "a number" })
	}
	add := func(ok bool, what string, value func() any) {
		if ok {
			list = append(list, wrong{what, "", value()})
		}
	}
	letters := func(n float64) func() any {
		return func() any { return strings.Repeat("7", int(n)) }
	}
	items := func(n float64) func() any {
		return func() any {
			all := make([]any, int(n))
			for i := range all {
				all[i] = d.sample("", s.Items)
			}
			return all
		}
	}
	deref := func(n *float64) float64 {
		if n == nil {
			return 0
		}
		return *n
	}
	add(s.Minimum != nil, "too small", func() any { return *s.Minimum - 1 })
	add(s.Maximum != nil, "too large", func() any { return *s.Maximum + 1 })
	add(s.Type == "integer", "huge", func() any { return json.Number("1e400") })
	add(deref(s.MinLength) > 0, "too short", letters(deref(s.MinLength)-1))
	add(s.MaxLength != nil, "too long", letters(deref(s.MaxLength)+1))
	add(deref(s.MinItems) > 0, "too few", items(deref(s.MinItems)-1))
	add(s.MaxItems != nil, "too many", items(deref(s.MaxItems)+1))
	add(len(s.Enum) > 0 && s.Type == "string", "none of the choices", func() any { return "no-such-choice" })
	add(len(s.Enum) > 0 && s.Type == "integer", "none of the choices", func() any { return 17 })
	add(s.Format != "", "no "+s.Format, func() any { return "a b" })
	add(s.ContentEncoding == "base64", "no base64", func() any { return "!!!" })
	if s.isJID() {
		for _, jid := range badJIDs {
			list = append(list, wrong{"the JID " + jid[:min(len(jid), 30)], "", jid})
		}
	}
	if depth == 0 {
		return list
	}
	if s.Type == "array" && s.Items != nil {
		n := 0
		if s.MinItems != nil {
			n = max(int(*s.MinItems)-1, 0)
		}
		list = append(list, wrong{"null as an item", "/0", append([]any{nil}, items(float64(n))().([]any)...)})
		for _, w := range d.wrongs(s.Items, depth-1) {
			list = append(list, wrong{w.what, "/0" + w.below, append([]any{w.value}, items(float64(n))().([]any)...)})
		}
	}
	if s.Type == "object" && string(s.AdditionalProperties) == "false" {
		base := d.sample("", s).(object)
		with := func(name string, value any) object {
			o := maps.Clone(base)
			o[name] = value
			return o
		}
		list = append(list, wrong{"an unknown member", "/no_such_member", with("no_such_member", 1)})
		for name, member := range s.Properties {
			for _, w := range d.wrongs(member, depth-1) {
				list = append(list, wrong{w.what, "/" + name + w.below, with(name, w.value)})
			}
		}
		for _, name := range s.Required {
			o := maps.Clone(base)
			delete(o, name)
			list = append(list, wrong{"a missing member", "/" + name, o})
		}
	}
	return list
}

// discover returns the server's OpenRPC document.
func discover(t *testing.T, server *e2etest.Process) *openRPC {
	t.Helper()
	var doc openRPC
	e2etest.MustCall(t, server.Addr, "rpc.discover", object{}, &doc)
	if len(doc.Methods) < 100 {
		t.Fatalf("only %d methods", len(doc.Methods))
	}
	return &doc
}

// TestEveryParamRefusesWhatItsSchemaRefuses sends invalid values for every parameter of every method: the error names the parameter, and nothing changes.
func TestEveryParamRefusesWhatItsSchemaRefuses(t *testing.T) {
	w := startWorld(t)
	doc := discover(t, w.server)
	before := w.state(t)
	socket := w.dial(t, e2etest.AdminToken)
	calls := 0
	for _, m := range doc.Methods {
		base := object{}
		for _, p := range m.Params {
			switch {
			case p.Name == "session":
				base["session"] = w.session
			case p.Required:
				base[p.Name] = doc.sample(p.Name, p.Schema)
			}
		}
		ask := func(what, pointer string, params object) {
			t.Helper()
			calls++
			var r e2etest.Reply
			if namespace, _, _ := strings.Cut(m.Name, "."); namespace == "events" || namespace == "conn" {
				if m.Name == "conn.hello" {
					fresh := w.open(t)
					r = fresh.call(t, m.Name, params)
					fresh.close()
				} else {
					r = socket.call(t, m.Name, params)
				}
			} else {
				r = e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(m.Name, params))
			}
			r.Refused(t, m.Name+" with "+what+" at "+pointer, -32602, pointer)
		}
		ask("an unknown parameter", "/no_such_param", with(base, "no_such_param", 1))
		ask("bad _meta", "/_meta", with(base, "_meta", 7))
		for _, p := range m.Params {
			if p.Required {
				o := maps.Clone(base)
				delete(o, p.Name)
				ask("nothing", "/"+p.Name, o)
				if p.Schema.Type != "" || p.Schema.Ref != "" { // others accept any value, null included
					ask("null", "/"+p.Name, with(base, p.Name, nil))
				}
			}
			for _, wrong := range doc.wrongs(p.Schema, 3) {
				ask(wrong.what, "/"+p.Name+wrong.below, with(base, p.Name, wrong.value))
			}
		}
	}
	t.Logf("%d methods, %d refused calls", len(doc.Methods), calls)
	w.unchanged(t, before)
}

func with(params object, name string, value any) object {
	o := maps.Clone(params)
	o[name] = value
	return o
}

// TestEveryJIDParamRefusesAddressesThatCannotBe sends well-formed but impossible addresses: the error names the parameter, too.
func TestEveryJIDParamRefusesAddressesThatCannotBe(t *testing.T) {
	w := startWorld(t)
	doc := discover(t, w.server)
	before := w.state(t)
	for _, m := range doc.Methods {
		if strings.HasPrefix(m.Name, "sandbox.") {
			continue
		}
		base := object{}
		for _, p := range m.Params {
			switch {
			case p.Name == "session":
				base["session"] = w.session
			case p.Required:
				base[p.Name] = doc.sample(p.Name, p.Schema)
			}
		}
		for _, p := range m.Params {
			s := doc.resolve(p.Schema)
			bad := []string{"15550300009@example.com", "15550300009:x@s.whatsapp.net", "not-digits@s.whatsapp.net", "x@g.us"}
			switch p.Name {
			case "group", "community":
				bad = append(bad, "15550300009@s.whatsapp.net", "+15550300009", "status@broadcast")
			case "contacts", "participants", "phone":
				bad = append(bad, "120363000000000001@g.us", "status@broadcast")
			}
			for _, jid := range bad {
				switch {
				case s.isJID():
					e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(m.Name, with(base, p.Name, jid))).
						Refused(t, m.Name+" with "+p.Name+" "+jid, -32602, "/"+p.Name)
				case s.Type == "array" && s.Items != nil && doc.resolve(s.Items).isJID():
					e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(m.Name, with(base, p.Name, []any{jid}))).
						Refused(t, m.Name+" with "+p.Name+" "+jid, -32602, "/"+p.Name+"/0")
				}
			}
		}
	}
	w.unchanged(t, before)
}
