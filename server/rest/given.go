package rest

import (
	"reflect"
	"strings"
)

// Param is a value of a request that is another one among the params.
type Param interface{ Param() any }

// Given are the params that a request has: those that its optional fields name (param=), where these are pointers and not
// nil. A value that is a Param becomes what it says.
func Given(in any) Params {
	request := reflect.ValueOf(in).Elem()
	params := Params{}
	for _, f := range planOf(request.Type()).fields {
		value := request.FieldByIndex(f.index)
		if f.param == "" || !f.value.pointer || value.IsNil() {
			continue
		}
		at, names := params, strings.Split(strings.TrimPrefix(f.param, "/"), "/")
		for _, name := range names[:len(names)-1] {
			inner, ok := at[name].(Params)
			if !ok {
				inner = Params{}
				at[name] = inner
			}
			at = inner
		}
		given := value.Elem().Interface()
		if p, ok := given.(Param); ok {
			given = p.Param()
		}
		at[names[len(names)-1]] = given
	}
	return params
}
