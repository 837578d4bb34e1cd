package resttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxAnswer is the largest answer read, in bytes.
const maxAnswer = 32 << 20

// Request is a request below a mount.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         []byte
}

// Values stand in a request instead of the document's own, by the path of their field: things that exist in the world of
// the test. Absent leaves a field out.
type Values map[string]any

type absent struct{}

// Absent is the value of a field that a request shall not have.
var Absent = absent{}

// With returns the values with others over them.
func (v Values) With(others Values) Values {
	all := maps.Clone(v)
	if all == nil {
		all = Values{}
	}
	maps.Copy(all, others)
	return all
}

// Request makes the documented request: the example of this number (0 is the first), with values in place of those that
// only exist in the document. Values of fields that the operation does not have are left aside, so that one set serves
// all operations.
func (o *Operation) Request(example int, values Values) (*Request, error) {
	r := &Request{Method: o.Method, Path: o.Path, Query: url.Values{}, Header: http.Header{}}
	for _, p := range o.Params {
		value, given := values[p.Path]
		if !given && p.Required {
			value = p.Example
		}
		if value == nil || value == Absent {
			continue
		}
		switch text := fmt.Sprint(value); p.In {
		case "path":
			r.Path = strings.ReplaceAll(r.Path, "{"+p.Path+"}", url.PathEscape(text))
		case "query":
			r.Query.Set(p.Path, text)
		case "header":
			r.Header.Set(p.Path, text)
		}
	}
	if strings.ContainsAny(r.Path, "{}") {
		return nil, fmt.Errorf("resttest: %s: no value for a part of the path", r.Path)
	}
	if o.Body == nil {
		return r, nil
	}
	body, err := o.makeBody(example, values)
	if err != nil {
		return nil, err
	}
	if o.Body.ContentType == "multipart/form-data" {
		return r, r.setParts(body)
	}
	return r, r.setJSON(o.Body.ContentType, body)
}

// onePixel is the content of files in requests: a PNG of one pixel.
const onePixel = "\x89PNG\r\n\x1a\n" +
	"\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU" +
	"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q" +
	"\x00\x00\x00\x00IEND\xaeB`\x82"

// setParts makes a multipart body; texts in parentheses, such as (binary), stand for files.
func (r *Request) setParts(body map[string]any) error {
	var out bytes.Buffer
	parts := multipart.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(body)) {
		text := fmt.Sprint(body[name])
		write := func() (io.Writer, error) { return parts.CreateFormField(name) }
		if strings.HasPrefix(text, "(") {
			text, write = onePixel, func() (io.Writer, error) { return parts.CreateFormFile(name, "file.png") }
		}
		part, err := write()
		if err == nil {
			_, err = io.WriteString(part, text)
		}
		if err != nil {
			return fmt.Errorf("resttest: %w", err)
		}
	}
	_ = parts.Close() // writes to memory
	r.Body = out.Bytes()
	r.Header.Set("Content-Type", parts.FormDataContentType())
	return nil
}

// makeBody is the example with the values in it.
func (o *Operation) makeBody(example int, values Values) (map[string]any, error) {
	body := map[string]any{}
	if example < len(o.Body.Examples) {
		shown, ok := cloneValue(o.Body.Examples[example].Value).(map[string]any)
		if !ok {
			return nil, fmt.Errorf("resttest: %s: example %d is no object", o.Name(), example)
		}
		body = shown
	}
	for _, f := range o.Body.Fields {
		if value, ok := values[f.Path]; ok && !strings.Contains(f.Path, "[]") {
			putValue(body, f.Path, value)
		}
	}
	return body, nil
}

func (r *Request) setJSON(contentType string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("resttest: %w", err)
	}
	r.Body = raw
	r.Header.Set("Content-Type", contentType)
	return nil
}

// putValue sets the value at a path of keys, or takes it away.
func putValue(object map[string]any, path string, value any) {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		inner, ok := object[key].(map[string]any)
		if !ok {
			if value == Absent {
				return
			}
			inner = map[string]any{}
			object[key] = inner
		}
		object = inner
	}
	last := keys[len(keys)-1]
	if value == Absent {
		delete(object, last)
	} else {
		object[last] = cloneValue(value)
	}
}

// cloneValue copies a value deeply, and turns what it holds into what JSON decodes to.
func cloneValue(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // values of tests are JSON
	}
	var out any
	_ = json.Unmarshal(raw, &out)
	return out
}

// Client sends requests to one mount with one credential.
type Client struct {
	HTTP *http.Client
	// Base is the address of the server with the mount, without a slash at the end.
	Base string
	// Header is set on each request: the credential.
	Header http.Header
}

// Do sends a request and reads the answer.
func (c *Client) Do(ctx context.Context, r *Request) (*Answer, error) {
	target := c.Base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("resttest: %w", err)
	}
	for _, header := range []http.Header{c.Header, r.Header} {
		for key, values := range header {
			request.Header[key] = slices.Clone(values)
		}
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("resttest: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("resttest: %w", err)
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}
