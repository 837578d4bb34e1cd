package rest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// clone copies params with the objects in them; more is the number of params that will be added.
func (p Params) clone(more int) Params {
	out := make(Params, len(p)+more)
	for name, value := range p {
		if object, ok := value.(Params); ok {
			value = object.clone(0)
		}
		out[name] = value
	}
	return out
}

// passFields adds the params that the fields of a request become.
func (p *plan) passFields(in reflect.Value, prefix string, params Params) error {
	for _, f := range p.fields {
		value := in.FieldByIndex(f.index)
		if f.value.pointer && value.IsNil() || !f.value.pointer && !f.required && value.IsZero() {
			continue
		}
		if f.value.pointer {
			value = value.Elem()
		}
		if err := f.passField(value, prefix+f.name, params); err != nil {
			return err
		}
	}
	if c, ok := in.Addr().Interface().(Completer); ok {
		return c.CompleteParams(params)
	}
	return nil
}

func (f *field) passField(value reflect.Value, path string, params Params) error {
	if f.value.object != nil {
		return f.value.object.passFields(value, path+".", params)
	}
	if f.pointer == nil {
		return nil
	}
	given := value.Interface()
	switch typed := given.(type) {
	case Converter:
		converted, err := typed.ToParam(path)
		if err != nil || converted == nil {
			return err
		}
		given = converted
	case File:
		given = typed.Media()
	default:
		if f.value.elem == nil || f.value.elem.object == nil {
			break
		}
		items := make([]Params, value.Len())
		for i := range items {
			items[i] = Params{}
			if err := f.value.elem.object.passFields(value.Index(i), fmt.Sprintf("%s[%d].", path, i), items[i]); err != nil {
				return err
			}
		}
		given = items
	}
	params.put(f.pointer, given)
	return nil
}

// put sets the value at a JSON pointer. Objects that are there already get the members of an object that is put.
func (p Params) put(names []string, value any) {
	name := names[0]
	switch {
	case len(names) == 1:
		there, _ := p[name].(Params)
		if object, ok := value.(Params); ok && there != nil {
			for key, member := range object {
				there[key] = member
			}
			return
		}
		p[name] = value
	case isIndex(names[1]):
		i, _ := strconv.Atoi(names[1])
		list, _ := p[name].([]Params)
		for len(list) <= i {
			list = append(list, Params{})
		}
		p[name] = list
		list[i].put(names[2:], value)
	default:
		inner, ok := p[name].(Params)
		if !ok {
			inner = Params{}
			p[name] = inner
		}
		inner.put(names[1:], value)
	}
}

func isIndex(name string) bool { return name != "" && strings.Trim(name, "0123456789") == "" }
