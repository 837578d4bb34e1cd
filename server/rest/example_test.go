package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// exampleMethods prints calls and returns a result.
type exampleMethods string

func (m exampleMethods) Call(_ context.Context, _ *rpc.Call, method string, params json.RawMessage) (json.RawMessage, *rpc.Error) {
	fmt.Println(method, string(params))
	return json.RawMessage(m), nil
}

// serveExample sends a request to a dialect with one route and prints the answer.
func serveExample(result string, route rest.Route, path, body string) {
	d := plain("example", route)
	shim, err := rest.New(exampleMethods(result), everybody, rest.Config{}, d)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest(route.Method, path, strings.NewReader(body))
	r.Header.Set("Token", "ada")
	w := httptest.NewRecorder()
	shim.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

// An operation that is one call of one method needs no function.
func ExamplePass() {
	type request struct {
		Phone string `rest:"phone,required,param=/to"`
		Body  string `rest:"body,required,param=/text"`
		Reply string `rest:"stanzaId,param=/reply_to/message_id"`
	}
	type answer struct {
		Details string `json:"details" from:"=Sent to {phone}"`
		ID      string `json:"id" from:"/message_id"`
	}
	route := rest.Pass[request, answer]("POST", "/chat/send/text", "message.sendText", rest.With(rest.Params{"verbatim": true}))
	serveExample(`{"message_id":"3EB0","timestamp":"2026-01-31T12:00:00Z"}`, route, "/chat/send/text", `{"Phone":"15550100002","Body":"Hello"}`)
	// Output:
	// message.sendText {"text":"Hello","to":"15550100002","verbatim":true}
	// 200 {"details":"Sent to 15550100002","id":"3EB0"}
}

// An operation of several calls has a function.
func ExampleRow() {
	type request struct {
		Group string `rest:"groupJid,required,param=/group"`
		Reset bool   `rest:"reset"`
	}
	type answer struct {
		Link string `json:"link" from:"/url"`
	}
	invite := func(x *rest.Exchange, in *request) (*answer, error) {
		params, err := x.Params()
		if err != nil {
			return nil, err
		}
		method := "group.getInviteLink"
		if in.Reset {
			method = "group.resetInviteLink"
		}
		out := &answer{}
		return out, x.Read(method, params, out)
	}
	route := rest.Row("GET", "/group/link", "group.getInviteLink group.resetInviteLink", invite, rest.Reads[answer]("group.getInviteLink"))
	serveExample(`{"url":"https://chat.example.com/x"}`, route, "/group/link?groupJid=15550100009@g.us&reset=true", "")
	// Output:
	// group.resetInviteLink {"group":"15550100009@g.us"}
	// 200 {"link":"https://chat.example.com/x"}
}
