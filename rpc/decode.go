package rpc

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/kit/base64text"

	"github.com/waystation/waystation/rpc/suggest"
)

// maxFieldProblems bounds how many bad fields one answer lists.
const maxFieldProblems = 50

// maxProblemText bounds the text of one problem that a custom type reports, in bytes.
const maxProblemText = 200

// decodeParams decodes checked JSON into a struct and lists every bad field.
func decodeParams(p *plan, raw json.RawMessage, into reflect.Value, env *envelope) *Error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	} else if raw[0] != '{' {
		return InvalidParams("", "params must be an object: this server takes them by name")
	}
	d := decoder{env: env}
	d.decodeObject(p, raw, into, "")
	if len(d.problems) > 0 {
		return InvalidFields(d.problems)
	}
	return nil
}

func validationError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var fields Fields
	if errors.As(err, &fields) {
		return InvalidFields(fields)
	}
	return InvalidParams("", clipText(err.Error()))
}

type decoder struct {
	problems Fields
	env      *envelope // set while the top level is being decoded
}

func (d *decoder) addProblem(pointer, text string) {
	if len(d.problems) < maxFieldProblems {
		d.problems = append(d.problems, Field{Pointer: pointer, Problem: text})
	}
}

func clipText(s string) string {
	if len(s) > maxProblemText {
		s = strings.ToValidUTF8(s[:maxProblemText], "") + "..."
	}
	return s
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func childPointer(pointer, name string) string {
	if strings.ContainsAny(name, "~/") {
		name = pointerEscapes.Replace(name)
	}
	return pointer + "/" + clipText(name)
}

// decodeObject decodes an object into a struct.
func (d *decoder) decodeObject(p *plan, raw []byte, into reflect.Value, pointer string) {
	env := d.env
	d.env = nil
	var buf [16]bool
	seen := buf[:]
	if len(p.fields) > len(seen) {
		seen = make([]bool, len(p.fields))
	}
	sessionSeen := false
	eachMember(raw, func(name string, value []byte) bool {
		if env != nil {
			if name == "_meta" {
				d.decodeMeta(value, env)
				return true
			}
			if name == "session" && env.takeSession {
				if sessionSeen {
					d.addProblem("/session", "given twice")
				}
				sessionSeen = string(value) != "null"
				d.decodeSession(value, env)
				if p.byName[name] == nil {
					return true
				}
			}
		}
		f := p.byName[name]
		if f == nil {
			d.addProblem(childPointer(pointer, name), "unknown field"+suggest.Hint(name, p.memberNames(env)))
			return len(d.problems) < maxFieldProblems
		}
		at := childPointer(pointer, name)
		for i := range p.fields { // few fields: a scan is cheaper than a map of seen names
			if p.fields[i] == f {
				if seen[i] {
					d.addProblem(at, "given twice")
					return true
				}
				// null stands for absent, so that a required field must have a value.
				seen[i] = string(value) != "null" || f.plan.base().shape == shapeRaw || f.plan.shape == shapeCustom
			}
		}
		d.decodeValue(f.plan, &f.rules, value, into.FieldByIndex(f.index), at)
		return true
	})
	for i, f := range p.fields {
		if f.rules.required && !seen[i] {
			d.addProblem(childPointer(pointer, f.name), "required")
		}
	}
	if env != nil && env.takeSession && !sessionSeen && env.bound == "" {
		d.addProblem("/session", "required: the credential is not bound to one session")
	}
}

// memberNames lists the members of an object that are known, with those of every method when env is not nil.
func (p *plan) memberNames(env *envelope) []string {
	list := make([]string, 0, len(p.fields)+2)
	for _, f := range p.fields {
		list = append(list, f.name)
	}
	if env != nil {
		list = append(list, "_meta")
		if env.takeSession && p.byName["session"] == nil {
			list = append(list, "session")
		}
	}
	return list
}

// decodeValue decodes any value and checks its rules.
func (d *decoder) decodeValue(p *plan, r *rules, raw []byte, into reflect.Value, pointer string) {
	null := raw[0] == 'n'
	for p.pointer {
		if null {
			into.SetZero()
			return
		}
		into.Set(reflect.New(p.elem.typ))
		into, p = into.Elem(), p.elem
	}
	switch p.shape {
	case shapeRaw:
		into.SetBytes(raw)
		return
	case shapeCustom:
		d.decodeCustom(r, raw, into, pointer)
		return
	}
	if null {
		return
	}
	before := len(d.problems)
	if text := d.decodePlain(p, r, raw, into, pointer); text != "" {
		d.addProblem(pointer, text)
		return
	}
	if len(d.problems) == before {
		if text := r.checkValue(p, into); text != "" {
			d.addProblem(pointer, text)
		}
	}
}

// decodePlain decodes a value that is not null, raw or custom, and returns the problem with its type.
func (d *decoder) decodePlain(p *plan, r *rules, raw []byte, into reflect.Value, pointer string) string {
	c := raw[0]
	switch p.shape {
	case shapeString:
		if c != '"' {
			return "must be a string"
		}
		text := unquote(raw)
		if strings.IndexByte(text, 0) >= 0 {
			return "must not hold the character U+0000" // no text needs it, and not every database keeps it
		}
		into.SetString(text)
	case shapeBool:
		if c != 't' && c != 'f' {
			return "must be true or false"
		}
		into.SetBool(c == 't')
	case shapeInt, shapeUint, shapeFloat:
		return decodeNumber(p, raw, into)
	case shapeTime:
		if c != '"' {
			return "must be a time in RFC 3339 form"
		}
		t, err := time.Parse(time.RFC3339, unquote(raw))
		if err != nil {
			return "must be a time in RFC 3339 form with an offset"
		}
		into.Set(reflect.ValueOf(t))
	case shapeBytes:
		if c != '"' {
			return "must be a string in base64"
		}
		b, err := base64text.Decode(unquote(raw))
		if err != nil {
			return "must be a string in base64"
		}
		into.SetBytes(b)
	case shapeAny:
		var v any
		_ = json.Unmarshal(raw, &v) // was checked
		into.Set(reflect.ValueOf(v))
	case shapeStruct:
		if c != '{' {
			return "must be an object"
		}
		d.decodeObject(p, raw, into, pointer)
	case shapeSlice:
		if c != '[' {
			return "must be an array"
		}
		d.decodeSlice(p, r, raw, into, pointer)
	case shapeMap:
		if c != '{' {
			return "must be an object"
		}
		d.decodeMap(p, r, raw, into, pointer)
	}
	return ""
}

func decodeNumber(p *plan, raw []byte, into reflect.Value) string {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		if p.shape == shapeFloat {
			return "must be a number"
		}
		return "must be an integer"
	}
	s := string(raw)
	switch p.shape {
	case shapeFloat:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || into.OverflowFloat(n) {
			return "is out of range"
		}
		into.SetFloat(n)
	case shapeInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			f, whole := wholeNumber(s)
			if !whole {
				return "must be an integer"
			}
			if f < -(1<<53) || f > 1<<53 {
				return "is out of range"
			}
			n = int64(f)
		}
		if into.OverflowInt(n) {
			return "is out of range"
		}
		into.SetInt(n)
	case shapeUint:
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			f, whole := wholeNumber(s)
			if !whole {
				return "must be an integer"
			}
			if f < 0 {
				return "must not be negative"
			}
			if f > 1<<53 {
				return "is out of range"
			}
			n = uint64(f)
		}
		if into.OverflowUint(n) {
			return "is out of range"
		}
		into.SetUint(n)
	}
	return ""
}

// wholeNumber accepts 1.0 and 1e3, which JSON Schema counts as integers.
func wholeNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil { // out of range, but an integer if it says so
		return f, math.IsInf(f, 0)
	}
	return f, f == math.Trunc(f)
}

func (d *decoder) decodeSlice(p *plan, r *rules, raw []byte, into reflect.Value, pointer string) {
	n := 0
	eachElement(raw, func(int, []byte) bool { n++; return true })
	if r.max != nil && float64(n) > *r.max {
		d.addProblem(pointer, r.checkLength(n, "items"))
		return
	}
	list := reflect.MakeSlice(p.typ, n, n)
	each := r.ofElements(p)
	eachElement(raw, func(i int, value []byte) bool {
		at := pointer + "/" + strconv.Itoa(i)
		if string(value) == "null" && !p.elem.pointer && p.elem.shape != shapeRaw && p.elem.shape != shapeAny {
			d.addProblem(at, "must not be null")
		} else {
			d.decodeValue(p.elem, each, value, list.Index(i), at)
		}
		return len(d.problems) < maxFieldProblems
	})
	into.Set(list)
}

// ofElements are the rules for elements: each.*, and the list's own enum and format, which can only mean its strings.
func (r *rules) ofElements(p *plan) *rules {
	if r.each == nil && r.enum == nil && r.format == "" {
		return &rules{}
	}
	each := rules{}
	if r.each != nil {
		each = *r.each
	}
	if p.elem.base().shape != shapeSlice {
		if each.enum == nil {
			each.enum = r.enum
		}
		if each.format == "" {
			each.format = r.format
		}
	}
	return &each
}

func (d *decoder) decodeMap(p *plan, r *rules, raw []byte, into reflect.Value, pointer string) {
	m := reflect.MakeMap(p.typ)
	each := r.each
	if each == nil {
		each = &rules{}
	}
	eachMember(raw, func(name string, value []byte) bool {
		v := reflect.New(p.elem.typ).Elem()
		d.decodeValue(p.elem, each, value, v, childPointer(pointer, name))
		m.SetMapIndex(reflect.ValueOf(name).Convert(p.typ.Key()), v)
		return len(d.problems) < maxFieldProblems
	})
	into.Set(m)
}

func (d *decoder) decodeCustom(r *rules, raw []byte, into reflect.Value, pointer string) {
	var err error
	switch v := into.Addr().Interface().(type) {
	case json.Unmarshaler:
		err = v.UnmarshalJSON(raw)
	case encoding.TextUnmarshaler:
		switch raw[0] {
		case 'n':
			return
		case '"':
			text := unquote(raw)
			if problem := r.checkText(text); problem != "" {
				d.addProblem(pointer, problem)
				return
			}
			err = v.UnmarshalText([]byte(text))
		default:
			d.addProblem(pointer, "must be a string")
			return
		}
	}
	if err == nil {
		return
	}
	var fields Fields
	if errors.As(err, &fields) { // pointers of a custom type are relative to it
		for _, f := range fields {
			d.addProblem(pointer+f.Pointer, f.Problem)
		}
		return
	}
	d.addProblem(pointer, clipText(err.Error()))
}
