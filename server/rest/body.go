package rest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"unicode/utf8"
)

// maxParts bounds the parts of a multipart body; documents have three.
const maxParts = 32

// decode reads the request of a route. free gives the memory of its body back.
func (s *Shim) decode(w http.ResponseWriter, r *http.Request, route *Route) (request any, free func(), err error) {
	p := route.request
	src := &source{path: r.PathValue, query: evened(r.URL.Query())}
	free = func() {}
	if reads := !route.opts.bodyless && len(p.fields) > 0; reads && (r.Body == nil || r.Body == http.NoBody) {
		if err := emptyBody(route); err != nil {
			return nil, nil, err
		}
	} else if reads {
		limit := s.cfg.MaxBody
		if route.opts.large || p.files {
			limit = s.cfg.MaxFileBody
		}
		if free, err = s.reserve(r, limit); err != nil {
			return nil, nil, err
		}
		if err = readBody(w, r, route, src, limit); err != nil {
			free()
			return nil, nil, err
		}
	}
	value := reflect.New(p.typ)
	var d decoder
	d.request(p, src, value.Elem())
	if len(d.faults) > 0 {
		free()
		return nil, nil, &Failure{Faults: d.faults}
	}
	return value.Interface(), free, nil
}

// reserve waits for room for the body of a request.
func (s *Shim) reserve(r *http.Request, limit int64) (free func(), err error) {
	size := r.ContentLength
	if size > limit {
		return nil, tooLarge(limit)
	}
	if size < 0 {
		size = limit // not told beforehand
	}
	if err := s.bodies.Acquire(r.Context(), size); err != nil {
		return nil, err // the caller has gone
	}
	return func() { s.bodies.Release(size) }, nil
}

func readBody(w http.ResponseWriter, r *http.Request, route *Route, src *source, limit int64) error {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	limited := http.MaxBytesReader(w, r.Body, limit)
	if kind == "multipart/form-data" {
		return readParts(multipart.NewReader(limited, params["boundary"]), src, limit)
	}
	body, err := io.ReadAll(limited)
	if err != nil {
		return bodyError(err, limit)
	}
	text := bytes.TrimLeft(body, " \t\r\n")
	if len(text) == 0 {
		return emptyBody(route)
	}
	if !utf8.Valid(body) {
		return broken("is not UTF-8")
	}
	// Callers with curl's -d send JSON labelled as a form; documents that have no forms do not look at the label.
	if kind == "application/x-www-form-urlencoded" && route.opts.form && text[0] != '{' {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return broken("is not a form")
		}
		src.form = evened(values)
		return nil
	}
	if src.body, err = objectOf(text, route.request); err != nil {
		return broken("is not a JSON object")
	}
	return nil
}

func emptyBody(route *Route) error {
	if route.opts.needsBody {
		return broken("is empty")
	}
	return nil
}

func broken(problem string) error {
	return &Failure{Faults: []Fault{{Kind: FaultBody, Problem: "the body " + problem}}}
}

func bodyError(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return broken("could not be read")
}

func readParts(parts *multipart.Reader, src *source, limit int64) error {
	src.form, src.files = map[string][]string{}, map[string]File{}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return partError(err, limit)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return partError(err, limit)
		}
		name := even(part.FormName())
		if file := part.FileName(); file != "" {
			src.files[name] = uploaded(file, part.Header.Get("Content-Type"), data)
		} else if !utf8.Valid(data) {
			return broken("has a part that is not UTF-8")
		} else {
			src.form[name] = append(src.form[name], string(data))
		}
	}
	return broken("has too many parts")
}

func partError(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return broken("is not multipart/form-data")
}

func evened(values url.Values) map[string][]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string][]string, len(values))
	for name, list := range values {
		out[even(name)] = list
	}
	return out
}
