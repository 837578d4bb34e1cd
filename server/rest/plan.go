package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// shape is the kind of a field's value.
type shape int

const (
	shapeString shape = iota
	shapeBool
	shapeInt
	shapeFloat
	shapeList    // of elem
	shapeStrings // Strings: one or many
	shapeObject  // with fields
	shapeFile
	shapeAny // json.RawMessage, as it came
)

// plan is the way in which a struct is filled from a request.
type plan struct {
	typ    reflect.Type
	fields []*field
	// byName has the fields by each of their normalized names.
	byName map[string]*field
	files  bool // somewhere in it is a File
}

type field struct {
	name     string // as documented
	names    []string
	index    []int
	required bool
	inPath   bool
	inQuery  bool
	param    string // JSON pointer of the method's param it becomes
	pointer  []string
	bad      string
	missing  string
	enum     []string
	max      int // characters of a text; 0 = no limit
	doc      string
	value    valuePlan
	inForms  []*field // the field in the other forms of OneOf
}

type valuePlan struct {
	shape   shape
	typ     reflect.Type // without the pointer
	pointer bool
	elem    *valuePlan
	object  *plan
}

var (
	typeRaw     = reflect.TypeFor[json.RawMessage]()
	typeStrings = reflect.TypeFor[Strings]()
	typeFile    = reflect.TypeFor[File]()

	typeOneOrMany = reflect.TypeFor[OneOrMany]()
)

func planOf(t reflect.Type) *plan {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("rest: a request must be a struct, not %s", t))
	}
	p := &plan{typ: t, byName: make(map[string]*field)}
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Anonymous || !sf.IsExported() {
			continue // the fields of embedded structs come by themselves
		}
		f := fieldOf(t, sf)
		for _, name := range f.names {
			if p.byName[normalizeName(name)] != nil {
				panic(fmt.Sprintf("rest: %s: two fields are named %s", t, name))
			}
			p.byName[normalizeName(name)] = f
		}
		p.files = p.files || f.value.hasFile()
		p.fields = append(p.fields, f)
	}
	return p
}

func fieldOf(t reflect.Type, sf reflect.StructField) *field {
	f := &field{index: sf.Index, doc: sf.Tag.Get("doc"), bad: sf.Tag.Get("bad"), missing: sf.Tag.Get("missing"), value: valueOf(sf.Type)}
	parts := strings.Split(sf.Tag.Get("rest"), ",")
	if f.name = parts[0]; f.name == "" {
		f.name = sf.Name
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "required":
			f.required = true
		case "path":
			f.inPath, f.required = true, true
		case "query":
			f.inQuery = true
		case "param":
			f.param, f.pointer = value, pointerOf(value)
		case "below":
			if f.value.object == nil {
				panic(fmt.Sprintf("rest: %s.%s: below= is for objects", t, sf.Name))
			}
			f.param, f.pointer = value, pointerOf(value)
			f.value.object.prefixParams(f.param, f.pointer)
		default:
			panic(fmt.Sprintf("rest: %s.%s: unknown tag %q", t, sf.Name, part))
		}
	}
	if enum := sf.Tag.Get("enum"); enum != "" {
		f.enum = strings.Split(enum, "|")
	}
	if limit := sf.Tag.Get("max"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || f.value.shape != shapeString {
			panic(fmt.Sprintf("rest: %s.%s: the tag max is the number of characters of a text", t, sf.Name))
		}
		f.max = n
	}
	f.names = []string{f.name}
	if also := sf.Tag.Get("also"); also != "" {
		f.names = append(f.names, strings.Split(also, "|")...)
	}
	return f
}

// prefixParams moves the params of the fields of an object below the param that the object becomes.
func (p *plan) prefixParams(param string, pointer []string) {
	for _, f := range p.fields {
		if f.pointer != nil {
			f.param, f.pointer = param+f.param, slices.Concat(pointer, f.pointer)
		}
		if f.value.object != nil {
			f.value.object.prefixParams(param, pointer)
		}
	}
}

func (v *valuePlan) hasFile() bool {
	return v.shape == shapeFile || v.object != nil && v.object.files || v.elem != nil && v.elem.hasFile()
}

func valueOf(t reflect.Type) valuePlan {
	v := valuePlan{typ: t}
	if t.Kind() == reflect.Pointer {
		v.pointer, v.typ = true, t.Elem()
	}
	switch {
	case v.typ.Kind() == reflect.Slice && v.typ.Elem().Kind() == reflect.Uint8: // json.RawMessage and types made of it
		v.shape = shapeAny
		return v
	case v.typ == typeStrings || v.typ.Implements(typeOneOrMany):
		v.shape = shapeStrings
		return v
	case v.typ == typeFile:
		v.shape = shapeFile
		return v
	}
	switch v.typ.Kind() {
	case reflect.String:
		v.shape = shapeString
	case reflect.Bool:
		v.shape = shapeBool
	case reflect.Int, reflect.Int64:
		v.shape = shapeInt
	case reflect.Float64:
		v.shape = shapeFloat
	case reflect.Slice:
		elem := valueOf(v.typ.Elem())
		v.shape, v.elem = shapeList, &elem
	case reflect.Struct:
		v.shape, v.object = shapeObject, planOf(v.typ)
	default:
		panic(fmt.Sprintf("rest: cannot decode into %s", t))
	}
	return v
}

// normalizeName brings a name into the form in which names are compared.
func normalizeName(name string) string {
	plain := true
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	return strings.ToLower(separators.Replace(name))
}

// separators are not looked at in names. It costs 16 KB to make, so there is one.
var separators = strings.NewReplacer("_", "", "-", "")

// documentedName finds the name a document has for a param of a method, by the longest pointer that leads to it.
func (p *plan) documentedName(pointer string) (name string, f *field) {
	name, f, _ = p.nameOf(pointer)
	return name, f
}

// nameOf is documentedName, with the length of the part of the pointer that leads to the field.
func (p *plan) nameOf(pointer string) (name string, f *field, length int) {
	best := -1
	for _, candidate := range p.fields {
		if candidate.value.object != nil {
			if inner, g, n := candidate.value.object.nameOf(pointer); g != nil && n > best {
				best, name, f = n, candidate.name+"."+inner, g
			}
		}
		if item, g, n := candidate.itemName(pointer); g != nil && n > best {
			best, name, f = n, item, g
			continue
		}
		if candidate.param != "" && len(candidate.param) > best && (pointer == candidate.param || strings.HasPrefix(pointer, candidate.param+"/")) {
			best, name, f = len(candidate.param), candidate.name, candidate
		}
	}
	return name, f, best
}

// itemName finds the name of an item of a list, or of something inside an item that is an object, whose params are relative to
// the item's, and the length of the pointer to it.
func (f *field) itemName(pointer string) (name string, inner *field, length int) {
	rest, under := strings.CutPrefix(pointer, f.param+"/")
	index, inside, ok := strings.Cut(rest, "/")
	if f.param == "" || !under || f.value.elem == nil {
		return "", nil, 0
	}
	length = len(f.param) + 1 + len(index)
	if f.value.elem.object == nil {
		return f.name + "[" + index + "]", f, length
	}
	if !ok {
		return "", nil, 0
	}
	name, inner, more := f.value.elem.object.nameOf("/" + inside)
	return f.name + "[" + index + "]." + name, inner, length + more
}
