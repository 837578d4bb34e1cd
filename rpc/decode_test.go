package rpc

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	URL  string   `json:"url" rpc:"format=uri"`
	Size *int     `json:"size" rpc:"min=1"`
	Tags []string `json:"tags" rpc:"max=3,enum=x|y"`
	Self *inner   `json:"self"`
}

// shout is a type with a form of its own.
type shout string

func (s *shout) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return errors.New("must be loud")
	}
	*s = shout(strings.ToUpper(text))
	return nil
}

// point fails with a pointer of its own.
type point struct{ X int }

func (p *point) UnmarshalJSON([]byte) error { return Fields{{Pointer: "/x", Problem: "bad"}} }

type embedded struct {
	Limit int `json:"limit" rpc:"min=1,max=100"`
}

type everyShape struct {
	embedded
	Text   string            `json:"text" rpc:"min=2,max=4"`
	Flag   bool              `json:"flag"`
	Small  int8              `json:"small"`
	Count  uint              `json:"count" rpc:"max=10"`
	Ratio  float64           `json:"ratio" rpc:"min=0.5"`
	When   time.Time         `json:"when"`
	At     string            `json:"at" rpc:"format=time"`
	Day    string            `json:"day" rpc:"format=date"`
	Raw    json.RawMessage   `json:"raw"`
	Any    any               `json:"any"`
	Bytes  []byte            `json:"bytes" rpc:"max=3"`
	One    *inner            `json:"one"`
	Many   []inner           `json:"many" rpc:"min=1"`
	Names  []string          `json:"names" rpc:"each.min=1,each.max=3"`
	Map    map[string]int    `json:"map" rpc:"max=2,each.max=5"`
	Loud   shout             `json:"loud"`
	Point  point             `json:"point"`
	Jids   []string          `json:"jids" rpc:"format=jid"`
	Level  int               `json:"level" rpc:"enum=1|2"`
	Labels map[string]string `json:"labels"`
	hidden int               //nolint:unused // shows that a field that is not exported is left alone
	Skip   int               `json:"-"`
}

func decodeTest[T any](t *testing.T, raw string) (T, Fields) {
	t.Helper()
	var v T
	p, err := planOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	if err := checkJSON([]byte(raw), DefaultMaxDepth); err != nil {
		t.Fatal(err)
	}
	problem := decodeParams(p, json.RawMessage(raw), reflect.ValueOf(&v).Elem(), &envelope{})
	if problem == nil {
		return v, nil
	}
	return v, problem.Details.(map[string]any)["fields"].(Fields)
}

func TestDecodeValues(t *testing.T) {
	v, bad := decodeTest[everyShape](t, `{"limit":7,"text":"é€","flag":true,"small":-128,"count":1e1,"ratio":0.5,
		"when":"2026-01-02T03:04:05+01:00","at":"2026-01-02T03:04:05Z","day":"2026-01-02","raw":{"a":[1 ,2]},"any":[1,"x",null],
		"bytes":"AQID","one":{"url":"https://x/y","size":1,"tags":["x"],"self":{"size":null}},"many":[{}],
		"names":["a","b\u00e9"],"map":{"a\"b":5},"loud":"hey","jids":["1@lid","+4915112345678"],"level":2,"labels":null}`)
	if bad != nil {
		t.Fatal(bad)
	}
	if v.Limit != 7 || v.Text != "é€" || !v.Flag || v.Small != -128 || v.Count != 10 || v.Ratio != 0.5 || v.Level != 2 ||
		!v.When.Equal(time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)) || string(v.Raw) != `{"a":[1 ,2]}` ||
		!reflect.DeepEqual(v.Any, []any{1.0, "x", nil}) || string(v.Bytes) != "\x01\x02\x03" || *v.One.Size != 1 ||
		v.One.Self.Size != nil || len(v.Many) != 1 || v.Names[1] != "bé" || v.Map[`a"b`] != 5 || v.Loud != "HEY" {
		t.Fatalf("%+v", v)
	}
}

func TestDecodeProblems(t *testing.T) {
	for raw, want := range map[string]string{
		`{"Text":"ab"}`:                     "/Text: unknown field; did you mean \"text\"?",
		`{"a/b~c":1}`:                       "/a~1b~0c: unknown field",
		`{"text":"ab","text":"cd"}`:         "/text: given twice",
		`{"text":"a"}`:                      "/text: must have at least 2 characters",
		`{"text":"abcde"}`:                  "/text: must have at most 4 characters",
		`{"text":["ab"]}`:                   "/text: must be a string",
		`{"text":"a\u0000b"}`:               "/text: must not hold the character U+0000",
		`{"flag":"true"}`:                   "/flag: must be true or false",
		`{"small":128}`:                     "/small: is out of range",
		`{"small":1.5}`:                     "/small: must be an integer",
		`{"small":1e999}`:                   "/small: is out of range",
		`{"small":"1"}`:                     "/small: must be an integer",
		`{"count":-1}`:                      "/count: must not be negative",
		`{"count":11}`:                      "/count: must be at most 10",
		`{"count":99999999999999999999999}`: "/count: is out of range",
		`{"ratio":0.4}`:                     "/ratio: must be at least 0.5",
		`{"ratio":true}`:                    "/ratio: must be a number",
		`{"ratio":1e999}`:                   "/ratio: is out of range",
		`{"when":"yesterday"}`:              "/when: must be a time in RFC 3339 form with an offset",
		`{"when":7}`:                        "/when: must be a time in RFC 3339 form",
		`{"at":"2026-01-02 03:04:05"}`:      "/at: must be a time in RFC 3339 form with an offset",
		`{"day":"2026-13-01"}`:              "/day: must be a date in the form 2006-01-02",
		`{"bytes":"@"}`:                     "/bytes: must be a string in base64",
		`{"bytes":"AQIDBA=="}`:              "/bytes: must have at most 3 bytes",
		`{"one":[]}`:                        "/one: must be an object",
		`{"one":{"url":"x"}}`:               "/one/url: must be an absolute URI",
		`{"one":{"size":0}}`:                "/one/size: must be at least 1",
		`{"one":{"tags":["x","z"]}}`:        "/one/tags/1: must be one of x, y",
		`{"one":{"self":{"self":{"b":1}}}}`: "/one/self/self/b: unknown field",
		`{"many":[]}`:                       "/many: must not be empty",
		`{"many":[{},{"size":"x"}]}`:        "/many/1/size: must be an integer",
		`{"many":[null]}`:                   "/many/0: must not be null",
		`{"names":["abcd"]}`:                "/names/0: must have at most 3 characters",
		`{"map":{"a":1,"b":2,"c":3}}`:       "/map: must have at most 2 members",
		`{"map":{"a":6}}`:                   "/map/a: must be at most 5",
		`{"loud":""}`:                       "/loud: must be loud",
		`{"loud":null}`:                     "/loud: must be loud",
		`{"point":{}}`:                      "/point/x: bad",
		`{"jids":["x"]}`:                    "/jids/0: must be a JID or an international phone number",
		`{"level":3}`:                       "/level: must be one of 1, 2",
		`{"hidden":1}`:                      "/hidden: unknown field",
		`{"Skip":1}`:                        "/Skip: unknown field",
		`[]`:                                "params must be an object: this server takes them by name",
	} {
		_, bad := decodeTest[everyShape](t, raw)
		if len(bad) != 1 || describeField(bad[0]) != want {
			t.Errorf("%s\n got %v\nwant %s", raw, bad, want)
		}
	}
}

// A caller who sends rubbish gets a bounded list.
func TestDecodeProblemsAreBounded(t *testing.T) {
	raw := `{"` + strings.Repeat("x", 5000) + `":1`
	for range 200 {
		raw += `,"y":1`
	}
	_, bad := decodeTest[everyShape](t, raw+`}`)
	if len(bad) != maxFieldProblems || len(bad[0].Pointer) > maxProblemText+10 {
		t.Fatalf("%d fields, first pointer %d bytes", len(bad), len(bad[0].Pointer))
	}
}

func TestRegisterRefusesBadTags(t *testing.T) {
	type badRule struct {
		A string `rpc:"largest=1"`
	}
	type badFormat struct {
		A string `rpc:"format=zip"`
	}
	type badShape struct {
		A bool `rpc:"min=1"`
	}
	type badEach struct {
		A string `rpc:"each.min=1"`
	}
	type badType struct{ A chan int }
	type twice struct {
		embedded
		Most int `json:"limit"`
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[badRule](), reflect.TypeFor[badFormat](), reflect.TypeFor[badShape](), reflect.TypeFor[badEach](),
		reflect.TypeFor[badType](), reflect.TypeFor[twice](), reflect.TypeFor[int](),
	} {
		if _, err := planOf(typ); err == nil {
			t.Errorf("%s was taken", typ)
		}
	}
}

func TestCheckJSONAgreesWithStandardLibrary(t *testing.T) {
	for _, s := range []string{
		"", " ", "{", "}", "[", "]", "{}", "[]", "[1,]", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, "01", "-", "-0", "1.", ".5",
		"1e", "1e+", "1E-7", "tru", "true", "nulll", `"`, `"\x"`, `"\u12"`, `"\u12aG"`, `"\uD800"`, "\"\x01\"", "1 2", "\ufeff1", "[[]", "'a'",
	} {
		if got, want := checkJSON([]byte(s), 100) == nil, json.Valid([]byte(s)); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
