package digigo

import (
	"net/http"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "digigo"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "DIGIGO API, served by Waystation", Version: "1",
		Mounts:      []string{"", "/" + Name},
		Credentials: []rest.Credential{adminToken(), watchToken(), rest.HeaderToken("token"), rest.Authorization(), rest.QueryToken("token")},
		Admits:      admitsCaller,
		Routes:      slices.Concat(systemRoutes(), settingRoutes(), webhookRoutes(), deadLetterRoutes(), archiveRoutes(), monitoringRoutes(), storageRoutes(), rabbitRoutes(), globalRoutes()),
		Success:     wrapSuccess, Fail: failReply, Missing: rest.NotFoundPage, Shape: describeShape,
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

// family has the properties that rows share.
type family struct {
	admin bool // takes the admin token instead of a session's
	bare  bool // results are answered as they are, without code, data and success
	plain bool // errors are {error}, without code and success; their 401 also where refused says so
	// refused is the text of 401. plainRefusal leaves out code and success from it alone.
	refused      string
	plainRefusal bool
	failed       bool   // errors of the server have success, though they are plain
	notFound     string // text of 404; empty = the method's own
	field        string // prefix of the texts of bad fields
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

// admitsCaller accepts tokens of sessions where the document has tokens of users, and those of admins where it has theirs.
func admitsCaller(x *rest.Exchange) (string, error) {
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

func wrapSuccess(x *rest.Exchange, result any) any {
	if familyOf(x.Route).bare {
		return result
	}
	return envelope{Code: http.StatusOK, Data: result, Success: true}
}

func describeShape(route *rest.Route, result map[string]any) (success, failure map[string]any) {
	failure = rest.ObjectSchema(map[string]any{
		"code": rest.IntegerSchema, "error": rest.TextSchema, "success": rest.FlagSchema, "details": rest.TextSchema, "fields": rest.BadFieldsSchema, "reason": rest.TextSchema,
	}, "error")
	if familyOf(route).bare {
		return result, failure
	}
	return rest.ObjectSchema(map[string]any{"code": rest.IntegerSchema, "data": result, "success": rest.FlagSchema}, "code", "data", "success"), failure
}
