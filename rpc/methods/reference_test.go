package methods_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

const methodsDir = "docs/reference/methods"

// namespaceTitles has one sentence for each namespace. A namespace without one fails the test.
var namespaceTitles = map[string]string{
	"account":      "Accounts: people with a role, their log-ins and API keys. Sessions are shared with session.grantAccess.",
	"archive":      "Ended deliveries: what was delivered, dead letters, and replays.",
	"automation":   "Answers without a caller: the assistant of a session, its commands, and auto-replies.",
	"bot":          "Bots that WhatsApp offers.",
	"business":     "Businesses: profiles and links.",
	"call":         "Calls that come in.",
	"chat":         "Chats of a session: list, mute, pin, archive, clear.",
	"community":    "Communities: create, link groups, announcements.",
	"conn":         "The connection itself: hello, cancelling calls, open connections.",
	"contact":      "People: look up, save, block, pictures, business profiles.",
	"delivery":     "Deliveries to webhooks and brokers: current, past, and as they happen.",
	"device":       "Linked devices and how the session appears in the phone's list.",
	"events":       "Position in the event log of each session: subscribe, acknowledge, seek, consumers.",
	"group":        "Groups: create, members, settings, invite links.",
	"job":          "Messages that the server sends to many chats, or several times.",
	"label":        "Labels of chats and messages: those of WhatsApp Business, or kept here for other accounts.",
	"media":        "Files of messages.",
	"message":      "Send, edit, react, delete and read messages.",
	"newsletter":   "Newsletters (channels): find, follow, read, react, administer. Posts are sent with message.send to the newsletter's JID.",
	"notification": "Notices of the server and of administrators to accounts.",
	"presence":     "Online state and typing.",
	"privacy":      "Privacy settings of the account.",
	"profile":      "Name, about text and picture of the account.",
	"rpc":          "The description of the methods themselves.",
	"sandbox":      "The simulated WhatsApp network. These methods exist only while the server runs on it.",
	"schedule":     "Messages that the server sends at a time of their own.",
	"server":       "The server: health, version, system settings, API descriptions, audit log.",
	"session":      "Sessions: create, pair, connect, settings, share, delete.",
	"status":       "Status posts.",
	"storage":      "Object storage for the files of messages.",
	"sync":         "Synchronisation with the phone.",
	"tickets":      "Credentials for one connection, for browsers.",
	"transport":    "Brokers of a session (Redis, RabbitMQ, SQS) and the global transports of the operator.",
	"webhook":      "Webhooks of a session.",
}

// credentials describes the credentials that may call a method of each scope.
var credentials = map[string]string{
	"public":  "none needed",
	"session": "session token, or admin token with `session`",
	"account": "account key or admin token",
	"admin":   "admin token",
}

// schema is the part of JSON Schema that the registry writes.
type schema struct {
	Type        any                `json:"type"` // a name or a list of names
	Description string             `json:"description"`
	Ref         string             `json:"$ref"`
	Format      string             `json:"format"`
	Encoding    string             `json:"contentEncoding"`
	Enum        []any              `json:"enum"`
	Examples    []any              `json:"examples"`
	Items       *schema            `json:"items"`
	Properties  map[string]*schema `json:"properties"`
	Additional  json.RawMessage    `json:"additionalProperties"`
	OneOf       []*schema          `json:"oneOf"`
	Required    []string           `json:"required"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`
	MinLength   *int               `json:"minLength"`
	MaxLength   *int               `json:"maxLength"`
	MinItems    *int               `json:"minItems"`
	MaxItems    *int               `json:"maxItems"`
	MaxProps    *int               `json:"maxProperties"`
}

type methodDoc struct {
	Name, Summary, Description string
	Params                     []struct {
		Name, Description string
		Required          bool
		Schema            *schema
	}
	Result     struct{ Schema *schema }
	Errors     []reference
	Scope      string   `json:"x-scope"`
	Operations []string `json:"x-operations"`
}

type document struct {
	Methods    []methodDoc
	Components struct{ Schemas map[string]*schema }
}

// One page for each namespace: credential, params, result, errors, REST operations and an example of every method.
// Package server calls the examples.
func TestReferenceOfMethods(t *testing.T) {
	raw, err := fullRegistry(t).Discover()
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	spaces := map[string][]methodDoc{}
	for _, m := range doc.Methods {
		space, _, _ := strings.Cut(m.Name, ".")
		spaces[space] = append(spaces[space], m)
	}
	names := []string{"README.md"}
	var index strings.Builder
	index.WriteString("# Methods\n\nGenerated by `make docs` from the registry of methods, which `rpc.discover` returns as an OpenRPC document.\n\n" +
		"| namespace | methods | about |\n|---|--:|---|\n")
	for _, space := range slices.Sorted(maps.Keys(spaces)) {
		if namespaceTitles[space] == "" {
			t.Errorf("the namespace %s has no sentence in namespaceTitles", space)
		}
		page := referencePage{doc: &doc, objects: map[string]bool{}, known: knownRefs}
		doctest.CheckFile(t, methodsDir+"/"+space+".md", page.write(space, spaces[space]))
		names = append(names, space+".md")
		fmt.Fprintf(&index, "| [%s](%s.md) | %d | %s |\n", space, space, len(spaces[space]), namespaceTitles[space])
	}
	doctest.CheckFile(t, methodsDir+"/README.md", index.String())
	doctest.NoOthers(t, methodsDir, names)
	for space := range namespaceTitles {
		if spaces[space] == nil {
			t.Errorf("there is no namespace %s", space)
		}
	}
	for name := range exampleParams {
		if !slices.ContainsFunc(doc.Methods, func(m methodDoc) bool { return m.Name == name }) {
			t.Errorf("exampleParams has %s, which does not exist", name)
		}
	}
}

// knownRefs are documents with pages that list their operations.
var knownRefs = map[string]string{"digigo": "../../rest/digigo.md", "wuzapi": "../../rest/wuzapi.md", "wwebjs": "../../rest/wwebjs.md", "waakg": "../../rest/waakg.md", "operations": "../../rest/operations.md"}

type referencePage struct {
	out     bytes.Buffer
	doc     *document
	objects map[string]bool // objects that the page refers to
	known   map[string]string
}

func (p *referencePage) write(space string, methods []methodDoc) string {
	fmt.Fprintf(&p.out, "# Methods: %s\n\n%s\n\nGenerated by `make docs`. Every method also takes [`_meta`](../../protocol.md#calls); "+
		"[errors](../errors.md) have a page of their own.\n\n| method | does |\n|---|---|\n", space, namespaceTitles[space])
	for _, m := range methods {
		fmt.Fprintf(&p.out, "| [%s](#%s) | %s |\n", m.Name, strings.ToLower(strings.ReplaceAll(m.Name, ".", "")), cell(m.Summary))
	}
	for i := range methods {
		p.method(&methods[i])
	}
	p.writeObjects()
	return p.out.String()
}

func (p *referencePage) method(m *methodDoc) {
	fmt.Fprintf(&p.out, "\n## %s\n\n%s\n", m.Name, strings.TrimSpace(m.Summary+" "+m.Description))
	fmt.Fprintf(&p.out, "\nCredential: %s.\n", credentials[m.Scope])
	rows := ""
	for _, param := range m.Params {
		if param.Name == "_meta" {
			continue
		}
		required := ""
		if param.Required {
			required = "yes"
		}
		rows += fmt.Sprintf("| `%s` | %s | %s | %s |\n", param.Name, p.kind(param.Schema), required, cell(cmp.Or(param.Schema.Description, param.Description)))
	}
	if rows == "" {
		p.out.WriteString("\nNo params.\n")
	} else {
		p.out.WriteString("\n| param | type | required | meaning |\n|---|---|---|---|\n" + rows)
	}
	p.result(m.Result.Schema)
	fmt.Fprintf(&p.out, "\nErrors: %s.\n", errorSets(m))
	if len(m.Operations) > 0 {
		p.out.WriteString("\nREST:")
		for i, operation := range m.Operations {
			document, route, _ := strings.Cut(operation, ":")
			if i > 0 {
				p.out.WriteByte(',')
			}
			fmt.Fprintf(&p.out, " [%s](%s) `%s`", document, p.known[document], route)
		}
		p.out.WriteString(".\n")
	}
	fmt.Fprintf(&p.out, "\n```json call\n%s\n```\n", exampleCall(m, p.doc))
}

// errorSets links to the lists of the errors that a method may return, in docs/reference/errors.md.
func errorSets(m *methodDoc) string {
	sets := "those of [every method](../errors.md#every-method)"
	returns := func(reason string) bool {
		return slices.Contains(m.Errors, reference{"#/components/errors/" + reason})
	}
	if returns("forbidden") {
		sets += ", [methods that need a credential](../errors.md#methods-that-need-a-credential)"
	}
	if returns("session_not_connected") {
		sets += ", [methods of a session](../errors.md#methods-of-a-session)"
	}
	return sets
}

func (p *referencePage) result(s *schema) {
	name, null := p.objectName(s)
	if name == "" {
		fmt.Fprintf(&p.out, "\nResult: %s.\n", cmp.Or(p.kind(s), "any JSON"))
		return
	}
	object := p.doc.Components.Schemas[name]
	if len(object.Properties) == 0 {
		p.out.WriteString("\nResult: an empty object.\n")
		return
	}
	_ = null // a result is null only when the call fails
	p.out.WriteString("\n| result | type | meaning |\n|---|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(object.Properties)) {
		property := object.Properties[key]
		fmt.Fprintf(&p.out, "| `%s` | %s | %s |\n", key, p.kind(property), cell(property.Description))
	}
}

// objectName returns the name of the object that a schema refers to, and whether null may stand in its place.
func (p *referencePage) objectName(s *schema) (name string, null bool) {
	if s.Ref != "" {
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:], false
	}
	if len(s.OneOf) == 2 && s.OneOf[0].Ref != "" && s.OneOf[1].Type == "null" {
		name, _ = p.objectName(s.OneOf[0])
		return name, true
	}
	return "", false
}

// kind describes the type of a value with its limits.
func (p *referencePage) kind(s *schema) string {
	if name, null := p.objectName(s); name != "" {
		p.objects[name] = true
		text := fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
		if null {
			text += " or null"
		}
		return text
	}
	switch {
	case len(s.OneOf) > 0:
		parts := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			parts[i] = p.kind(one)
		}
		return strings.Join(parts, " or ")
	case s.Items != nil:
		text := "array of " + p.kind(s.Items) + count(s.MinItems, s.MaxItems, "items")
		if list, ok := s.Type.([]any); ok && slices.Contains(list, any("null")) {
			text += " or null"
		}
		return text
	}
	text := typeName(s.Type)
	if len(s.Additional) > 2 && s.Additional[0] == '{' {
		var values schema
		if json.Unmarshal(s.Additional, &values) == nil {
			text += " of " + p.kind(&values)
		}
	}
	text += count(nil, s.MaxProps, "members")
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			if number, ok := v.(float64); ok {
				v = int64(number)
			}
			values[i] = fmt.Sprintf("`%v`", v)
		}
		text += ": " + strings.Join(values, ", ")
	}
	if s.Format != "" {
		text += ", " + s.Format
	}
	if s.Encoding != "" {
		text += ", " + s.Encoding
	}
	text += count(s.MinLength, s.MaxLength, "characters")
	switch {
	case len(s.Enum) > 0:
	case s.Minimum != nil && s.Maximum != nil:
		text += fmt.Sprintf(", %.0f to %.0f", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		text += fmt.Sprintf(", %.0f or more", *s.Minimum)
	case s.Maximum != nil:
		text += fmt.Sprintf(", at most %.0f", *s.Maximum)
	}
	return text
}

func typeName(t any) string {
	switch t := t.(type) {
	case string:
		return t
	case []any:
		names := make([]string, len(t))
		for i, name := range t {
			names[i] = fmt.Sprint(name)
		}
		return strings.Join(names, " or ")
	}
	return "any"
}

func count(least, most *int, of string) string {
	switch {
	case least != nil && most != nil && *least == *most:
		return fmt.Sprintf(", %d %s", *least, of)
	case least != nil && most != nil:
		return fmt.Sprintf(", %d to %d %s", *least, *most, of)
	case least != nil:
		return fmt.Sprintf(", %d or more %s", *least, of)
	case most != nil:
		return fmt.Sprintf(", at most %d %s", *most, of)
	}
	return ""
}

// writeObjects describes the objects that the methods of the page take and return, and those that these refer to.
func (p *referencePage) writeObjects() {
	written := map[string]bool{}
	first := true
	for {
		var next []string
		for name := range p.objects {
			if !written[name] {
				next = append(next, name)
			}
		}
		if len(next) == 0 {
			return
		}
		slices.Sort(next)
		name := next[0]
		written[name] = true
		if first {
			p.out.WriteString("\n## Objects\n")
			first = false
		}
		object := p.doc.Components.Schemas[name]
		fmt.Fprintf(&p.out, "\n### %s\n", name)
		if object.Description != "" {
			fmt.Fprintf(&p.out, "\n%s\n", object.Description)
		}
		if len(object.Properties) == 0 {
			fmt.Fprintf(&p.out, "\nType: %s.\n", p.kind(object))
			continue
		}
		p.out.WriteString("\n| member | type | meaning |\n|---|---|---|\n")
		for _, key := range slices.Sorted(maps.Keys(object.Properties)) {
			property, required := object.Properties[key], ""
			if strings.HasSuffix(name, "Input") && slices.Contains(object.Required, key) {
				required = " (required)"
			}
			fmt.Fprintf(&p.out, "| `%s` | %s%s | %s |\n", key, p.kind(property), required, cell(property.Description))
		}
	}
}

// cell makes text fit into a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
