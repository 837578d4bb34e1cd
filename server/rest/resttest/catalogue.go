package resttest

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed testdata/*.json
var files embed.FS

// Catalogue has the operations of one documented API.
type Catalogue struct {
	Dialect    string       `json:"dialect"`
	Operations []*Operation `json:"operations"`
}

// Operation is one method and path with its request and all its answers.
type Operation struct {
	ID     string `json:"id"`     // "wuzapi:POST /webhook"
	Method string `json:"method"` // HTTP method
	Path   string `json:"path"`   // below the mount; variables in braces
	// Auth says whose credentials it takes: user, admin or none.
	Auth      string      `json:"auth,omitempty"`
	Params    []*Field    `json:"params,omitempty"`
	Body      *Body       `json:"body,omitempty"`
	Responses []*Response `json:"responses"`
}

// Body is a documented request body.
type Body struct {
	ContentType string    `json:"content_type"`
	Required    bool      `json:"required,omitempty"`
	Fields      []*Field  `json:"fields,omitempty"`
	Examples    []Example `json:"examples,omitempty"`
}

// Example is a body as the document shows it.
type Example struct {
	Name  string `json:"name,omitempty"`
	Value any    `json:"value"`
}

// Field is a parameter or a key of a body. A Path has dots between keys, [] for the items of an array, * for keys that
// are data.
type Field struct {
	Path      string   `json:"path"`
	In        string   `json:"in,omitempty"` // of a parameter: path, query, header
	Type      Type     `json:"type"`
	Required  bool     `json:"required,omitempty"`
	Enum      []any    `json:"enum,omitempty"`
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	MaxLength *int     `json:"max_length,omitempty"`
	MinItems  *int     `json:"min_items,omitempty"`
	MaxItems  *int     `json:"max_items,omitempty"`
	Aliases   []string `json:"aliases,omitempty"`
	Example   any      `json:"example,omitempty"`
}

// Name is the last key of the path.
func (f *Field) Name() string {
	path := strings.TrimSuffix(f.Path, "[]")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// Response is one documented answer. An operation may have several with one status.
type Response struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type,omitempty"` // empty = the document does not say
	// Source distinguishes answers in the document from those of the API's public servers: seed, upstream, both.
	Source  string          `json:"source,omitempty"`
	Example any             `json:"example,omitempty"`
	Fields  map[string]Type `json:"fields,omitempty"`
}

// Text is the documented text of an error, or "".
func (r *Response) Text() string {
	object, _ := r.Example.(map[string]any)
	if inner, ok := object["error"].(map[string]any); ok {
		object = inner
	}
	for _, key := range []string{"error", "message", "data"} {
		if text, ok := object[key].(string); ok {
			return text
		}
	}
	text, _ := r.Example.(string)
	return text
}

// Load reads the catalogue of a dialect, with the operations that it serves beyond its document, if there are any.
func Load(dialect string) (*Catalogue, error) {
	c, err := loadFile(dialect)
	if err != nil {
		return nil, err
	}
	switch more, err := loadFile(dialect + beyond); {
	case err == nil:
		c.Operations = append(c.Operations, more.Operations...)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return c, nil
}

// beyond ends the names of catalogues of operations that documents lack: those of later versions, as their servers and clients have them.
const beyond = "-more"

func loadFile(name string) (*Catalogue, error) {
	raw, err := files.ReadFile("testdata/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("resttest: %w", err)
	}
	c := &Catalogue{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("resttest: %s: %w", name, err)
	}
	return c, nil
}

// Only returns the catalogue with the operations that a dialect serves.
func (c *Catalogue) Only(served func(method, path string) bool) *Catalogue {
	out := &Catalogue{Dialect: c.Dialect}
	for _, o := range c.Operations {
		if served(o.Method, o.Path) {
			out.Operations = append(out.Operations, o)
		}
	}
	return out
}

// Operation returns the operation "METHOD /path", or nil.
func (c *Catalogue) Operation(name string) *Operation {
	i := slices.IndexFunc(c.Operations, func(o *Operation) bool { return o.Name() == name })
	if i < 0 {
		return nil
	}
	return c.Operations[i]
}

// Name is "METHOD /path".
func (o *Operation) Name() string { return o.Method + " " + o.Path }

// ErrorResponses are the documented answers that are no success.
func (o *Operation) ErrorResponses() []*Response {
	return slices.DeleteFunc(slices.Clone(o.Responses), (*Response).isSuccess)
}

// SuccessResponses are the others. Where the document and its public server differ there are several.
func (o *Operation) SuccessResponses() []*Response {
	return slices.DeleteFunc(slices.Clone(o.Responses), func(r *Response) bool { return !r.isSuccess() })
}

// isSuccess reports whether the answer is a success by its status and, in documents whose errors have the status 200, its flag.
func (r *Response) isSuccess() bool {
	object, _ := r.Example.(map[string]any)
	return r.Status < 400 && object["success"] != false
}
