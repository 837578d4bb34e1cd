package digigo

import (
	"net/http"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is what the dialect is called in settings and prefixes.
const Name = "digigo"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "DIGIGO API, served by Waystation", Version: "1",
		Mounts:      []string{"", "/" + Name},
		Credentials: []rest.Credential{adminToken(), watchToken(), rest.HeaderToken("token"), rest.Authorization(), rest.QueryToken("token")},
		Admits:      admits,
		Routes:      slices.Concat(systemRoutes(), settingRoutes(), webhookRoutes(), deadLetterRoutes(), archiveRoutes(), monitoringRoutes(), storageRoutes(), rabbitRoutes(), globalRoutes()),
		Success:     success, Fail: fail, Missing: missing, Shape: shape,
	}
}

// adminToken is read before the token of a session on the paths of operators: programs tend to send both.
func adminToken() rest.Credential {
	c := rest.Authorization()
	authorization := c.Token
	c.Token = func(r *http.Request) string {
		if !strings.HasPrefix(r.URL.Path, "/admin/") {
			return ""
		}
		return authorization(r)
	}
	return c
}

// watchToken is a token of POST /admin/events/session, on the paths that take one.
func watchToken() rest.Credential {
	c := rest.QueryToken("session")
	query := c.Token
	c.Query, c.Ticket = false, true // such tokens are made for addresses
	c.Token = func(r *http.Request) string {
		switch r.URL.Path {
		case "/admin/events/stream", "/admin/events/history", "/admin/events/session":
			return query(r)
		}
		return ""
	}
	return c
}

// family is what rows have in common.
type family struct {
	admin bool // takes the admin token instead of a session's
	bare  bool // results are answered as they are, without code, data and success
	plain bool // errors are {error}, without code and success; their 401 also where refused says so
	// refused is the text of 401. plainRefusal leaves out code and success from it alone.
	refused      string
	plainRefusal bool
	failed       bool   // errors of the server have success, though they are plain
	notFound     string // text of 404; empty = the method's own
	field        string // goes before what is wrong with a field
}

const adminRefused = "unauthorized - admin token required"

// The families by the name that rows give to rest.Family; rows without one are those of a session's settings.
const (
	familyEcho       = "echo"
	familyDead       = "dead letters"
	familyPrune      = "prune"
	familyArchive    = "archive"
	familyGlobal     = "global transports"
	familyRetention  = "retention"
	familyMonitoring = "monitoring"
)

var families = map[string]family{
	"":               {refused: "unauthorized"},
	familyEcho:       {bare: true, plain: true, refused: "unauthorized"},
	familyDead:       {admin: true, bare: true, plain: true, refused: adminRefused, notFound: "event not found in DLQ"},
	familyPrune:      {admin: true, bare: true, plain: true, failed: true, refused: adminRefused},
	familyGlobal:     {admin: true, bare: true, plain: true, refused: adminRefused},
	familyRetention:  {admin: true, bare: true, refused: adminRefused, plainRefusal: true},
	familyArchive:    {admin: true, bare: true, refused: adminRefused, plainRefusal: true, notFound: "archive event not found"},
	familyMonitoring: {admin: true, bare: true, plain: true, refused: "Unauthorized", field: "Invalid filter: invalid "},
}

func familyOf(route *rest.Route) family {
	if route == nil {
		return families[""]
	}
	return families[route.Family()]
}

// admits lets in sessions where the document wants the token of a user, and admins where it wants theirs.
func admits(x *rest.Exchange) (string, error) {
	who := x.Principal
	if familyOf(x.Route).admin {
		if x.Ticket {
			if who.Session != "" && x.Request.URL.Query().Get("user_id") == "" {
				return "", &rest.Failure{Err: rpc.Forbidden("the token is limited to one session"), Text: "User token requires user_id filter"}
			}
			return who.Session, nil
		}
		if who.Kind != rpc.ScopeAdmin || who.Session != "" {
			return "", rpc.Unauthenticated("the token is not that of an admin")
		}
		return "", nil
	}
	if who.Session == "" {
		return "", rpc.Unauthenticated("the token is not that of a session")
	}
	return who.Session, nil
}

type envelope struct {
	Code    int  `json:"code"`
	Data    any  `json:"data"`
	Success bool `json:"success"`
}

func success(x *rest.Exchange, result any) any {
	if familyOf(x.Route).bare {
		return result
	}
	return envelope{Code: http.StatusOK, Data: result, Success: true}
}

// missing answers paths that are not served as wuzapi does, from which this API comes.
func missing(*rest.Exchange, []string) *rest.Reply {
	return &rest.Reply{Status: http.StatusNotFound, ContentType: "text/plain; charset=utf-8", Body: []byte("404 page not found\n")}
}

func shape(route *rest.Route, result map[string]any) (success, failure map[string]any) {
	text, number, flag := map[string]any{"type": "string"}, map[string]any{"type": "integer"}, map[string]any{"type": "boolean"}
	object := func(properties map[string]any, required ...string) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": required}
	}
	fields := map[string]any{"type": "array", "items": object(map[string]any{"field": text, "problem": text}, "field", "problem")}
	failure = object(map[string]any{"code": number, "error": text, "success": flag, "details": text, "fields": fields, "reason": text}, "error")
	if familyOf(route).bare {
		return result, failure
	}
	return object(map[string]any{"code": number, "data": result, "success": flag}, "code", "data", "success"), failure
}
