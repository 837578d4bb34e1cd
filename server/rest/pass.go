package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Pass makes the route of an operation that is one call of one method. The params are the fields of In that have the tag
// param=, the answer are the fields of Out that have the tag from.
//
// A field of In becomes a param when the request has it: a pointer that is not nil, another value that is required or not
// zero. Objects may hold fields with pointers of their own, lists hold objects whose pointers are relative to the item. A
// Converter is converted, a File becomes its Media, and a Completer adds what tags cannot say.
//
// The tag from of a field of Out says where its value is:
//
//	from:"/group/name"  JSON pointer into the result; in items of lists relative to the item
//	from:"/failed_at|/archived_at"  the first of several that is neither null nor empty
//	from:"/users,by=/contact"  of a map: made of a list, by the text at the pointer in each item
//	from:"=Sent"  a literal text, number or boolean; of "=" the text of the option Says
//	from:"<id"  the value of the request's field with this documented name
//
// null and absent values become zero values, and empty lists and maps; a pointer stays nil. Types with UnmarshalJSON convert
// values. A Finisher is completed last.
func Pass[In, Out any](method, path, calls string, opts ...Option) Route {
	answer := answerOf(reflect.TypeFor[Out]())
	route := Row(method, path, calls, func(x *Exchange, in *In) (*Out, error) {
		out := new(Out)
		return out, pass(x, reflect.ValueOf(in).Elem(), answer, reflect.ValueOf(out).Elem())
	}, opts...)
	route.answer = answer
	route.whole.parse(route.opts.from)
	return route
}

// With adds params to a route made by Pass; those of the request count before them.
func With(params Params) Option { return func(o *options) { o.with = params } }

// From is the place of the whole answer of a route made by Pass, in the words of the tag from.
func From(tag string) Option { return func(o *options) { o.from = tag } }

// Says is the text of fields with the tag from:"=".
func Says(text string) Option { return func(o *options) { o.says = text } }

// OnError replaces the error of the call of a route made by Pass; nil = the answer is made of no result.
func OnError(replace func(err error) error) Option {
	return func(o *options) { o.onError = replace }
}

// Converter is a value of a request that is another one among the params. field is its documented name; the error is that
// of the request, such as Bad.
type Converter interface {
	Convert(field string) (any, error)
}

// Completer is a request, or an object in it, that checks its fields or adds params that depend on several of them.
type Completer interface {
	Complete(p Params) error
}

// Finisher is an answer, or an object in it, whose fields depend on each other. Its error is answered instead.
type Finisher interface {
	Finish() error
}

func pass(x *Exchange, in reflect.Value, answer *answerPlan, out reflect.Value) error {
	route := x.Route
	params := make(Params, len(route.opts.with)+len(route.request.fields))
	for name, value := range route.opts.with {
		params[name] = value
	}
	if err := route.request.pass(in, "", params); err != nil {
		return err
	}
	var raw json.RawMessage
	err := x.Call(route.Calls[0], params, &raw)
	if err != nil && route.opts.onError != nil {
		err = route.opts.onError(err)
	}
	if err != nil {
		return err
	}
	a := answering{route, in}
	return a.field(&route.whole, answer, &node{raw: raw}, out)
}

// Read calls a method and fills an answer by the tags from, as Pass does, for functions that make several calls. Tags that
// need the request or an option stay empty.
func (x *Exchange) Read(method string, params Params, answer any) error {
	var raw json.RawMessage
	if err := x.Call(method, params, &raw); err != nil {
		return err
	}
	out := reflect.ValueOf(answer).Elem()
	a := answering{route: x.Route, in: reflect.ValueOf(None{})}
	return a.value(answerOf(out.Type()), &node{raw: raw}, out)
}

// pass adds the params that the fields of a request become.
func (p *plan) pass(in reflect.Value, prefix string, params Params) error {
	for _, f := range p.fields {
		value := in.FieldByIndex(f.index)
		if f.value.pointer && value.IsNil() || !f.value.pointer && !f.required && value.IsZero() {
			continue
		}
		if f.value.pointer {
			value = value.Elem()
		}
		if err := f.pass(value, prefix+f.name, params); err != nil {
			return err
		}
	}
	if c, ok := in.Addr().Interface().(Completer); ok {
		return c.Complete(params)
	}
	return nil
}

func (f *field) pass(value reflect.Value, path string, params Params) error {
	if f.value.object != nil {
		return f.value.object.pass(value, path+".", params)
	}
	if f.param == "" {
		return nil
	}
	given := value.Interface()
	switch typed := given.(type) {
	case Converter:
		converted, err := typed.Convert(path)
		if err != nil {
			return err
		}
		given = converted
	case Param:
		given = typed.Param()
	case File:
		given = typed.Media()
	default:
		if f.value.elem == nil || f.value.elem.object == nil {
			break
		}
		items := make([]Params, value.Len())
		for i := range items {
			items[i] = Params{}
			if err := f.value.elem.object.pass(value.Index(i), fmt.Sprintf("%s[%d].", path, i), items[i]); err != nil {
				return err
			}
		}
		given = items
	}
	params.put(strings.Split(f.param[1:], "/"), given)
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

// answerPlan says how an answer is filled from a result.
type answerPlan struct {
	typ    reflect.Type
	fields []*answerField // of a struct with tags from
	elem   *answerPlan    // of a pointer, list or map
}

type answerField struct {
	index   []int
	text    bool // of the option Says
	literal string
	request string     // documented name of the request's field
	places  [][]string // pointers into the result
	by      []string   // pointer to the key, in each item
	value   *answerPlan
}

// answerOf makes the plan of a type, which may contain itself nowhere.
func answerOf(t reflect.Type) *answerPlan {
	p := &answerPlan{typ: t}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		p.elem = answerOf(t.Elem())
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			break
		}
		for _, sf := range reflect.VisibleFields(t) {
			if sf.Anonymous || !sf.IsExported() {
				continue
			}
			f := &answerField{index: sf.Index, value: answerOf(sf.Type)}
			if tag, tagged := sf.Tag.Lookup("from"); tagged {
				f.parse(tag)
			} else if !f.value.planned() {
				continue
			}
			p.fields = append(p.fields, f)
		}
	}
	return p
}

// planned reports whether values of the type are filled by tags; others are decoded.
func (p *answerPlan) planned() bool { return p.fields != nil || p.elem != nil && p.elem.planned() }

func (f *answerField) parse(tag string) {
	switch {
	case tag == "=":
		f.text = true
	case strings.HasPrefix(tag, "="):
		f.literal = tag[1:]
	case strings.HasPrefix(tag, "<"):
		f.request = tag[1:]
	default:
		tag, by, _ := strings.Cut(tag, ",by=")
		f.places, f.by = placesOf(tag), pointerOf(by)
	}
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

// first returns the first value that is there and not an empty text, else the last.
func (n *node) first(places [][]string) (found *node) {
	if len(places) == 0 {
		return n
	}
	for _, place := range places {
		if found = n.at(place); !found.empty() && string(found.raw) != `""` {
			break
		}
	}
	return found
}

// answering fills one answer.
type answering struct {
	route *Route
	in    reflect.Value
}

func (a *answering) field(f *answerField, p *answerPlan, n *node, target reflect.Value) error {
	switch {
	case f.text:
		target.SetString(a.route.opts.says)
		return nil
	case f.literal != "":
		return setLiteral(target, f.literal)
	case f.request != "":
		value := reflect.Indirect(a.in.FieldByIndex(a.route.request.byName[even(f.request)].index))
		if value.IsValid() {
			if target.Kind() == reflect.Pointer {
				target.Set(reflect.New(target.Type().Elem()))
				target = target.Elem()
			}
			target.Set(value.Convert(target.Type()))
		}
		return nil
	}
	n = n.first(f.places)
	if f.by == nil {
		return a.value(p, n, target)
	}
	if err := n.check('['); err != nil {
		return err
	}
	target.Set(reflect.MakeMap(p.typ))
	items := n.list()
	for i := range items {
		value := reflect.New(p.elem.typ).Elem()
		if err := a.value(p.elem, &items[i], value); err != nil {
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

// setLiteral sets a text, or what the text is in JSON.
func setLiteral(target reflect.Value, literal string) error {
	if target.Kind() == reflect.String {
		target.SetString(literal)
		return nil
	}
	return (&node{raw: []byte(literal)}).decodeInto(target)
}

func (a *answering) value(p *answerPlan, n *node, target reflect.Value) error {
	kind := p.typ.Kind()
	if n.empty() {
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
	case !p.planned():
		return n.decodeInto(target)
	case kind == reflect.Struct:
		return a.object(p, n, target)
	case kind == reflect.Pointer:
		target.Set(reflect.New(p.elem.typ))
		return a.value(p.elem, n, target.Elem())
	case kind == reflect.Map:
		if err := n.check('{'); err != nil {
			return err
		}
		target.Set(reflect.MakeMap(p.typ))
		members := n.object()
		for i := range members {
			value := reflect.New(p.elem.typ).Elem()
			if err := a.value(p.elem, &members[i].value, value); err != nil {
				return err
			}
			target.SetMapIndex(reflect.ValueOf(textOf(members[i].key)), value)
		}
		return nil
	}
	if err := n.check('['); err != nil {
		return err
	}
	items := n.list()
	target.Set(reflect.MakeSlice(p.typ, len(items), len(items)))
	for i := range items {
		if err := a.value(p.elem, &items[i], target.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (a *answering) object(p *answerPlan, n *node, target reflect.Value) error {
	if err := n.check('{'); err != nil {
		return err
	}
	for _, f := range p.fields {
		if err := a.field(f, f.value, n, target.FieldByIndex(f.index)); err != nil {
			return err
		}
	}
	if finisher, ok := target.Addr().Interface().(Finisher); ok {
		return finisher.Finish()
	}
	return nil
}
