package rest

import (
	"reflect"
	"testing"
)

type halved int

func (h halved) Param() any { return float64(h) / 2 }

func TestGiven(t *testing.T) {
	type request struct {
		Name   *string `rest:"name,param=/label"`
		Size   *halved `rest:"size,param=/options/size"`
		Colour *string `rest:"colour,param=/options/colour"`
		Off    *bool   `rest:"off,param=/options/more/off"`
		Plain  string  `rest:"plain,param=/plain"`
		Beside *int    `rest:"beside"`
	}
	text, size, off, n := "", halved(3), false, 1
	for _, c := range []struct {
		in   request
		want Params
	}{
		{request{Plain: "x", Beside: &n}, Params{}},
		{request{Name: &text}, Params{"label": ""}},
		{request{Size: &size, Off: &off}, Params{"options": Params{"size": 1.5, "more": Params{"off": false}}}},
		{request{Name: &text, Size: &size, Colour: &text}, Params{"label": "", "options": Params{"size": 1.5, "colour": ""}}},
	} {
		if got := Given(&c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}
