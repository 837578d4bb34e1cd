package rpc

import "reflect"

// envelope contains the params members that every method shares.
type envelope struct {
	takeSession bool   // params may have the member session
	bound       string // session the principal is bound to; makes the member optional
	session     string
	meta        Meta
}

var metaPlan = func() *plan {
	p, err := planOf(reflect.TypeFor[Meta]())
	if err != nil {
		panic(err)
	}
	return p
}()

func (d *decoder) decodeSession(raw []byte, env *envelope) {
	const longest = 256 // characters of a session id
	one, most := 1.0, float64(longest)
	r := rules{min: &one, max: &most}
	if string(raw) == "null" {
		return
	}
	if raw[0] != '"' {
		d.addProblem("/session", "must be a string")
		return
	}
	env.session = unquote(raw)
	if text := r.checkString(env.session); text != "" {
		d.addProblem("/session", text)
	}
}

func (d *decoder) decodeMeta(raw []byte, env *envelope) {
	if string(raw) == "null" {
		return
	}
	if raw[0] != '{' {
		d.addProblem("/_meta", "must be an object")
		return
	}
	env.meta = Meta{}
	d.decodeObject(metaPlan, raw, reflect.ValueOf(&env.meta).Elem(), "/_meta")
	if t := env.meta.ProgressToken; len(t) > 0 && (t[0] != '"' && t[0] != '-' && (t[0] < '0' || t[0] > '9') || len(t) > maxID) {
		d.addProblem("/_meta/progress_token", "must be a short string or a number")
	}
}
