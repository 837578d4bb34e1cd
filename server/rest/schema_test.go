package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	rpcmethods "github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/rest"
)

type checkedRequest struct {
	Group   string         `rest:"group,required,param=/group"`
	Typo    string         `rest:"typo,param=/grup"`
	Deep    string         `rest:"deep,param=/reply_to/massage_id"`
	Kind    bool           `rest:"kind,param=/name"`
	Buttons []checkedInner `rest:"buttons,param=/buttons"`
	Inner   *struct {
		Text string `rest:"text,param=/tekst"`
	} `rest:"inner"`
	Beside string `rest:"beside"`
}

type checkedInner struct {
	Label string `rest:"label,param=/label"`
	Typo  string `rest:"typo,param=/lable"`
}

type checkedAnswer struct {
	Name    string                   `from:"/group/name"`
	Typo    string                   `from:"/group/title"`
	Second  string                   `from:"/group/name|/group/other"`
	Locked  string                   `from:"/group/locked"`
	Count   int                      `from:"#/group/participants"`
	NoList  int                      `from:"#/group/name"`
	People  []checkedPerson          `from:"/group/participants"`
	First   string                   `from:"/group/participants/0/contact"`
	ByName  map[string]checkedPerson `from:"/group/participants,by=/conntact"`
	Request string                   `from:"<group"`
	Text    string                   `from:"=text"`
}

type checkedPerson struct {
	Contact string `from:"/contact"`
	Typo    bool   `from:"/is_admni"`
}

func TestCheckPointers(t *testing.T) {
	reg := rpc.NewRegistry(rpc.Options{})
	rpcmethods.RegisterGroup(reg, rpcmethods.Deps{})
	rpcmethods.RegisterMessage(reg, rpcmethods.Deps{})
	openRPC, err := reg.Discover()
	if err != nil {
		t.Fatal(err)
	}
	d := plain("d",
		rest.Pass[checkedRequest, checkedAnswer]("GET", "/group", "group.get", rest.With(rest.Params{"group": 1, "fixed": 1})),
		rest.Pass[checkedRequest, rest.None]("POST", "/buttons", "message.sendButtons", rest.First[checkedAnswer]("group.list", rest.Params{"first": 1}, nil)),
		rest.Pass[rest.None, []checkedPerson]("GET", "/people", "group.get", rest.From("/group/people")),
		rest.Pass[rest.None, []checkedPerson]("GET", "/names", "group.get", rest.From("/group/name")),
		rest.Row("GET", "/row", "group.get group.list", func(*rest.Exchange, *checkedRequest) (any, error) { return nil, nil }, rest.Reads[checkedPerson]("group.list")),
		rest.Row("GET", "/none", "group.fly", func(*rest.Exchange, *rest.None) (any, error) { return nil, nil }),
		rest.OneOf("POST", "/one", "type", map[string]rest.Route{
			"a": rest.Pass[struct {
				Chat string `rest:"chat,param=/chat"`
			}, rest.None]("", "", "message.sendText"),
		}),
	)
	got, err := rest.CheckPointers(d, openRPC)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"d: GET /group: option With: fixed is no param",
		"d: GET /group: rest_test.checkedRequest.typo: param=/grup is no param of group.get",
		"d: GET /group: rest_test.checkedRequest.kind: param=/name is no param of group.get",
		"d: GET /group: rest_test.checkedAnswer.Typo: from /group/title does not exist in the result of group.get",
		"d: GET /group: rest_test.checkedAnswer.Second: from /group/other does not exist in the result of group.get",
		"d: GET /group: rest_test.checkedAnswer.Locked: /group/locked of group.get is boolean, not string",
		"d: GET /group: rest_test.checkedAnswer.NoList: /group/name is no list in the result of group.get",
		"d: GET /group: rest_test.checkedAnswer.ByName: by=/conntact does not exist in the items of /group/participants",
		"d: GET /group: rest_test.checkedPerson.Typo: from /is_admni does not exist in the result of group.get",
		"d: POST /buttons: rest_test.checkedRequest.deep: param=/reply_to/massage_id is no param of group.list message.sendButtons",
		"d: POST /buttons: rest_test.checkedInner.typo: param=/lable is no param of group.list message.sendButtons",
		"d: POST /buttons: struct { Text string \"rest:\\\"text,param=/tekst\\\"\" }.text: param=/tekst is no param of group.list message.sendButtons",
		"d: POST /buttons: rest_test.checkedAnswer.Name: from /group/name does not exist in the result of group.list",
		"d: POST /buttons: option First: first is no param",
		"d: GET /people: option From: from /group/people does not exist in the result of group.get",
		"d: GET /names: option From: the value is neither a list nor a map in the result of group.get",
		"d: GET /row: rest_test.checkedPerson.Contact: from /contact does not exist in the result of group.list",
		"d: GET /none: group.fly: is no method",
		"d: POST /one (type = a): struct { Chat string \"rest:\\\"chat,param=/chat\\\"\" }.chat: param=/chat is no param of message.sendText",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s: not reported", want)
		}
	}
	for _, right := range []string{"checkedRequest.group:", "checkedRequest.beside", "checkedAnswer.Count", "checkedAnswer.First", "checkedAnswer.Request", "checkedInner.label"} {
		if i := slices.IndexFunc(got, func(line string) bool { return strings.Contains(line, right) && strings.Contains(line, "GET /group:") }); i >= 0 {
			t.Error(got[i])
		}
	}
}

// A tag that names no field of the request is refused when the row is made.
func TestUnknownRequestField(t *testing.T) {
	type answer struct {
		Name string `from:"<name"`
	}
	defer func() {
		if text, _ := recover().(string); text != "rest: GET /x: rest_test.answer.Name: the request has no field name" {
			t.Errorf("panic %q", text)
		}
	}()
	rest.Pass[rest.None, answer]("GET", "/x", "server.ping")
}
