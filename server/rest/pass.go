package rest

import (
	"encoding/json"
	"reflect"
)

// Pass returns the route of an operation that is one call of one method. The fields of In with the tag param= become the
// params, the fields of Out with the tag from become the answer. Tags are parsed and request names are resolved here;
// CheckPointers compares the pointers with the schemas of the methods.
//
// A field of In becomes a param if the request has it: a pointer that is not nil, another value that is required or not
// zero. Objects may hold fields with pointers of their own, lists hold objects whose pointers are relative to the item. A
// Converter is converted, a File becomes its Media, and a Completer adds params that tags cannot express.
//
// The tag from of a field of Out is the source of its value:
//
//	from:"/group/name"  JSON pointer into the result; in items of lists relative to the item
//	from:"/failed_at|/archived_at"  the first of several that is neither null nor empty
//	from:"/users,by=/contact"  of a map: made of a list, by the text at the pointer in each item
//	from:"/skip_global,has=amqp"  of a boolean: true if the list contains the text
//	from:"#/entries"  of a number: the length of the list
//	from:"=Sent"  a literal text, number or boolean; {name} in a text is the value of a field of the request
//	from:"="  the text of the option Says
//	from:"<id"  the value of the request's field with this documented name
//
// null and absent values become zero values, and empty lists and maps; a pointer stays nil. Types with UnmarshalJSON convert
// values. A Finisher is completed last.
func Pass[In, Out any](method, path, calls string, opts ...Option) Route {
	return Row(method, path, calls, func(x *Exchange, _ *In) (*Out, error) {
		out := new(Out)
		return out, x.callMethod(reflect.ValueOf(out).Elem())
	}, append(opts, passesAnswer[Out]())...)
}

// passesAnswer marks a route made by Pass.
func passesAnswer[Out any]() Option { return func(o *options) { o.answer = reflect.TypeFor[Out]() } }

// passOptions are the options of a single call. Each form of OneOf has its own.
type passOptions struct {
	with    Params
	from    string
	says    string
	onError func(error) error
	adjust  func(x *Exchange, p Params) error
	first   *reading
	reads   []*reading
	answer  reflect.Type // of a route made by Pass
}

// With adds params to those of the request, which take precedence.
func With(params Params) Option { return func(o *options) { o.with = params } }

// From is the place of the whole answer of a route made by Pass, in the syntax of the tag from.
func From(tag string) Option { return func(o *options) { o.from = tag } }

// Says is the text of fields with the tag from:"=".
func Says(text string) Option { return func(o *options) { o.says = text } }

// OnError replaces the error of the call of a route made by Pass. nil = the answer is made of an empty result.
func OnError(replace func(err error) error) Option {
	return func(o *options) { o.onError = replace }
}

// Adjust changes the params of a route made by Pass before the call. Its error is answered.
func Adjust(adjust func(x *Exchange, p Params) error) Option {
	return func(o *options) { o.adjust = adjust }
}

// First calls a method before that of a route made by Pass and fills a T from its result. A Finisher's error is answered
// instead, which makes T a condition of the operation. replace, if not nil, replaces the error of the call, as OnError does.
func First[T any](method string, params Params, replace func(err error) error) Option {
	return func(o *options) {
		o.first = &reading{method: method, typ: reflect.TypeFor[T](), params: params, onError: replace}
	}
}

// Reads declares that the function of a route fills a T from results of a method with Exchange.Read. An empty method
// declares a T for Exchange.Fill.
func Reads[T any](method string) Option {
	return func(o *options) { o.reads = append(o.reads, &reading{method: method, typ: reflect.TypeFor[T]()}) }
}

// reading is a type that is filled from the result of a method.
type reading struct {
	method  string
	typ     reflect.Type
	params  Params
	onError func(error) error
	plan    *answerPlan
}

// Converter is a value of a request that becomes another value among the params; nil = no param. field is its documented
// name, for errors such as Bad.
type Converter interface {
	ToParam(field string) (any, error)
}

// Completer is a request, or an object in it, that checks its fields or adds params that depend on several of them.
type Completer interface {
	CompleteParams(p Params) error
}

// Finisher is an answer, or an object in it, whose fields depend on each other. Its error is answered instead.
type Finisher interface {
	FinishAnswer() error
}

// ExchangeFinisher is a Finisher whose fields also depend on the request, or on the answer of the option First (Exchange.Kept).
type ExchangeFinisher interface {
	FinishAnswerOf(x *Exchange) error
}

// Replier is an answer that returns a complete reply, such as one with another status or bytes.
type Replier interface {
	ToReply() (*Reply, error)
}

// compile makes the plans of the answers of a route.
func (r *Route) compile() {
	r.says = r.textOf(r.opts.says)
	for _, reading := range r.opts.reads {
		reading.plan = r.compileAnswer(reading.typ)
	}
	if first := r.opts.first; first != nil {
		first.plan = r.compileAnswer(first.typ)
		r.Calls = append([]string{first.method}, r.Calls...)
	}
	if r.opts.answer != nil {
		r.answer = r.compileAnswer(r.opts.answer)
		r.whole.parsePlaces(r.opts.from)
	}
}

// callMethod calls the method of a route made by Pass and fills the answer.
func (x *Exchange) callMethod(out reflect.Value) error {
	route := x.Route
	params, err := x.Params()
	if err == nil && route.opts.adjust != nil {
		err = route.opts.adjust(x, params)
	}
	if err == nil && route.opts.first != nil {
		err = x.callFirst(route.opts.first)
	}
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := replaceError(x.call(route.Calls[len(route.Calls)-1], params, &raw), route.opts.onError); err != nil {
		return err
	}
	return x.fillField(&route.whole, route.answer, &node{raw: raw}, out)
}

func (x *Exchange) callFirst(first *reading) error {
	var raw json.RawMessage
	if err := replaceError(x.call(first.method, first.params.clone(0), &raw), first.onError); err != nil {
		return err
	}
	answer := reflect.New(first.typ).Elem()
	if err := x.fillValue(first.plan, &node{raw: raw}, answer); err != nil {
		return err
	}
	x.Keep(answer.Interface())
	return nil
}

// Keep stores a value for the rest of the request; the T of the option First is stored in this way. Kept returns it; nil = none.
func (x *Exchange) Keep(value any) { x.kept = value }

// Kept returns the value that Keep stored last.
func (x *Exchange) Kept() any { return x.kept }

func replaceError(err error, replace func(error) error) error {
	if err != nil && replace != nil {
		return replace(err)
	}
	return err
}

// Params returns the params that the request has according to its tags, and those of the option With.
func (x *Exchange) Params() (Params, error) {
	params := x.Route.opts.with.clone(len(x.Route.request.fields))
	return params, x.Route.request.passFields(x.in, "", params)
}

// Read calls a method and fills an answer by its tags from, as Pass does. The route declares the type of the answer with
// Reads.
func (x *Exchange) Read(method string, params Params, answer any) error {
	var raw json.RawMessage
	if err := x.Call(method, params, &raw); err != nil {
		return err
	}
	return x.Fill(raw, answer)
}

// Fill fills an answer by its tags from. The route declares the type of the answer with Reads; Fill panics otherwise.
func (x *Exchange) Fill(raw json.RawMessage, answer any) error {
	out := reflect.ValueOf(answer).Elem()
	for _, reading := range x.Route.opts.reads {
		if reading.typ == out.Type() {
			return x.fillValue(reading.plan, &node{raw: raw}, out)
		}
	}
	panic("rest: " + x.Route.Method + " " + x.Route.Path + " does not declare that it reads a " + out.Type().String())
}
