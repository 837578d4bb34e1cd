package naming

import (
	"reflect"
)

// Fields is an object before encoding, by the names of its members.
type Fields map[string]any

// mapTarget sets the names in a map; it adds missing members.
type mapTarget map[string]any

func (t mapTarget) setChat(chat string, pn, lid *string) {
	t[chatField], t["chat_pn"], t["chat_lid"] = chat, pn, lid
}

func (t mapTarget) setPerson(pn, lid *string) { t["pn"], t["lid"] = pn, lid }

func (t mapTarget) setKey(field, key string) { t[field] = key }

func (n *Names) rewriteMap(object map[string]any) error {
	if err := n.nameChat(textOf(object[chatField]), mapTarget(object)); err != nil {
		return err
	}
	for _, field := range primaryFields {
		text := textOf(object[field])
		if text == "" {
			continue
		}
		if err := n.namePerson(text, mapTarget(object)); err != nil {
			return err
		}
		if _, known := object["contact_key"]; !known {
			object["contact_key"] = nil // a sender that is not a person
		}
		break
	}
	for field, value := range object {
		if text := textOf(value); text != "" {
			if !personFields[field] {
				continue
			}
			name, err := n.canonicalAddress(text)
			if err != nil {
				return err
			}
			object[field] = name
			continue
		}
		if err := n.rewriteMember(object, field, value); err != nil {
			return err
		}
	}
	return nil
}

// rewriteMember rewrites the addresses inside a member of an object.
func (n *Names) rewriteMember(object map[string]any, field string, value any) error {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid() || v.Kind() == reflect.String:
		return nil
	case v.Kind() == reflect.Struct: // a copy, which can be modified, also by the keys that are set later
		inner := reflect.New(v.Type())
		inner.Elem().Set(v)
		object[field] = inner.Interface()
		return n.rewriteValue(inner)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String && personFields[field]:
		return n.rewriteText(v)
	}
	return n.rewriteValue(v)
}

// textOf returns the text of a member, "" if it is not a text.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case *string:
		if v != nil {
			return *v
		}
	}
	return ""
}
