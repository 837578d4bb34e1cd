package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// source is where the values of a request come from, in the order in which they count.
type source struct {
	path  func(name string) string
	body  object
	form  map[string][]string
	files map[string]File
	query map[string][]string // by evened name
}

// object is a JSON object by evened names. Of twins such as chatId and chat_id the one spelled as documented counts, else
// the last.
type object map[string]member

type member struct {
	name  string
	value json.RawMessage
}

// errNull is null where an object should be.
var errNull = errors.New("null")

// objectOf reads a JSON object; its members stay encoded.
func objectOf(raw []byte, p *plan) (object, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errNull
	}
	o := make(object, len(members))
	for name, value := range members {
		if string(value) == "null" {
			continue // the same as absent
		}
		key := even(name)
		if there, twin := o[key]; twin {
			f := p.byName[key]
			if f == nil || f.name == there.name || f.name != name && there.name > name {
				continue
			}
		}
		o[key] = member{name, value}
	}
	return o, nil
}

// decoder fills a request and gathers what is wrong with it.
type decoder struct {
	faults []Fault
}

func (d *decoder) fault(kind FaultKind, path string, f *field, problem string) {
	fault := Fault{Field: path, Kind: kind, Problem: problem}
	if f != nil {
		fault.Text = f.bad
	}
	d.faults = append(d.faults, fault)
}

// request fills the struct of a route.
func (d *decoder) request(p *plan, src *source, into reflect.Value) {
	for _, f := range p.fields {
		target := into.FieldByIndex(f.index)
		if found := d.find(f, src, target); !found && f.required {
			d.fault(FaultMissing, f.name, f, "is required")
		}
	}
}

// find takes a field from the first place that has it.
func (d *decoder) find(f *field, src *source, target reflect.Value) bool {
	if f.inPath {
		text := src.path(f.name)
		return text != "" && d.texts(f, f.name, []string{text}, target)
	}
	for _, name := range f.names {
		key := even(name)
		if !f.inQuery {
			if m, ok := src.body[key]; ok {
				return d.value(&f.value, f, f.name, m.value, target)
			}
			if file, ok := src.files[key]; ok && f.value.shape == shapeFile {
				f.value.settle(target).Set(reflect.ValueOf(file))
				return true
			}
			if texts, ok := src.form[key]; ok {
				return d.texts(f, f.name, texts, target)
			}
		}
		if texts, ok := src.query[key]; ok {
			return d.texts(f, f.name, texts, target)
		}
	}
	return false
}

// settle returns the place of the value itself, behind the pointer of an optional field.
func (v *valuePlan) settle(target reflect.Value) reflect.Value {
	if v.pointer {
		target.Set(reflect.New(v.typ))
		return target.Elem()
	}
	return target
}

// value decodes JSON. It returns false for a value that is there but empty, which does not do for a required field. What
// is wrong is added to the faults.
func (d *decoder) value(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	target = v.settle(target)
	switch v.shape {
	case shapeAny:
		target.SetBytes(raw)
	case shapeObject:
		return d.object(v, f, path, raw, target)
	case shapeList, shapeStrings:
		return d.list(v, f, path, raw, target)
	case shapeFile:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			d.fault(FaultType, path, f, "must be a string")
			return true
		}
		target.Set(reflect.ValueOf(File{Text: text}))
		return text != ""
	default:
		if !matches(v.shape, raw) || json.Unmarshal(raw, target.Addr().Interface()) != nil {
			d.fault(FaultType, path, f, "must be "+v.shape.article())
			return true
		}
		return v.shape != shapeString || target.Len() > 0
	}
	return true
}

func (d *decoder) object(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	members, err := objectOf(raw, v.object)
	if err != nil {
		d.fault(FaultType, path, f, "must be an object")
		return true
	}
	for _, inner := range v.object.fields {
		found := false
		for _, name := range inner.names {
			if m, ok := members[even(name)]; ok {
				found = d.value(&inner.value, inner, path+"."+inner.name, m.value, target.FieldByIndex(inner.index))
				break
			}
		}
		if !found && inner.required {
			d.fault(FaultMissing, path+"."+inner.name, inner, "is required")
		}
	}
	return true
}

func (d *decoder) list(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	if v.shape == shapeStrings {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			target.Set(reflect.ValueOf(Strings{one}))
			return one != ""
		}
		var many []string
		if matches(shapeList, raw) && json.Unmarshal(raw, &many) == nil {
			target.Set(reflect.ValueOf(Strings(many)))
			return len(many) > 0
		}
		d.fault(FaultType, path, f, "must be a list of strings")
		return true
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		d.fault(FaultType, path, f, "must be a list")
		return true
	}
	list := reflect.MakeSlice(v.typ, len(items), len(items))
	for i, item := range items {
		d.value(v.elem, f, fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
	}
	target.Set(list)
	return len(items) > 0
}

// texts takes a field from a form, the query or the path, where everything is text.
func (d *decoder) texts(f *field, path string, texts []string, target reflect.Value) bool {
	v := &f.value
	if len(texts) == 0 {
		return false
	}
	switch v.shape {
	case shapeString:
		v.settle(target).SetString(texts[0])
	case shapeFile:
		v.settle(target).Set(reflect.ValueOf(File{Text: texts[0]}))
	case shapeStrings:
		v.settle(target).Set(reflect.ValueOf(Strings(texts)))
	case shapeList:
		if v.elem.shape != shapeString {
			return d.value(v, f, path, json.RawMessage(texts[0]), target)
		}
		v.settle(target).Set(reflect.ValueOf(texts).Convert(v.typ))
	case shapeBool, shapeInt, shapeFloat:
		if texts[0] == "" {
			return false
		}
		if !parse(v.settle(target), v.shape, texts[0]) {
			d.fault(FaultType, path, f, "must be "+v.shape.article())
		}
		return true
	default: // objects come as JSON
		return d.value(v, f, path, json.RawMessage(texts[0]), target)
	}
	return texts[0] != ""
}

func parse(target reflect.Value, s shape, text string) bool {
	switch s {
	case shapeBool:
		b, err := strconv.ParseBool(text)
		target.SetBool(b)
		return err == nil
	case shapeInt:
		n, err := strconv.ParseInt(text, 10, 64)
		target.SetInt(n)
		return err == nil
	default:
		n, err := strconv.ParseFloat(text, 64)
		target.SetFloat(n)
		return err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
}

// matches tells whether a value has the JSON type of a shape, which encoding/json judges more leniently.
func matches(s shape, raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return false
	}
	switch s {
	case shapeString, shapeFile:
		return raw[0] == '"'
	case shapeBool:
		return raw[0] == 't' || raw[0] == 'f'
	case shapeInt, shapeFloat:
		return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	case shapeList, shapeStrings:
		return raw[0] == '['
	}
	return true
}

func (s shape) article() string {
	switch s {
	case shapeString, shapeFile:
		return "a string"
	case shapeBool:
		return "true or false"
	case shapeInt:
		return "a whole number"
	case shapeFloat:
		return "a number"
	case shapeList, shapeStrings:
		return "a list"
	case shapeObject:
		return "an object"
	}
	return "a value"
}
