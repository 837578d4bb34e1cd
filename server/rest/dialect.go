package rest

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Dialect is the REST surface of one document.
type Dialect struct {
	// Name is the word used in settings and prefixes, such as "wuzapi".
	Name string
	// Title and Version go into the OpenAPI document.
	Title, Version string
	// Mounts are the prefixes it is served under, without a slash at the end; "" is the root. Dialects that share a mount
	// and a path are distinguished by Config.DialectOf.
	Mounts []string
	// Credentials are the places of a request that may hold a token; the first that holds one counts.
	Credentials []Credential
	// Accounts lets credentials of accounts in; without it they count as unknown.
	Accounts bool
	// PerSession marks dialects between which a session chooses with its setting: at a shared mount it gets no answer of another
	// one, also at paths that its own lacks. Callers without a session are answered by the dialect that has the path.
	PerSession bool
	// Admits decides whether a caller may use the dialect at all, and returns the session of the request ("" = the route
	// chooses one). nil = all callers with a credential, and the session that the credential is bound to. Its error is
	// answered like that of a route's function.
	Admits func(x *Exchange) (session string, err error)
	// Routes is the table of operations.
	Routes []Route
	// TakesForms is the option of the same name for all routes.
	TakesForms bool
	// Success wraps the result of a route's function. nil = results are answered unchanged.
	Success func(x *Exchange, result any) any
	// Fail returns the documented answer to an error.
	Fail func(x *Exchange, f *Failure) *Reply
	// Missing answers a path that is not in the table; allowed lists the methods the path has, if any.
	Missing func(x *Exchange, allowed []string) *Reply
	// Shape describes Success and Fail for the OpenAPI document, in JSON Schema: the envelope around a result, and errors.
	// nil = results bare, errors not described.
	Shape func(route *Route, result map[string]any) (success, failure map[string]any)
}

// Serves reports whether the dialect has a row for an operation.
func (d *Dialect) Serves(method, path string) bool {
	return slices.ContainsFunc(d.Routes, func(route Route) bool { return route.Method == method && route.Path == path })
}

// Credential is a place of a request that may hold a token; it returns "" when it holds none.
type Credential struct {
	// Name and In describe it in the OpenAPI document: In is header, query or cookie.
	Name, In string
	// Token reads it.
	Token func(r *http.Request) string
	// Ticket marks tokens of delivery.createWatchToken, which Config.Tickets knows: Exchange.Ticket is set for their callers.
	Ticket bool
	// Query marks tokens in addresses, which end up in logs and histories: they count only if the operator allows them.
	Query bool
	// Cookie marks tokens in cookies, which browsers send by themselves: for requests that change something they count only if a page of this server
	// sends them.
	Cookie bool
}

// HeaderToken is a token that is the whole value of a header field.
func HeaderToken(name string) Credential {
	return Credential{Name: name, In: "header", Token: func(r *http.Request) string { return strings.TrimSpace(r.Header.Get(name)) }}
}

// Authorization is a token in the header field Authorization, bare or after the word Bearer.
func Authorization() Credential {
	return Credential{Name: "Authorization", In: "header", Token: func(r *http.Request) string {
		value := strings.TrimSpace(r.Header.Get("Authorization"))
		if scheme, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token)
		}
		return value
	}}
}

// QueryToken is a token in the query.
func QueryToken(name string) Credential {
	return Credential{Name: name, In: "query", Query: true, Token: func(r *http.Request) string { return r.URL.Query().Get(name) }}
}

// CookieToken is a token in a cookie, under the first of several names that the request has.
func CookieToken(names ...string) Credential {
	return Credential{Name: names[0], In: "cookie", Cookie: true, Token: func(r *http.Request) string {
		for _, name := range names {
			if c, err := r.Cookie(name); err == nil && c.Value != "" {
				return c.Value
			}
		}
		return ""
	}}
}

// Route is one operation of a document. Make it with Row.
type Route struct {
	// Method and Path are those of the document; parameters of the path are in braces.
	Method, Path string
	// Calls are the methods it calls, for the OpenAPI document and the table of operations.
	Calls []string

	opts    options
	request *plan
	result  reflect.Type
	answer  *answerPlan // of a route made by Pass
	whole   answerField // place of the whole answer, of Pass
	says    textParts   // text of the option Says
	field   string      // whose value chooses one of forms, of a route made by OneOf
	forms   map[string]*Route
	serve   func(x *Exchange, request any) (any, error)
}

type options struct {
	public    bool
	knows     bool
	bodyless  bool
	large     bool
	form      bool
	needsBody bool
	failText  string
	bodyText  string
	family    string
	passOptions
}

// Option changes how a route is served.
type Option func(*options)

// Family names the form of answers a route shares with others, for documents that have several.
func Family(name string) Option { return func(o *options) { o.family = name } }

// Public lets a route be called without a credential.
func Public() Option { return func(o *options) { o.public = true } }

// KnowsCaller is Public for operations that depend on the caller: Exchange.Principal is set if the request has a valid credential.
func KnowsCaller() Option { return func(o *options) { o.public, o.knows = true, true } }

// IgnoresBody leaves the body unread, for documented operations without a body.
func IgnoresBody() Option { return func(o *options) { o.bodyless = true } }

// NeedsBody refuses an empty body, for documents that want at least {}.
func NeedsBody() Option { return func(o *options) { o.needsBody = true } }

// TakesFiles raises the limit of the body to that of files.
func TakesFiles() Option { return func(o *options) { o.large = true } }

// TakesForms accepts application/x-www-form-urlencoded beside JSON. Multipart is accepted where the request has a File.
func TakesForms() Option { return func(o *options) { o.form = true } }

// FailText is the documented text of an error that is not the caller's fault; %s in it stands for the reason.
func FailText(text string) Option { return func(o *options) { o.failText = text } }

// BodyText is the documented text of a body that cannot be read; %s in it stands for the problem.
func BodyText(text string) Option { return func(o *options) { o.bodyText = text } }

// Row returns a route whose function calls methods. calls names them, separated by spaces. In is a struct with the fields of
// body, form, query and path (see the tags below); Out is the content of the dialect's envelope, or *Reply for an answer of
// another kind. Operations that are one call are shorter as Pass. Row panics on a struct that cannot be decoded into.
//
// Tags of a field of In:
//
//	rest:"name,required,path,query,param=/to"  its documented name (default: the field's own); whether it is required,
//	     part of the path, only in the query; and the JSON pointer of the method's param that it becomes, so that errors
//	     of the method are reported under the documented name; in a list of objects relative to the item. A required
//	     pointer may be empty
//	rest:"name,below=/to"  of an object: the JSON pointer that those of its fields are relative to
//	also:"Group|groupJID"  other names it is accepted under
//	bad:"Could not parse Phone"  the documented text for a value that is not usable
//	max:"1024"  the most characters of a text
//	missing:"Phone is required"  the documented text for a required value that the request lacks; default: that of bad
//	enum:"composing|paused"  documented values, for the OpenAPI document
//	doc:"..."  its meaning, for the OpenAPI document
//
// Names are compared without regard to case, underscores and hyphens.
func Row[In, Out any](method, path, calls string, serve func(x *Exchange, in *In) (Out, error), opts ...Option) Route {
	route := Route{
		Method: method, Path: path, Calls: strings.Fields(calls), request: planOf(reflect.TypeFor[In]()), result: reflect.TypeFor[Out](),
		serve: func(x *Exchange, request any) (any, error) { return serve(x, request.(*In)) },
	}
	for _, opt := range opts {
		opt(&route.opts)
	}
	route.compile()
	return route
}

// None is the request of an operation that takes nothing.
type None struct{}

// FailText is the text given to the option of the same name, or "".
func (r *Route) FailText() string { return r.opts.failText }

// BodyText is the text given to the option of the same name, or "".
func (r *Route) BodyText() string { return r.opts.bodyText }

// Family is the name given to the option of the same name, or "".
func (r *Route) Family() string { return r.opts.family }
