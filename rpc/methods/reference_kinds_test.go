package methods_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/docs/doctest"
)

const kindsPage = "docs/reference/kinds.md"

// otherSenders are the methods that send a field without content of its own.
var otherSenders = map[string][]string{
	"reactionMessage": {"message.react"}, "editedMessage": {"message.edit"}, "protocolMessage": {"message.edit", "message.delete"},
	"newsletterAdminInviteMessage": {"newsletter.sendAdminInvite"},
}

// The page of kinds has each field of WhatsApp's message: how it is received, and what sends it.
func TestReferenceOfKinds(t *testing.T) {
	raw, err := fullRegistry(t).Discover()
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, m := range doc.Methods {
		methods[m.Name] = true
	}
	kinds := message.Kinds()
	var out strings.Builder
	out.WriteString("| Field | Received as | Sent by |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", k.Field, receivedAs(&k), sentBy(t, &k, methods))
	}
	doctest.CheckSection(t, kindsPage, "kinds", out.String())
	for field, names := range otherSenders {
		if !slices.ContainsFunc(kinds, func(k message.Kind) bool { return k.Field == field }) {
			t.Errorf("otherSenders has %s, which is no field", field)
		}
		for _, name := range names {
			if !methods[name] {
				t.Errorf("otherSenders has %s, which is no method", name)
			}
		}
	}
}

func receivedAs(k *message.Kind) string {
	text := "`" + k.Type + "`"
	switch k.Received {
	case message.ReceivedTyped:
		if k.Action != "" {
			text += ", target `" + k.Action + "`"
		}
	case message.ReceivedOpened:
		text = "opened"
	case message.ReceivedPlumbing:
		text = "no event of its own"
	case message.ReceivedRaw:
		text += ", content in `raw` only"
	}
	if k.Note != "" {
		text += ": " + k.Note
	}
	return text
}

// contentOnly are fields for which the method of their type has no params.
var contentOnly = []string{"liveLocationMessage"}

// sentBy links the methods that send a field. Content without a method of its own goes through message.send.
func sentBy(t *testing.T, k *message.Kind, methods map[string]bool) string {
	t.Helper()
	var list []string
	link := func(name, note string) {
		namespace, _, _ := strings.Cut(name, ".")
		list = append(list, fmt.Sprintf("[%s](methods/%s.md#%s)%s", name, namespace, strings.ToLower(strings.ReplaceAll(name, ".", "")), note))
	}
	for _, kind := range k.SentAs {
		var words strings.Builder
		for _, word := range strings.Split(kind, "_") {
			words.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		if name := "message.send" + words.String(); methods[name] && !slices.Contains(contentOnly, k.Field) {
			link(name, "")
			continue
		}
		if kind == message.ActionComment {
			link("message.send", ", content with a target")
			continue
		}
		link("message.send", ", type `"+kind+"`")
	}
	for _, name := range otherSenders[k.Field] {
		link(name, "")
	}
	return strings.Join(list, "; ")
}
