package rest_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// loud is a text that is a param in capitals; "bad" is refused.
type loud string

func (l loud) ToParam(field string) (any, error) {
	if l == "bad" {
		return nil, rest.Bad(field, "", "is bad")
	}
	return strings.ToUpper(string(l)), nil
}

type passRequest struct {
	To      string    `rest:"to,required,param=/to"`
	Text    loud      `rest:"text,param=/body/text"`
	Name    string    `rest:"name,param=/cards/0/name"`
	Card    string    `rest:"card,param=/cards/0/card"`
	On      bool      `rest:"on,required,param=/on"`
	Off     *bool     `rest:"off,param=/off"`
	File    rest.File `rest:"file,param=/media"`
	Label   string    `rest:"label,param=/media/filename"`
	Ignored string    `rest:"ignored"`
	Reply   *struct {
		ID string `rest:"id,required,param=/reply_to/message_id"`
	} `rest:"reply"`
	Items []passItem `rest:"items,param=/items"`
}

type passItem struct {
	Label loud `rest:"label,param=/text"`
	Count int  `rest:"count,param=/options/count"`
}

func (i *passItem) CompleteParams(p rest.Params) error {
	if i.Count > 9 {
		return rest.Bad("count", "", "is too large")
	}
	p["type"] = "item"
	return nil
}

type passAnswer struct {
	Says  string              `json:"says" from:"="`
	Sent  string              `json:"sent" from:"=Sent"`
	To    string              `json:"to" from:"<to"`
	Off   *bool               `json:"off" from:"<off"`
	ID    string              `json:"id" from:"/message/id"`
	At    time.Time           `json:"at" from:"/message/at"`
	First string              `json:"first" from:"/none|/empty|/message/id"`
	List  []passEntry         `json:"list" from:"/entries"`
	ByID  map[string]passName `json:"by_id" from:"/entries,by=/id"`
	Map   map[string]passName `json:"map" from:"/map"`
	Maybe *passName           `json:"maybe" from:"/maybe"`
	Names []string            `json:"names" from:"/null"`
}

type passEntry struct {
	ID   string   `json:"id" from:"/id"`
	Same passName `json:"same"`
	Sum  int      `json:"sum" from:"/sum"`
}

func (e *passEntry) FinishAnswer() error {
	if e.Sum < 0 {
		return rest.State("negative")
	}
	e.Sum++
	return nil
}

type passName struct {
	Name string `json:"name" from:"/name"`
}

func TestPass(t *testing.T) {
	var result object
	var problem *rpc.Error
	m := &methods{t: t, table: map[string]func(object) (any, *rpc.Error){"message.echo": func(object) (any, *rpc.Error) { return result, problem }}}
	ignore := rest.OnError(func(err error) error {
		var failed *rpc.Error
		if errors.As(err, &failed) && failed.Code == rpc.CodeNotFound {
			return nil
		}
		return err
	})
	s := newShim(t, m, rest.Config{}, plain("d",
		rest.Pass[passRequest, passAnswer]("POST", "/pass", "message.echo", rest.Says("said"), rest.With(rest.Params{"fixed": true, "to": "nobody"}), ignore),
		rest.Pass[rest.None, []passEntry]("GET", "/list", "message.echo", rest.From("/entries")),
	))
	entries := []any{object{"id": "a", "name": "A", "sum": 1}, object{"id": "b", "name": nil}}
	full := object{"message": object{"id": "M", "at": "2026-01-31T12:00:00Z"}, "none": nil, "empty": "", "entries": entries, "map": object{"x": object{"name": "X"}}, "maybe": object{"name": "N"}}
	for name, test := range map[string]struct {
		line, body string
		result     object
		problem    *rpc.Error
		status     int
		params     object
		want       any
	}{
		"full": {
			"POST /pass", `{"to":"1","text":"hi","name":"n","card":"c","on":false,"off":false,"file":"data:,x","label":"f","ignored":"i","reply":{"id":"R"},"items":[{"label":"l","count":2},{}]}`, full, nil, 200,
			object{
				"to": "1", "body": object{"text": "HI"}, "cards": []any{object{"name": "n", "card": "c"}}, "on": false, "off": false, "fixed": true, "media": object{"base64": "data:,x", "filename": "f"},
				"reply_to": object{"message_id": "R"}, "items": []any{object{"text": "L", "options": object{"count": 2.0}, "type": "item"}, object{"type": "item"}},
			},
			object{
				"says": "said", "sent": "Sent", "to": "1", "off": false, "id": "M", "at": "2026-01-31T12:00:00Z", "first": "M",
				"list":  []any{object{"id": "a", "same": object{"name": "A"}, "sum": 2.0}, object{"id": "b", "same": object{"name": ""}, "sum": 1.0}},
				"by_id": object{"a": object{"name": "A"}, "b": object{"name": ""}}, "map": object{"x": object{"name": "X"}}, "maybe": object{"name": "N"}, "names": []any{},
			},
		},
		"empty": {
			"POST /pass", `{"to":"1","on":true}`,
			object{},
			nil, 200,
			object{"to": "1", "on": true, "fixed": true},
			object{"says": "said", "sent": "Sent", "to": "1", "off": nil, "id": "", "at": "0001-01-01T00:00:00Z", "first": "", "list": []any{}, "by_id": object{}, "map": object{}, "maybe": nil, "names": []any{}},
		},
		"list":             {"GET /list", "", full, nil, 200, object{}, []any{object{"id": "a", "same": object{"name": "A"}, "sum": 2.0}, object{"id": "b", "same": object{"name": ""}, "sum": 1.0}}},
		"bad value":        {"POST /pass", `{"to":"1","on":true,"text":"bad"}`, nil, nil, 400, nil, object{"dialect": "d", "error": "text is bad", "fields": []any{"text is bad"}}},
		"bad item":         {"POST /pass", `{"to":"1","on":true,"items":[{},{"label":"bad"}]}`, nil, nil, 400, nil, object{"dialect": "d", "error": "items[1].label is bad", "fields": []any{"items[1].label is bad"}}},
		"incomplete item":  {"POST /pass", `{"to":"1","on":true,"items":[{"count":10}]}`, nil, nil, 400, nil, object{"dialect": "d", "error": "count is too large", "fields": []any{"count is too large"}}},
		"ignored error":    {"POST /pass", `{"to":"1","on":true}`, nil, rpc.NotFound("none"), 200, nil, nil},
		"other error":      {"POST /pass", `{"to":"1","on":true}`, nil, rpc.Conflict("taken"), 409, nil, nil},
		"unusable answer":  {"GET /list", "", object{"entries": []any{object{"sum": -1}}}, nil, 409, nil, nil},
		"undecodable":      {"GET /list", "", object{"entries": []any{object{"sum": "x"}}}, nil, 500, nil, nil},
		"result no object": {"GET /list", "", object{"entries": 1}, nil, 500, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m.t, m.calls, result, problem = t, nil, test.result, test.problem
			w := ask(s, test.line, test.body, "Token: ada")
			if w.Code != test.status || test.want != nil && !reflect.DeepEqual(decoded(t, w), test.want) {
				t.Errorf("%d %s, want %d %v", w.Code, w.Body, test.status, test.want)
			}
			if test.params != nil && !reflect.DeepEqual(m.last().params, test.params) {
				t.Errorf("params %v, want %v", m.last().params, test.params)
			}
		})
	}
}
