package naming

import (
	"reflect"
)

func (n *Names) rewriteValue(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return n.rewriteValue(v.Elem())
	case reflect.Slice, reflect.Array:
		if !HoldsAddresses(v.Type().Elem()) {
			return nil
		}
		for i := range v.Len() {
			if err := n.rewriteValue(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		if object, ok := v.Interface().(Fields); ok {
			return n.rewriteMap(object)
		}
		if object, ok := v.Interface().(map[string]any); ok {
			return n.rewriteMap(object)
		}
	case reflect.Struct:
		if plan := planFor(v.Type()); plan != nil && v.CanSet() {
			return n.rewriteStruct(v, plan)
		}
	}
	return nil
}

func (n *Names) rewriteStruct(v reflect.Value, plan *plan) error {
	if plan.chat != nil {
		if err := n.nameChat(textAt(v, plan.chat), structTarget{v, plan}); err != nil {
			return err
		}
	}
	about := plan.primaryOf(v)
	if about == "" && plan.contactKey != nil && plan.lid != nil {
		about = textAt(v, plan.lid) // a person without a known number
	}
	if err := n.namePerson(about, structTarget{v, plan}); err != nil {
		return err
	}
	for _, index := range plan.people {
		if err := n.rewriteText(v.FieldByIndex(index)); err != nil {
			return err
		}
	}
	for _, index := range plan.nested {
		if err := n.rewriteValue(v.FieldByIndex(index)); err != nil {
			return err
		}
	}
	return nil
}

// primaryOf returns the address of the person that the struct describes.
func (p *plan) primaryOf(v reflect.Value) string {
	for _, index := range p.primary {
		if index == nil {
			continue
		}
		if text := textAt(v, index); text != "" {
			return text
		}
	}
	return ""
}

// rewriteText rewrites the addresses in a string, a pointer to a string or a list.
func (n *Names) rewriteText(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		text, err := n.canonicalAddress(v.Elem().String())
		if err == nil && text != v.Elem().String() { // the text may be shared with other values
			v.Set(reflect.ValueOf(&text))
		}
		return err
	case reflect.Slice:
		for i := range v.Len() {
			if err := n.rewriteText(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	text, err := n.canonicalAddress(v.String())
	if err == nil {
		v.SetString(text)
	}
	return err
}

// structTarget sets the names in the fields of a struct, if present.
type structTarget struct {
	v    reflect.Value
	plan *plan
}

func (t structTarget) setChat(chat string, pn, lid *string) {
	setText(t.v, t.plan.chat, &chat)
	setText(t.v, t.plan.chatPN, pn)
	setText(t.v, t.plan.chatLID, lid)
}

func (t structTarget) setPerson(pn, lid *string) {
	setText(t.v, t.plan.pn, pn)
	setText(t.v, t.plan.lid, lid)
}

func (t structTarget) setKey(field, key string) {
	if field == "chat_key" {
		setText(t.v, t.plan.chatKey, &key)
		return
	}
	setText(t.v, t.plan.contactKey, &key)
}

func textAt(v reflect.Value, index []int) string {
	field := v.FieldByIndex(index)
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return ""
		}
		field = field.Elem()
	}
	if field.Kind() != reflect.String {
		return ""
	}
	return field.String()
}

func setText(v reflect.Value, index []int, text *string) {
	if index == nil {
		return
	}
	field := v.FieldByIndex(index)
	switch {
	case field.Kind() == reflect.Pointer:
		field.Set(reflect.ValueOf(text))
	case text != nil:
		field.SetString(*text)
	default:
		field.SetString("")
	}
}
