package naming

import (
	"reflect"
	"strings"
	"sync"
)

// chatField contains the address of a chat; its other addresses and its key are added beside it.
const chatField = "chat"

// personFields contain the address of a person. The first of primaryFields that an object has is the person to whom pn,
// lid and contact_key of the object refer.
var (
	personFields = map[string]bool{
		"sender": true, "contact": true, "caller": true, "from": true, "message_sender": true, "author": true, "owner": true,
		"name_set_by": true, "description_set_by": true, "inviter": true, "receiver": true, "mentions": true,
	}
	primaryFields = []string{"sender", "contact", "caller", "from"}
)

// plan lists the address fields of a struct type.
type plan struct {
	chat                     []int
	people                   [][]int
	primary                  [][]int // by rank; nil = the struct has no such field
	chatPN, chatLID, chatKey []int
	pn, lid, contactKey      []int
	nested                   [][]int
}

var plans sync.Map // reflect.Type -> *plan; nil = no address fields

func planFor(t reflect.Type) *plan {
	if known, ok := plans.Load(t); ok {
		return known.(*plan)
	}
	p := &plan{primary: make([][]int, len(primaryFields))}
	if !p.read(t, nil, map[reflect.Type]bool{}) {
		p = nil
	}
	plans.Store(t, p)
	return p
}

// read collects the address fields of a struct, including embedded structs, by the names that encoding/json uses. It
// reports whether it found any.
func (p *plan) read(t reflect.Type, path []int, seen map[reflect.Type]bool) (found bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		index := append(append([]int{}, path...), i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			found = p.read(field.Type, index, seen) || found
		case !field.IsExported() || name == "-":
		case isText(field.Type) && p.takeField(name, index):
			found = found || name == chatField || personFields[name]
		case mayHoldAddresses(field.Type, seen):
			p.nested, found = append(p.nested, index), true
		}
	}
	return found
}

func (p *plan) takeField(name string, index []int) bool {
	if to := map[string]*[]int{
		chatField: &p.chat, "chat_pn": &p.chatPN, "chat_lid": &p.chatLID, "chat_key": &p.chatKey,
		"pn": &p.pn, "lid": &p.lid, "contact_key": &p.contactKey,
	}[name]; to != nil {
		*to = index
		return true
	}
	for rank, primary := range primaryFields {
		if name == primary {
			p.primary[rank] = index
		}
	}
	if personFields[name] {
		p.people = append(p.people, index)
	}
	return personFields[name]
}

// isText reports whether a field may contain an address or a list of addresses.
func isText(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.String
}

var addressTypes sync.Map // reflect.Type -> bool: result of mayHoldAddresses

// HoldsAddresses reports whether values of a type can contain addresses.
func HoldsAddresses(t reflect.Type) bool {
	if known, ok := addressTypes.Load(t); ok {
		return known.(bool)
	}
	holds := mayHoldAddresses(t, nil)
	addressTypes.Store(t, holds)
	return holds
}

// mayHoldAddresses is HoldsAddresses without its cache; seen are the enclosing types.
func mayHoldAddresses(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return mayHoldAddresses(t.Elem(), seen)
	case reflect.Map:
		return t.Elem().Kind() == reflect.Interface
	case reflect.Interface:
		return true
	case reflect.Struct:
		if seen[t] {
			return false
		}
		inner := map[reflect.Type]bool{t: true}
		for known := range seen {
			inner[known] = true
		}
		return (&plan{primary: make([][]int, len(primaryFields))}).read(t, nil, inner)
	}
	return false
}
