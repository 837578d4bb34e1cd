package rest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

type colours struct{}

func (colours) WordPairs() map[string]string {
	return map[string]string{"red": "rouge", "blue": "bleu"}
}

// optionalText is no param if it is empty.
type optionalText string

func (o optionalText) ToParam(string) (any, error) {
	if o == "" {
		return nil, nil //nolint:nilnil // no param and no error
	}
	return string(o), nil
}

type formsRequest struct {
	ID     int                `rest:"id,path,param=/id"`
	URL    *string            `rest:"url,required,param=/url"`
	Since  *optionalText      `rest:"since,param=/since"`
	Colour rest.Word[colours] `rest:"colour,param=/colour"`
}

// condition is read before the call.
type condition struct {
	Ready bool `from:"/ready"`
}

func (c *condition) FinishAnswer() error {
	if !c.Ready {
		return rest.State("not ready")
	}
	return nil
}

type formsAnswer struct {
	Text    string             `json:"text" from:"=Entry {id} of {url}"`
	Says    string             `json:"says" from:"="`
	Count   int                `json:"count" from:"#/entries"`
	None    int                `json:"none" from:"#/nothing"`
	Has     bool               `json:"has" from:"/names,has=b"`
	Lacks   bool               `json:"lacks" from:"/names,has=x"`
	Second  string             `json:"second" from:"/names/1"`
	Beyond  string             `json:"beyond" from:"/names/9"`
	Colour  rest.Word[colours] `json:"colour" from:"/colour"`
	Same    rest.Word[colours] `json:"same" from:"/other"`
	Asked   string             `json:"asked" from:"<colour"`
	options `from:"/deep/options"`
}

type options struct {
	Size int `json:"size" from:"/size"`
}

// created is answered with a status of its own.
type created struct {
	ID string `json:"id" from:"/id"`
}

func (c *created) ToReply() (*rest.Reply, error) {
	if c.ID == "" {
		return nil, rest.State("no id")
	}
	return &rest.Reply{Status: 201, Body: c}, nil
}

func TestPassForms(t *testing.T) {
	result := object{}
	ready := true
	m := &methods{t: t, table: map[string]func(object) (any, *rpc.Error){
		"a.main":  func(object) (any, *rpc.Error) { return result, nil },
		"a.first": func(object) (any, *rpc.Error) { return object{"ready": ready}, nil },
		"a.gone":  func(object) (any, *rpc.Error) { return nil, rpc.NotFound("gone") },
	}}
	adjust := func(x *rest.Exchange, p rest.Params) error {
		if _, given := p["since"]; given && x.Ticket {
			return rpc.Forbidden("no")
		}
		p["adjusted"] = true
		return nil
	}
	type small struct {
		Count int `json:"count" from:"#/entries"`
	}
	s := newShim(t, m, rest.Config{}, plain("d",
		rest.Pass[formsRequest, formsAnswer]("POST", "/forms/{id}", "a.main", rest.Says("said {url}"), rest.Adjust(adjust), rest.First[condition]("a.first", rest.Params{"which": 1}, nil)),
		rest.Pass[rest.None, created]("POST", "/created", "a.main"),
		rest.Pass[rest.None, small]("GET", "/ignored", "a.main", rest.First[rest.None]("a.gone", nil, func(error) error { return nil })),
		rest.Pass[rest.None, small]("GET", "/gone", "a.main", rest.First[rest.None]("a.gone", nil, nil)),
		rest.Row("GET", "/read", "a.main", func(x *rest.Exchange, _ *rest.None) (*small, error) {
			answer := &small{}
			return answer, x.Read("a.main", nil, answer)
		}, rest.Reads[small]("a.main")),
		rest.Row("GET", "/undeclared", "a.main", func(x *rest.Exchange, _ *rest.None) (*small, error) { return nil, x.Read("a.main", nil, &small{}) }),
	))
	full := object{"entries": []any{1, 2, 3}, "names": []any{"a", "b"}, "colour": "red", "other": "green", "deep": object{"options": object{"size": 7}}, "id": "I"}
	for name, test := range map[string]struct {
		line, body string
		result     object
		ready      bool
		status     int
		calls      string
		params     object
		want       any
	}{
		"full": {
			"POST /forms/5", `{"url":"u","since":"","colour":"BLEU"}`, full, true, 200, "a.first a.main",
			object{"id": 5.0, "url": "u", "colour": "blue", "adjusted": true},
			object{
				"text": "Entry 5 of u", "says": "said u", "count": 3.0, "none": 0.0, "has": true, "lacks": false, "second": "b", "beyond": "", "colour": "rouge", "same": "green",
				"asked": "BLEU", "size": 7.0,
			},
		},
		"empty pointer": {"POST /forms/5", `{"url":"","colour":"pink"}`, full, true, 200, "a.first a.main", object{"id": 5.0, "url": "", "colour": "pink", "adjusted": true}, nil},
		"no pointer":    {"POST /forms/5", `{}`, full, true, 400, "", nil, object{"dialect": "d", "error": "url is required", "fields": []any{"url is required"}}},
		"not ready":     {"POST /forms/5", `{"url":"u"}`, full, false, 409, "a.first", object{"which": 1.0}, nil},
		"status":        {"POST /created", "", full, true, 201, "a.main", nil, object{"id": "I"}},
		"no reply":      {"POST /created", "", object{}, true, 409, "a.main", nil, nil},
		"ignored error": {"GET /ignored", "", full, true, 200, "a.gone a.main", nil, object{"count": 3.0}},
		"error":         {"GET /gone", "", full, true, 404, "a.gone", nil, nil},
		"read":          {"GET /read", "", full, true, 200, "a.main", nil, object{"count": 3.0}},
		"undeclared":    {"GET /undeclared", "", full, true, 500, "a.main", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m.t, m.calls, result, ready = t, nil, test.result, test.ready
			w := ask(s, test.line, test.body, "Token: ada")
			if w.Code != test.status || test.want != nil && !reflect.DeepEqual(decoded(t, w), test.want) {
				t.Errorf("%d %s, want %d %v", w.Code, w.Body, test.status, test.want)
			}
			var calls []string
			for _, call := range m.calls {
				calls = append(calls, call.method)
			}
			if strings.Join(calls, " ") != test.calls {
				t.Errorf("calls %v, want %s", calls, test.calls)
			}
			if test.params != nil && !reflect.DeepEqual(m.last().params, test.params) {
				t.Errorf("params %v, want %v", m.last().params, test.params)
			}
		})
	}
}

// kept is filled with a value that a call before it returned.
type kept struct {
	Owner string `json:"owner"`
	Name  string `json:"name" from:"/name"`
}

func (k *kept) FinishAnswerOf(x *rest.Exchange) error {
	first, ok := x.Kept().(condition)
	if !ok || !first.Ready {
		return rest.State("nothing is kept")
	}
	k.Owner = x.Principal.ID
	return nil
}

// oneOrMany is a list that a text stands for, with a form of its own among params.
type oneOrMany []string

func (oneOrMany) IsOneOrMany() {}

func (l oneOrMany) ToParam(string) (any, error) { return strings.Join(l, "+"), nil }

// Answers use what the option First has read; lists with methods accept one text, also in the forms of a dialect that takes them.
func TestKeptAnswersAndLists(t *testing.T) {
	type request struct {
		Names oneOrMany `rest:"names,param=/names"`
	}
	type answers struct {
		List []kept `json:"list" from:"/list"`
	}
	m := &methods{t: t, table: map[string]func(object) (any, *rpc.Error){
		"a.main": func(object) (any, *rpc.Error) { return object{"list": []any{object{}, object{}}}, nil }, "a.first": func(object) (any, *rpc.Error) { return object{"ready": true}, nil },
	}}
	d := plain("d",
		rest.Pass[request, answers]("POST", "/kept", "a.main", rest.First[condition]("a.first", nil, nil)),
		rest.Pass[request, answers]("POST", "/lost", "a.main"),
	)
	d.TakesForms = true
	s := newShim(t, m, rest.Config{}, d)
	for body, want := range map[string]string{`{"names":"a"}`: "a", `{"names":["a","b"]}`: "a+b", "names=a&names=b": "a+b"} {
		w := ask(s, "POST /kept", body, "Token: ada", "Content-Type: application/x-www-form-urlencoded")
		if m.last().params["names"] != want || w.Code != 200 || strings.Count(w.Body.String(), `"owner":"session:ada"`) != 2 {
			t.Errorf("%s: %d %s, params %v", body, w.Code, w.Body, m.last().params)
		}
	}
	if w := ask(s, "POST /lost", `{}`, "Token: ada"); w.Code != 409 {
		t.Errorf("without the first call: %d %s", w.Code, w.Body)
	}
}

// The params of the fields of an object are below the one of the object, also in errors of the method.
func TestPassBelow(t *testing.T) {
	type inner struct {
		Size *int `rest:"size,param=/size"`
		Deep struct {
			Name string `rest:"name,param=/name"`
		} `rest:"deep,below=/deep"`
	}
	type request struct {
		Box *inner `rest:"theBox,below=/outer/box"`
	}
	var problem *rpc.Error
	m := &methods{t: t, table: map[string]func(object) (any, *rpc.Error){"a.main": func(object) (any, *rpc.Error) { return object{}, problem }}}
	s := newShim(t, m, rest.Config{}, plain("d", rest.Pass[request, object]("POST", "/below", "a.main")))
	for _, test := range []struct {
		at, body, want string
		params         object
	}{
		{"", `{"theBox":{"size":0,"deep":{"name":"n"}}}`, "", object{"outer": object{"box": object{"size": 0.0, "deep": object{"name": "n"}}}}},
		{"", `{"theBox":{}}`, "", object{}},
		{"/outer/box/deep/name", `{"theBox":{}}`, "theBox.deep.name", object{}},
		{"/outer/box/colour", `{"theBox":{}}`, "theBox", object{}},
	} {
		m.calls, problem = nil, nil
		if test.at != "" {
			problem = rpc.InvalidParams(test.at, "is wrong")
		}
		w := ask(s, "POST /below", test.body, "Token: ada")
		if (w.Code == 200) != (test.want == "") || !strings.Contains(w.Body.String(), test.want) || test.want == "theBox" && strings.Contains(w.Body.String(), "theBox.") {
			t.Errorf("%s: %d %s", test.body, w.Code, w.Body)
		}
		if !reflect.DeepEqual(m.last().params, test.params) {
			t.Errorf("%s: params %v", test.body, m.last().params)
		}
	}
}
