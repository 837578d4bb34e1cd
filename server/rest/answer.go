package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// answerPlan is the way in which an answer is filled from a result.
type answerPlan struct {
	typ    reflect.Type
	fields []*answerField // of a struct with tags from
	elem   *answerPlan    // of a pointer, list or map
}

type answerField struct {
	name    string // in Go
	index   []int
	text    bool          // of the option Says
	literal reflect.Value // of another type than a text
	parts   textParts     // of a literal text
	request *field        // the request's field
	count   bool          // the length of the list at the place
	places  [][]string    // pointers into the result
	by      []string      // pointer to the key, in each item
	has     string        // text that the list may contain
	value   *answerPlan
}

// textParts are the parts of a text: literal ones, and fields of the request.
type textParts []textPart

type textPart struct {
	literal string
	field   *field
}

// compileAnswer makes the plan of a type, which must not contain itself. It panics on a tag that names no field of the request.
func (r *Route) compileAnswer(t reflect.Type) *answerPlan {
	p := &answerPlan{typ: t}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		p.elem = r.compileAnswer(t.Elem())
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			break
		}
		for _, sf := range reflect.VisibleFields(t) {
			if sf.Anonymous || !sf.IsExported() {
				continue
			}
			f := &answerField{name: t.String() + "." + sf.Name, index: sf.Index, value: r.compileAnswer(sf.Type)}
			tag, tagged := sf.Tag.Lookup("from")
			if !tagged && !f.value.isPlanned() {
				continue
			}
			if tagged {
				r.compileField(f, tag)
			}
			f.prefixPlaces(embeddedPlace(t, sf.Index))
			p.fields = append(p.fields, f)
		}
	}
	return p
}

// isPlanned reports whether values of the type are filled by tags; others are decoded.
func (p *answerPlan) isPlanned() bool { return p.fields != nil || p.elem != nil && p.elem.isPlanned() }

func (r *Route) compileField(f *answerField, tag string) {
	switch literal, isLiteral := strings.CutPrefix(tag, "="); {
	case tag == "=":
		f.text = true
	case isLiteral && f.value.typ.Kind() == reflect.String:
		f.parts = r.textOf(literal)
	case isLiteral:
		f.literal = reflect.New(f.value.typ).Elem()
		if err := json.Unmarshal([]byte(literal), f.literal.Addr().Interface()); err != nil {
			panic(fmt.Sprintf("rest: %s %s: %s: %v", r.Method, r.Path, f.name, err))
		}
	case strings.HasPrefix(tag, "<"):
		f.request = r.requestField(tag[1:], f.name)
	default:
		f.parsePlaces(tag)
	}
}

func (f *answerField) parsePlaces(tag string) {
	tag, f.count = strings.CutPrefix(tag, "#")
	tag, by, _ := strings.Cut(tag, ",by=")
	tag, f.has, _ = strings.Cut(tag, ",has=")
	f.places, f.by = placesOf(tag), pointerOf(by)
}

// embeddedPlace returns the place of an embedded struct whose field has the index: the tags from of the structs around it.
func embeddedPlace(t reflect.Type, index []int) (place []string) {
	for depth := 1; depth < len(index); depth++ {
		place = append(place, pointerOf(t.FieldByIndex(index[:depth]).Tag.Get("from"))...)
	}
	return place
}

// prefixPlaces moves the places of a field below another place.
func (f *answerField) prefixPlaces(place []string) {
	if place == nil {
		return
	}
	if f.places == nil {
		f.places = [][]string{nil}
	}
	for i, inner := range f.places {
		f.places[i] = append(slices.Clip(place), inner...)
	}
}

// requestField returns the request's field with a documented name; user is the place that names it.
func (r *Route) requestField(name, user string) *field {
	f := r.request.byName[normalizeName(name)]
	if f == nil {
		panic(fmt.Sprintf("rest: %s %s: %s: the request has no field %s", r.Method, r.Path, user, name))
	}
	return f
}

// textOf parses a text with names of the request's fields in braces.
func (r *Route) textOf(text string) (parts textParts) {
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(parts, textPart{literal: text})
		}
		parts = append(parts, textPart{literal: before}, textPart{field: r.requestField(name, text)})
		text = after
	}
}

// fillText returns the text with the values of the request.
func (parts textParts) fillText(x *Exchange) string {
	if len(parts) == 1 {
		return parts[0].literal
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.literal)
		if part.field != nil {
			if value := reflect.Indirect(x.in.FieldByIndex(part.field.index)); value.IsValid() {
				fmt.Fprint(&b, value.Interface())
			}
		}
	}
	return b.String()
}

func placesOf(tag string) (places [][]string) {
	for place := range strings.SplitSeq(tag, "|") {
		places = append(places, pointerOf(place))
	}
	return places
}

func pointerOf(text string) []string {
	if text = strings.TrimPrefix(text, "/"); text == "" {
		return nil
	}
	return strings.Split(text, "/")
}

// firstOf returns the first value that is there and not an empty text, else the last.
func (n *node) firstOf(places [][]string) (found *node) {
	if len(places) == 0 {
		return n
	}
	for _, place := range places {
		if found = n.at(place); !found.isEmpty() && string(found.raw) != `""` {
			break
		}
	}
	return found
}

func (x *Exchange) fillField(f *answerField, p *answerPlan, n *node, target reflect.Value) error {
	switch {
	case f.text:
		target.SetString(x.Route.says.fillText(x))
		return nil
	case f.parts != nil:
		target.SetString(f.parts.fillText(x))
		return nil
	case f.literal.IsValid():
		target.Set(f.literal)
		return nil
	case f.request != nil:
		x.repeatField(f.request, target)
		return nil
	}
	n = n.firstOf(f.places)
	switch {
	case f.count:
		target.SetInt(int64(len(n.items())))
		return nil
	case f.has != "":
		return x.fillHas(f.has, n, target)
	case f.by != nil:
		return x.fillKeyed(f, p, n, target)
	}
	return x.fillValue(p, n, target)
}

// repeatField sets the value of a field of the request.
func (x *Exchange) repeatField(f *field, target reflect.Value) {
	value := reflect.Indirect(x.in.FieldByIndex(f.index))
	if !value.IsValid() {
		return
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	target.Set(value.Convert(target.Type()))
}

// fillHas sets whether a list of texts contains one.
func (x *Exchange) fillHas(text string, n *node, target reflect.Value) error {
	var texts []string
	if err := n.decode(&texts); err != nil {
		return err
	}
	target.SetBool(slices.Contains(texts, text))
	return nil
}

// fillKeyed fills a map from a list.
func (x *Exchange) fillKeyed(f *answerField, p *answerPlan, n *node, target reflect.Value) error {
	if err := n.checkKind('['); err != nil {
		return err
	}
	target.Set(reflect.MakeMap(p.typ))
	items := n.items()
	for i := range items {
		value := reflect.New(p.elem.typ).Elem()
		if err := x.fillValue(p.elem, &items[i], value); err != nil {
			return err
		}
		var key string
		if err := items[i].at(f.by).decode(&key); err != nil {
			return err
		}
		target.SetMapIndex(reflect.ValueOf(key), value)
	}
	return nil
}

func (x *Exchange) fillValue(p *answerPlan, n *node, target reflect.Value) error {
	kind := p.typ.Kind()
	if n.isEmpty() {
		switch kind {
		case reflect.Slice:
			if p.typ != typeRaw {
				target.Set(reflect.MakeSlice(p.typ, 0, 0))
			}
			return nil
		case reflect.Map:
			target.Set(reflect.MakeMap(p.typ))
			return nil
		case reflect.Pointer:
			return nil
		}
	}
	switch {
	case !p.isPlanned():
		return n.decodeInto(target)
	case kind == reflect.Struct:
		return x.fillObject(p, n, target)
	case kind == reflect.Pointer:
		target.Set(reflect.New(p.elem.typ))
		return x.fillValue(p.elem, n, target.Elem())
	case kind == reflect.Map:
		if err := n.checkKind('{'); err != nil {
			return err
		}
		target.Set(reflect.MakeMap(p.typ))
		members := n.members()
		for i := range members {
			value := reflect.New(p.elem.typ).Elem()
			if err := x.fillValue(p.elem, &members[i].value, value); err != nil {
				return err
			}
			target.SetMapIndex(reflect.ValueOf(textOf(members[i].key)), value)
		}
		return nil
	}
	if err := n.checkKind('['); err != nil {
		return err
	}
	items := n.items()
	target.Set(reflect.MakeSlice(p.typ, len(items), len(items)))
	for i := range items {
		if err := x.fillValue(p.elem, &items[i], target.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) fillObject(p *answerPlan, n *node, target reflect.Value) error {
	if err := n.checkKind('{'); err != nil {
		return err
	}
	for _, f := range p.fields {
		if err := x.fillField(f, f.value, n, target.FieldByIndex(f.index)); err != nil {
			return err
		}
	}
	switch answer := target.Addr().Interface().(type) {
	case Finisher:
		return answer.FinishAnswer()
	case ExchangeFinisher:
		return answer.FinishAnswerOf(x)
	}
	return nil
}
