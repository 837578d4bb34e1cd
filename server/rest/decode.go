package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
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
		key := normalizeName(name)
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

func (d *decoder) addFault(kind FaultKind, path string, f *field, problem string) {
	fault := Fault{Field: path, Kind: kind, Problem: problem}
	if f != nil {
		fault.Text = f.bad
		if kind == FaultMissing && f.missing != "" {
			fault.Text = f.missing
		}
	}
	d.faults = append(d.faults, fault)
}

// decodeRequest fills the struct of a route.
func (d *decoder) decodeRequest(p *plan, src *source, into reflect.Value) {
	for _, f := range p.fields {
		target := into.FieldByIndex(f.index)
		if found := d.decodeField(f, src, target); !found && f.required && !isSet(target) {
			d.addFault(FaultMissing, f.name, f, "is required")
		}
		d.checkLength(f, f.name, target)
	}
}

// checkLength adds a fault for a text that is longer than the field takes.
func (d *decoder) checkLength(f *field, path string, target reflect.Value) {
	if text := reflect.Indirect(target); f.max > 0 && text.IsValid() && utf8.RuneCountInString(text.String()) > f.max {
		d.addFault(FaultValue, path, f, fmt.Sprintf("is longer than %d characters", f.max))
	}
}

// isSet reports whether a field is a pointer and the request has a value, which may be empty.
func isSet(target reflect.Value) bool { return target.Kind() == reflect.Pointer && !target.IsNil() }

// decodeField takes a field from the first place that has it.
func (d *decoder) decodeField(f *field, src *source, target reflect.Value) bool {
	if f.inPath {
		text := src.path(f.name)
		return text != "" && d.decodeTexts(f, f.name, []string{text}, target)
	}
	for _, name := range f.names {
		key := normalizeName(name)
		if !f.inQuery {
			if m, ok := src.body[key]; ok {
				return d.decodeValue(&f.value, f, f.name, m.value, target)
			}
			if file, ok := src.files[key]; ok && f.value.shape == shapeFile {
				f.value.settledTarget(target).Set(reflect.ValueOf(file))
				return true
			}
			if texts, ok := src.form[key]; ok {
				return d.decodeTexts(f, f.name, texts, target)
			}
		}
		if texts, ok := src.query[key]; ok {
			return d.decodeTexts(f, f.name, texts, target)
		}
	}
	return false
}

// settledTarget returns the place of the value itself, behind the pointer of an optional field.
func (v *valuePlan) settledTarget(target reflect.Value) reflect.Value {
	if v.pointer {
		target.Set(reflect.New(v.typ))
		return target.Elem()
	}
	return target
}

// decodeValue decodes JSON. It returns false for an empty value, which is not enough for a required field. Faults are
// added to d.
func (d *decoder) decodeValue(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	target = v.settledTarget(target)
	switch v.shape {
	case shapeAny:
		target.SetBytes(raw)
	case shapeObject:
		return d.decodeObject(v, f, path, raw, target)
	case shapeList, shapeStrings:
		return d.decodeList(v, f, path, raw, target)
	case shapeFile:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			d.addFault(FaultType, path, f, "must be a string")
			return true
		}
		target.Set(reflect.ValueOf(File{Text: text}))
		return text != ""
	case shapeString: // not by UnmarshalJSON, which types have for results
		var text string
		if json.Unmarshal(raw, &text) != nil {
			d.addFault(FaultType, path, f, "must be a string")
			return true
		}
		target.SetString(text)
		return text != ""
	default:
		if !matchesShape(v.shape, raw) || json.Unmarshal(raw, target.Addr().Interface()) != nil {
			d.addFault(FaultType, path, f, "must be "+v.shape.withArticle())
		}
	}
	return true
}

func (d *decoder) decodeObject(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	var text string
	if matchesShape(shapeString, raw) && json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text) // as in forms
	}
	members, err := objectOf(raw, v.object)
	if err != nil {
		d.addFault(FaultType, path, f, "must be an object")
		return true
	}
	for _, inner := range v.object.fields {
		found := false
		for _, name := range inner.names {
			if m, ok := members[normalizeName(name)]; ok {
				found = d.decodeValue(&inner.value, inner, path+"."+inner.name, m.value, target.FieldByIndex(inner.index))
				break
			}
		}
		if !found && inner.required && !isSet(target.FieldByIndex(inner.index)) {
			d.addFault(FaultMissing, path+"."+inner.name, inner, "is required")
		}
		d.checkLength(inner, path+"."+inner.name, target.FieldByIndex(inner.index))
	}
	return true
}

func (d *decoder) decodeList(v *valuePlan, f *field, path string, raw json.RawMessage, target reflect.Value) bool {
	if v.shape == shapeStrings {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			target.Set(reflect.ValueOf(Strings{one}).Convert(v.typ))
			return one != ""
		}
		var many []string
		if matchesShape(shapeList, raw) && json.Unmarshal(raw, &many) == nil {
			target.Set(reflect.ValueOf(Strings(many)).Convert(v.typ))
			return len(many) > 0
		}
		d.addFault(FaultType, path, f, "must be a list of strings")
		return true
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		d.addFault(FaultType, path, f, "must be a list")
		return true
	}
	list := reflect.MakeSlice(v.typ, len(items), len(items))
	for i, item := range items {
		d.decodeValue(v.elem, f, fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
	}
	target.Set(list)
	return len(items) > 0
}

// decodeTexts takes a field from a form, the query or the path, where everything is text.
func (d *decoder) decodeTexts(f *field, path string, texts []string, target reflect.Value) bool {
	v := &f.value
	if len(texts) == 0 {
		return false
	}
	switch v.shape {
	case shapeString:
		v.settledTarget(target).SetString(texts[0])
	case shapeFile:
		v.settledTarget(target).Set(reflect.ValueOf(File{Text: texts[0]}))
	case shapeStrings:
		v.settledTarget(target).Set(reflect.ValueOf(Strings(texts)).Convert(v.typ))
	case shapeList:
		if v.elem.shape != shapeString {
			return d.decodeValue(v, f, path, json.RawMessage(texts[0]), target)
		}
		v.settledTarget(target).Set(reflect.ValueOf(texts).Convert(v.typ))
	case shapeBool, shapeInt, shapeFloat:
		if texts[0] == "" {
			return false
		}
		if !parseText(v.settledTarget(target), v.shape, texts[0]) {
			d.addFault(FaultType, path, f, "must be "+v.shape.withArticle())
		}
		return true
	default: // objects come as JSON
		return d.decodeValue(v, f, path, json.RawMessage(texts[0]), target)
	}
	return texts[0] != ""
}

func parseText(target reflect.Value, s shape, text string) bool {
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

// matchesShape reports whether a value has the JSON type of a shape. encoding/json is more lenient.
func matchesShape(s shape, raw []byte) bool {
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

func (s shape) withArticle() string {
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
