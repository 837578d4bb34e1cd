package rest_test

import (
	"reflect"
	"testing"

	"github.com/waystation/waystation/server/rest"
)

type halved int

func (h halved) ToParam(string) (any, error) { return float64(h) / 2, nil }

// The params of a route's function are those of Pass: pointers that are not nil.
func TestParams(t *testing.T) {
	type request struct {
		Name   *string `rest:"name,param=/label"`
		Size   *halved `rest:"size,param=/options/size"`
		Colour *string `rest:"colour,param=/options/colour"`
		Off    *bool   `rest:"off,param=/options/more/off"`
		Plain  string  `rest:"plain"`
		Beside *int    `rest:"beside"`
	}
	var got rest.Params
	s := newShim(t, &methods{t: t}, rest.Config{}, plain("d", rest.Row("POST", "/params", "", func(x *rest.Exchange, _ *request) (any, error) {
		params, err := x.Params()
		got = params
		return nil, err
	}, rest.With(rest.Params{"options": rest.Params{}, "fixed": 1}))))
	for body, want := range map[string]rest.Params{
		`{"plain":"x","beside":1}`:         {"options": rest.Params{}, "fixed": 1},
		`{"name":""}`:                      {"options": rest.Params{}, "fixed": 1, "label": ""},
		`{"size":3,"off":false}`:           {"fixed": 1, "options": rest.Params{"size": 1.5, "more": rest.Params{"off": false}}},
		`{"name":"","size":3,"colour":""}`: {"fixed": 1, "label": "", "options": rest.Params{"size": 1.5, "colour": ""}},
	} {
		if w := ask(s, "POST /params", body, "Token: ada"); w.Code != 200 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d, params %v, want %v", body, w.Code, got, want)
		}
	}
}
