package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
)

type plan struct{}
type Peer struct{}
type job struct{}

func (p *Peer) Notify(method string, params any) {}

type envelope struct {
	takeSession bool
	bound       string
	session     string
	meta        Meta
}

func planOf(reflect.Type) (*plan, error) { return &plan{}, nil }
func registerBuiltin(*Registry)          {}

func decodeParams(p *plan, raw json.RawMessage, into reflect.Value, env *envelope) *Error {
	m := map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &m); err != nil {
			return InvalidParams("", "must be an object")
		}
	}
	if env.takeSession {
		_ = json.Unmarshal(m["session"], &env.session)
		delete(m, "session")
	}
	delete(m, "_meta")
	b, _ := json.Marshal(m)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into.Addr().Interface()); err != nil {
		return InvalidParams("", err.Error())
	}
	return nil
}

func validationError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return InvalidParams("", err.Error())
}
