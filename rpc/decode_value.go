package rpc

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Decode reads an object that does not come as the params of a call, by the tags of P and with the errors that a call
// would get. It panics when the tags are wrong, as Register does.
func Decode[P any](raw json.RawMessage) (*P, *Error) {
	p, err := planOf(reflect.TypeFor[P]())
	if err != nil {
		panic(fmt.Sprintf("rpc: %v", err))
	}
	if err := checkJSON(raw, DefaultMaxDepth); err != nil {
		return nil, InvalidParams("", "not JSON: "+err.Error())
	}
	v := new(P)
	if problem := decodeParams(p, raw, reflect.ValueOf(v).Elem(), nil); problem != nil {
		return nil, problem
	}
	return v, nil
}
