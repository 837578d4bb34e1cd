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
		Mounts: []string{"", "/" + Name}, PerSession: true,
		Credentials: []rest.Credential{adminToken(), watchToken(), rest.HeaderToken("token"), rest.Authorization(), rest.QueryToken("token")},
		Admits:      admitsCaller,
		Routes: slices.Concat(systemRoutes(), sessionRoutes(), userRoutes(), settingRoutes(), webhookRoutes(), deadLetterRoutes(), archiveRoutes(), monitoringRoutes(), storageRoutes(), rabbitRoutes(), globalRoutes(), licenseRoutes(),
			chatRoutes(), callRoutes(), groupRoutes(), sendRoutes(), statusRoutes(), communityRoutes(), newsletterRoutes(), profileRoutes(), contactRoutes(), lidRoutes(), deviceRoutes(), privacyRoutes(), businessRoutes()),
		Success: wrapSuccess, Fail: failReply, Missing: rest.NotFoundPage, Shape: describeShape,
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
	inData       bool   // the text of errors is in data, not in error
	// offline is the text of calls to a session that is not connected, offlineStatus their status; zero values = those of settings.
	offline       string
	offlineStatus int
	timedOut      string // text of 408; empty = calls that took too long have 500
	noSuccess     bool   // answers have code and data without success
	// textFrom is the lowest status of errors that are only a text; 0 = none. message puts the text of the others into message.
	textFrom int
	message  bool
	missing  string // text for a field that is missing
}

const (
	userRefused  = "unauthorized"
	adminRefused = "unauthorized - admin token required"
	noSuchUser   = "user not found"
)

// The families by the name that rows give to rest.Family; rows without one are those of a session's settings.
const (
	familyCommunity   = "community"
	familyEcho        = "echo"
	familyDead        = "dead letters"
	familyPrune       = "prune"
	familyArchive     = "archive"
	familyArchiveData = "data of the archive"
	familyGlobal      = "global transports"
	familyRetention   = "retention"
	familyMonitoring  = "monitoring"
	familyLicense     = "license"
	familyText        = "text in data"
	familyCall        = "call"
	familySync        = "sync"
	familySyncNow     = "sync now"
	familyRefresh     = "refresh"
	familyUsers       = "users"
	familyProfile     = "profile"
	familyUpdate      = "update"
	familyContacts    = "contacts"
	familyLookup      = "lookup"
	familyTimed       = "timed lookup"

	familyUserChanges      = "changes of users"
	familyNewsletter       = "newsletter"
	familyNewsletterCreate = "creation of newsletters"
	familyNewsletterInvite = "invitation of admins"
	familySuccessMessage   = "success and message"
)

var families = map[string]family{
	"":                {refused: userRefused},
	familyEcho:        {bare: true, plain: true, refused: userRefused},
	familyCommunity:   {bare: true, plain: true, refused: userRefused},
	familyDead:        {admin: true, bare: true, plain: true, refused: adminRefused, notFound: "event not found in DLQ"},
	familyPrune:       {admin: true, bare: true, plain: true, failed: true, refused: adminRefused},
	familyGlobal:      {admin: true, bare: true, plain: true, refused: adminRefused},
	familyRetention:   {admin: true, bare: true, refused: adminRefused, plainRefusal: true},
	familyArchive:     {admin: true, bare: true, refused: adminRefused, plainRefusal: true, notFound: "archive event not found"},
	familyArchiveData: {admin: true, refused: adminRefused, plainRefusal: true, notFound: "archive event not found"},
	familyLicense:     {admin: true, bare: true, refused: adminRefused},
	familyProfile:     {plain: true, refused: userRefused},
	familyUpdate:      {plainRefusal: true, refused: userRefused},
	familyContacts:    {noSuccess: true, refused: userRefused},
	familyLookup:      {bare: true, plain: true, refused: userRefused},
	familyTimed:       {bare: true, plain: true, refused: userRefused, timedOut: "request timeout while retrieving devices"},
	familyMonitoring:  {admin: true, bare: true, plain: true, refused: "Unauthorized", field: "Invalid filter: invalid "},
	familyText:        {inData: true, refused: userRefused},
	familyCall:        {bare: true, plain: true, refused: userRefused, offline: "client not connected"},
	familySyncNow:     {bare: true, refused: userRefused, offline: "Client not connected", offlineStatus: http.StatusBadRequest},
	familyUsers:       {admin: true, refused: adminRefused, plainRefusal: true, notFound: noSuchUser},
	familyRefresh:     {bare: true, refused: userRefused},
	familySync:        {bare: true, refused: userRefused, offline: "Client not connected"},

	familyUserChanges:      {admin: true, bare: true, refused: adminRefused, plainRefusal: true, notFound: noSuchUser},
	familyNewsletter:       {bare: true, refused: userRefused, textFrom: http.StatusBadRequest},
	familyNewsletterCreate: {bare: true, plain: true, refused: userRefused, message: true, textFrom: http.StatusInternalServerError},
	familyNewsletterInvite: {bare: true, plain: true, refused: userRefused, missing: "phone, newsletter_jid, image, caption and name are required"},
	familySuccessMessage:   {bare: true, plain: true, refused: userRefused, message: true},
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

// answered is an envelope without success.
type answered struct {
	Code int `json:"code"`
	Data any `json:"data"`
}

func wrapSuccess(x *rest.Exchange, result any) any {
	if familyOf(x.Route).bare {
		return result
	}
	if familyOf(x.Route).noSuccess {
		return answered{Code: http.StatusOK, Data: result}
	}
	return envelope{Code: http.StatusOK, Data: result, Success: true}
}

func describeShape(route *rest.Route, result map[string]any) (success, failure map[string]any) {
	text := "error"
	if familyOf(route).inData {
		text = "data"
	}
	failure = rest.ObjectSchema(map[string]any{
		"code": rest.IntegerSchema, text: rest.TextSchema, "success": rest.FlagSchema, "details": rest.TextSchema, "fields": rest.BadFieldsSchema, "reason": rest.TextSchema,
	}, text)
	if familyOf(route).bare {
		return result, failure
	}
	keys := map[string]any{"code": rest.IntegerSchema, "data": result, "success": rest.FlagSchema}
	if familyOf(route).noSuccess {
		return rest.ObjectSchema(keys, "code", "data"), failure
	}
	return rest.ObjectSchema(keys, "code", "data", "success"), failure
}
