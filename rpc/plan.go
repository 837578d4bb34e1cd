package rpc

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// shape is the JSON form of a Go type.
type shape int

const (
	shapeString shape = iota + 1
	shapeInt
	shapeUint
	shapeFloat
	shapeBool
	shapeStruct
	shapeSlice
	shapeMap
	shapeBytes  // []byte, base64
	shapeRaw    // json.RawMessage
	shapeAny    // interface
	shapeTime   // time.Time
	shapeCustom // json.Unmarshaler or encoding.TextUnmarshaler
)

// plan describes the decoding of a Go type; compiled once per type.
type plan struct {
	typ     reflect.Type
	shape   shape
	pointer bool // typ is a pointer and elem its plan
	elem    *plan
	fields  []*fieldPlan
	byName  map[string]*fieldPlan
}

// fieldPlan is one field of a struct.
type fieldPlan struct {
	name     string
	index    []int
	plan     *plan
	rules    rules
	doc      string
	optional bool // left out by encoding when empty; matters for results only
}

var (
	typeTime            = reflect.TypeFor[time.Time]()
	typeRaw             = reflect.TypeFor[json.RawMessage]()
	typeUnmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	typeTextUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

	planMu sync.Mutex
	plans  = make(map[reflect.Type]*plan)
)

// planOf compiles a params type, which must be a struct.
func planOf(t reflect.Type) (*plan, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("params must be a struct, not %s", t)
	}
	planMu.Lock()
	defer planMu.Unlock()
	return compile(t)
}

// compile returns the plan of a type; the caller holds planMu. A type that contains itself finds its own unfinished
// plan in the table.
func compile(t reflect.Type) (*plan, error) {
	if p := plans[t]; p != nil {
		return p, nil
	}
	p := &plan{typ: t}
	plans[t] = p
	if err := p.compile(); err != nil {
		delete(plans, t)
		return nil, err
	}
	return p, nil
}

func (p *plan) compile() (err error) {
	t := p.typ
	switch {
	case t == typeTime:
		p.shape = shapeTime
		return nil
	case t == typeRaw:
		p.shape = shapeRaw
		return nil
	case t.Kind() == reflect.Pointer:
		p.pointer = true
		p.elem, err = compile(t.Elem())
		return err
	case reflect.PointerTo(t).Implements(typeUnmarshaler), reflect.PointerTo(t).Implements(typeTextUnmarshaler):
		p.shape = shapeCustom
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		p.shape = shapeString
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.shape = shapeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.shape = shapeUint
	case reflect.Float32, reflect.Float64:
		p.shape = shapeFloat
	case reflect.Bool:
		p.shape = shapeBool
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return fmt.Errorf("cannot decode into %s", t)
		}
		p.shape = shapeAny
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			p.shape = shapeBytes
			return nil
		}
		p.shape = shapeSlice
		p.elem, err = compile(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return fmt.Errorf("cannot decode into %s: keys must be strings", t)
		}
		p.shape = shapeMap
		p.elem, err = compile(t.Elem())
	case reflect.Struct:
		p.shape = shapeStruct
		p.byName = make(map[string]*fieldPlan)
		err = p.compileFields(t, nil)
	default:
		return fmt.Errorf("cannot decode into %s", t)
	}
	return err
}

// compileFields adds the fields of t, found at index, to the plan; fields of embedded structs come up to it.
func (p *plan) compileFields(t reflect.Type, index []int) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		at := append(append([]int(nil), index...), i)
		if sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct {
			if err := p.compileFields(sf.Type, at); err != nil {
				return err
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		if p.byName[name] != nil {
			return fmt.Errorf("%s: two fields are named %q", p.typ, name)
		}
		fp, err := compile(sf.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, sf.Name, err)
		}
		f := &fieldPlan{
			name: name, index: at, plan: fp, doc: sf.Tag.Get("doc"),
			optional: strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero"),
		}
		if f.rules, err = parseRules(sf.Tag.Get("rpc"), fp); err != nil {
			return fmt.Errorf("%s.%s: %w", t, sf.Name, err)
		}
		p.fields = append(p.fields, f)
		p.byName[name] = f
	}
	return nil
}

// base is the plan below any pointers.
func (p *plan) base() *plan {
	for p.pointer {
		p = p.elem
	}
	return p
}
