package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest"
)

type inner struct {
	StanzaID    string `rest:"StanzaId,required"`
	Participant string `max:"4"`
}

type common struct {
	Phone string `rest:",required" also:"Group|number"`
}

type wanted struct {
	common
	Room    string           `rest:"room,path"`
	Count   *int             `rest:"count"`
	Ratio   float64          `rest:"ratio"`
	Yes     bool             `rest:"yes"`
	Events  rest.Strings     `rest:"events"`
	Numbers []int            `rest:"numbers"`
	Names   []string         `rest:"names"`
	Quote   *inner           `rest:"ContextInfo"`
	Cards   []inner          `rest:"cards"`
	Any     *json.RawMessage `rest:"anything"`
	File    rest.File        `rest:"file" also:"image"`
	Limit   int              `rest:"limit,query"`
}

// seen serves what it decoded.
func seen(opts ...rest.Option) *rest.Dialect {
	serve := func(_ *rest.Exchange, in *wanted) (object, error) {
		out := object{}
		v := reflect.ValueOf(in).Elem()
		for _, f := range reflect.VisibleFields(v.Type()) {
			value := v.FieldByIndex(f.Index)
			if f.Anonymous || value.IsZero() {
				continue
			}
			if f.Name == "File" {
				out["File"] = in.File.Media()
				continue
			}
			out[f.Name] = value.Interface()
		}
		return out, nil
	}
	return plain("d", rest.Row("POST", "/rooms/{room}", "", serve, opts...), rest.Row("GET", "/rooms/{room}", "", serve, opts...))
}

func TestDecode(t *testing.T) {
	s := newShim(t, nil, rest.Config{}, seen(rest.TakesForms()))
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		line, body, header string
		want               string
	}{
		"as documented":         {"POST /rooms/a", `{"Phone":"1","count":3,"ratio":1.5,"yes":true}`, "", `{"Phone":"1","Room":"a","Count":3,"Ratio":1.5,"Yes":true}`},
		"other case":            {"POST /rooms/a", `{"PHONE":"1","Yes":true}`, "", `{"Phone":"1","Room":"a","Yes":true}`},
		"alias":                 {"POST /rooms/a", `{"group":"1"}`, "", `{"Phone":"1","Room":"a"}`},
		"snake and camel":       {"POST /rooms/a", `{"phone":"1","context_info":{"stanza_id":"x"}}`, "", `{"Phone":"1","Room":"a","Quote":{"StanzaID":"x","Participant":""}}`},
		"documented twin wins":  {"POST /rooms/a", `{"PHONE":"2","Phone":"1","phone":"3"}`, "", `{"Phone":"1","Room":"a"}`},
		"null is absent":        {"POST /rooms/a", `{"Phone":"1","count":null}`, "", `{"Phone":"1","Room":"a"}`},
		"unknown keys":          {"POST /rooms/a", `{"Phone":"1","unknown":[1,{}]}`, "", `{"Phone":"1","Room":"a"}`},
		"one for many":          {"POST /rooms/a", `{"Phone":"1","events":"All"}`, "", `{"Phone":"1","Room":"a","Events":["All"]}`},
		"many":                  {"POST /rooms/a", `{"Phone":"1","events":["a","b"],"numbers":[1,2]}`, "", `{"Phone":"1","Room":"a","Events":["a","b"],"Numbers":[1,2]}`},
		"objects in a list":     {"POST /rooms/a", `{"Phone":"1","cards":[{"StanzaId":"x"}]}`, "", `{"Phone":"1","Room":"a","Cards":[{"StanzaID":"x","Participant":""}]}`},
		"anything":              {"POST /rooms/a", `{"Phone":"1","anything":{"b":[1]}}`, "", `{"Phone":"1","Room":"a","Any":{"b":[1]}}`},
		"escaped path":          {"POST /rooms/a%40b%2Fc", `{"Phone":"1"}`, "", `{"Phone":"1","Room":"a@b/c"}`},
		"query beside the body": {"POST /rooms/a?limit=5&phone=2", `{"Phone":"1"}`, "", `{"Phone":"1","Room":"a","Limit":5}`},
		"query alone":           {"GET /rooms/a?Phone=1&count=4&yes=true&events=x&events=y&ratio=0.5&names=n", "", "", `{"Phone":"1","Room":"a","Count":4,"Yes":true,"Events":["x","y"],"Ratio":0.5,"Names":["n"]}`},
		"GET with a body":       {"GET /rooms/a", `{"Phone":"1"}`, "", `{"Phone":"1","Room":"a"}`},
		"form":                  {"POST /rooms/a", "phone=1&count=7&names=x&names=y&cards=" + `[{"StanzaId":"z"}]`, form, `{"Phone":"1","Room":"a","Count":7,"Names":["x","y"],"Cards":[{"StanzaID":"z","Participant":""}]}`},
		"JSON called a form":    {"POST /rooms/a", ` {"Phone":"1"}`, form, `{"Phone":"1","Room":"a"}`},
		"file by address":       {"POST /rooms/a", `{"Phone":"1","image":"https://x.example/y.png"}`, "", `{"Phone":"1","Room":"a","File":{"url":"https://x.example/y.png"}}`},
		"file in the text":      {"POST /rooms/a", `{"Phone":"1","file":"data:image/png;base64,AAAA"}`, "", `{"Phone":"1","Room":"a","File":{"base64":"data:image/png;base64,AAAA"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(s, test.line, test.body, "Token: ada", test.header)
			if w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			var want any
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			if got := decoded(t, w); !reflect.DeepEqual(got, want) {
				t.Errorf("decoded %v, want %v", got, want)
			}
		})
	}
}

func TestFaultsNameTheField(t *testing.T) {
	s := newShim(t, nil, rest.Config{}, seen())
	for name, test := range map[string]struct{ line, body, want string }{
		"missing":               {"POST /rooms/a", `{}`, "Phone is required"},
		"empty":                 {"POST /rooms/a", `{"Phone":""}`, "Phone is required"},
		"null":                  {"POST /rooms/a", `{"Phone":null}`, "Phone is required"},
		"missing in the query":  {"GET /rooms/a", "", "Phone is required"},
		"number for a string":   {"POST /rooms/a", `{"Phone":1}`, "Phone must be a string"},
		"string for a number":   {"POST /rooms/a", `{"Phone":"1","count":"3"}`, "count must be a whole number"},
		"fraction":              {"POST /rooms/a", `{"Phone":"1","count":3.5}`, "count must be a whole number"},
		"too large a number":    {"POST /rooms/a", `{"Phone":"1","count":1e99}`, "count must be a whole number"},
		"string for a bool":     {"POST /rooms/a", `{"Phone":"1","yes":"true"}`, "yes must be true or false"},
		"object for a list":     {"POST /rooms/a", `{"Phone":"1","numbers":{}}`, "numbers must be a list"},
		"text in a list":        {"POST /rooms/a", `{"Phone":"1","numbers":[1,"x"]}`, "numbers[1] must be a whole number"},
		"numbers for texts":     {"POST /rooms/a", `{"Phone":"1","events":[1]}`, "events must be a list of strings"},
		"text for an object":    {"POST /rooms/a", `{"Phone":"1","ContextInfo":"x"}`, "ContextInfo must be an object"},
		"missing inside":        {"POST /rooms/a", `{"Phone":"1","ContextInfo":{}}`, "ContextInfo.StanzaId is required"},
		"too long":              {"POST /rooms/a", `{"Phone":"1","ContextInfo":{"StanzaId":"x","Participant":"äöüßé"}}`, "ContextInfo.Participant is longer than 4 characters"},
		"missing in a list":     {"POST /rooms/a", `{"Phone":"1","cards":[{"StanzaId":"x"},{}]}`, "cards[1].StanzaId is required"},
		"number for a file":     {"POST /rooms/a", `{"Phone":"1","file":5}`, "file must be a string"},
		"bad number in a query": {"POST /rooms/a?limit=x", `{"Phone":"1"}`, "limit must be a whole number"},
		"no number in a query":  {"GET /rooms/a?Phone=1&ratio=NaN", "", "ratio must be a number"},
		"several":               {"POST /rooms/a", `{"count":"3","yes":1}`, "Phone is required|count must be a whole number|yes must be true or false"},
		"not JSON":              {"POST /rooms/a", `{"Phone"`, " the body is not a JSON object"},
		"a list":                {"POST /rooms/a", `[1]`, " the body is not a JSON object"},
		"two values":            {"POST /rooms/a", `{"Phone":"1"}{}`, " the body is not a JSON object"},
		"deep":                  {"POST /rooms/a", `{"Phone":"1","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, " the body is not a JSON object"},
		"not UTF-8":             {"POST /rooms/a", "{\"Phone\":\"\xff\"}", " the body is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(s, test.line, test.body, "Token: ada")
			answer := decoded(t, w).(object)
			var fields []string
			for _, f := range answer["fields"].([]any) {
				fields = append(fields, f.(string))
			}
			if got := strings.Join(fields, "|"); w.Code != http.StatusBadRequest || got != test.want {
				t.Errorf("%d %q, want %q", w.Code, got, test.want)
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	s := newShim(t, nil, rest.Config{}, seen())
	parts := func(fill func(w *multipart.Writer)) (string, string) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		fill(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return body.String(), "Content-Type: " + w.FormDataContentType()
	}
	body, kind := parts(func(w *multipart.Writer) {
		_ = w.WriteField("phone", "1")
		_ = w.WriteField("count", "2")
		file, _ := w.CreateFormFile("image", "cat.png")
		_, _ = file.Write([]byte("\x89PNG\r\n\x1a\n0000"))
	})
	w := ask(s, "POST /rooms/a", body, "Token: ada", kind)
	want := object{"Phone": "1", "Room": "a", "Count": 2.0, "File": object{"base64": "data:image/png;base64,iVBORw0KGgowMDAw", "filename": "cat.png"}}
	if got := decoded(t, w); w.Code != http.StatusOK || !reflect.DeepEqual(got, want) {
		t.Errorf("%d %v, want %v", w.Code, got, want)
	}
	body, kind = parts(func(w *multipart.Writer) {
		for i := range 50 {
			_ = w.WriteField(fmt.Sprint("f", i), "x")
		}
	})
	for name, test := range map[string]struct{ body, kind string }{
		"too many parts": {body, kind},
		"no boundary":    {"x", "Content-Type: multipart/form-data"},
		"cut off":        {body[:40], kind},
	} {
		if w := ask(s, "POST /rooms/a", test.body, "Token: ada", test.kind); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	s, err := rest.New(nil, everybody, rest.Config{}, seen(rest.TakesForms()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("application/json", `{"Phone":"1","count":3,"cards":[{"StanzaId":"x"}],"ContextInfo":{}}`)
	f.Add("application/x-www-form-urlencoded", `phone=1&numbers=[1,2]`)
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n1\r\n--x--\r\n")
	f.Fuzz(func(t *testing.T, kind, body string) {
		w := ask(s, "POST /rooms/a", body, "Token: ada", "Content-Type: "+kind)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		decoded(t, w)
	})
}
