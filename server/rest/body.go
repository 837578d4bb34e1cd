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

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
)

// maxParts bounds the parts of a multipart body; documents have three.
const maxParts = 32

// decode reads the request of a route. free returns the memory of its body to the budget.
func (s *Shim) decode(w http.ResponseWriter, x *Exchange, route *Route) (request any, free func(), err error) {
	r, p := x.Request, route.request
	src := &source{path: r.PathValue, query: normalizeNames(r.URL.Query())}
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
		var body []byte
		body, free, err = budget.Body{
			Budget: s.bodies, Principal: bodyOwner(x), Limit: limit, MinRate: s.cfg.BodyMinRate, Grace: s.cfg.BodyGrace, Wait: s.cfg.BodyWait,
		}.Read(w, r)
		if err == nil {
			err = parseBody(r, body, route, src)
		} else {
			err = s.bodyError(err, limit)
		}
		if err != nil {
			free()
			return nil, nil, err
		}
	}
	if route.forms != nil {
		form, err := route.form(src)
		if err != nil {
			free()
			return nil, nil, err
		}
		x.Route, p = form, form.request
	}
	value := reflect.New(p.typ)
	x.in = value.Elem()
	var d decoder
	d.decodeRequest(p, src, x.in)
	if len(d.faults) > 0 {
		free()
		return nil, nil, &Failure{Faults: d.faults}
	}
	return value.Interface(), free, nil
}

// bodyOwner is the principal whose share of the memory a body takes: the session, whichever of its tokens is used.
func bodyOwner(x *Exchange) string {
	if session := x.Principal.Session; session != "" {
		return "session:" + session
	}
	return x.Principal.ID
}

func parseBody(r *http.Request, body []byte, route *Route, src *source) error {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return readParts(multipart.NewReader(bytes.NewReader(body), params["boundary"]), src)
	}
	text := bytes.TrimLeft(body, " \t\r\n")
	if len(text) == 0 {
		return emptyBody(route)
	}
	if !utf8.Valid(body) {
		return badBody("is not UTF-8")
	}
	// Callers with curl's -d send JSON labelled as a form; documents that have no forms do not look at the label.
	if kind == "application/x-www-form-urlencoded" && route.opts.form && text[0] != '{' {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return badBody("is not a form")
		}
		src.form = normalizeNames(values)
		return nil
	}
	var err error
	if src.body, err = objectOf(text, route.request); err != nil {
		return badBody("is not a JSON object")
	}
	return nil
}

func emptyBody(route *Route) error {
	if route.opts.needsBody {
		return badBody("is empty")
	}
	return nil
}

func badBody(problem string) error {
	return &Failure{Faults: []Fault{{Kind: FaultBody, Problem: "the body " + problem}}}
}

// bodyError returns the failure of a body that could not be read.
func (s *Shim) bodyError(err error, limit int64) error {
	switch {
	case errors.Is(err, budget.ErrTooLarge):
		return tooLarge(limit)
	case errors.Is(err, budget.ErrFull):
		return rpc.RateLimited("too many bytes of this caller's requests are in memory; repeat when others have ended", s.cfg.BodyWait)
	case errors.Is(err, budget.ErrTooSlow):
		return badBody("arrived too slowly")
	}
	return badBody("could not be read")
}

func readParts(parts *multipart.Reader, src *source) error {
	src.form, src.files = map[string][]string{}, map[string]File{}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badBody("is not multipart/form-data")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return badBody("is not multipart/form-data")
		}
		name := normalizeName(part.FormName())
		if file := part.FileName(); file != "" {
			src.files[name] = uploaded(file, part.Header.Get("Content-Type"), data)
		} else if !utf8.Valid(data) {
			return badBody("has a part that is not UTF-8")
		} else {
			src.form[name] = append(src.form[name], string(data))
		}
	}
	return badBody("has too many parts")
}

func normalizeNames(values url.Values) map[string][]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string][]string, len(values))
	for name, list := range values {
		out[normalizeName(name)] = list
	}
	return out
}
