package waakg

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "waakg"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "WA-AKG API, served by Waystation", Version: "1",
		Mounts:      []string{"/api", "/" + Name + "/api"},
		Accounts:    true,
		Credentials: []rest.Credential{rest.HeaderToken("X-API-Key"), loginCookie()},
		Admits:      admitsCaller,
		Routes: slices.Concat(
			sessionRoutes(), groupRoutes(), chatRoutes(), contactRoutes(), labelRoutes(), messageRoutes(), sendRoutes(), profileRoutes(), statusRoutes(), webhookRoutes(),
			mediaRoutes(), systemRoutes(), serverRoutes(), automationRoutes(), scheduleRoutes(), accountRoutes(), loginRoutes(),
		),
		Success: liftData, Fail: failReply, Missing: rest.NotFoundPage, Shape: describeShape,
	}
}

// admitsCaller finds the session in the path; that of a file is before the last hyphen of its name. Paths without a session are for the one that the
// token is bound to, or for none.
func admitsCaller(x *rest.Exchange) (string, error) {
	session := x.Request.PathValue("sessionId")
	if strings.HasPrefix(x.Route.Path, "/sessions/{id}") {
		session = x.Request.PathValue("id")
	}
	if file := x.Request.PathValue("filename"); file != "" {
		session = sessionOfFile(x, file)
	}
	if session == "" {
		return x.Principal.Session, nil
	}
	if x.AdmitsSession(session) != nil {
		text := familyOf(x.Route).forbidden
		return "", &rest.Failure{Err: rpc.Forbidden(text), Text: text}
	}
	return session, nil
}

// sessionOfFile returns the session in the name of a file; "" = none.
func sessionOfFile(x *rest.Exchange, file string) string {
	if bound := x.Principal.Session; bound != "" && strings.HasPrefix(file, bound+"-") {
		return bound
	}
	session, _, _ := cutLast(file, "-")
	return session
}

// cutLast cuts a text at the last separator; without one the first part is empty.
func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

// outcome is the part of an answer that all operations share: status as the server of the document has it, success as the document shows it.
type outcome struct {
	Status  bool   `json:"status" from:"=true"`
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message,omitempty" from:"="`
}

// enveloped is an answer with a result in data. The option From is the place of the result.
type enveloped[T any] struct {
	outcome
	Data T `json:"data" from:"/"`
}

// lifted is an answer with an object in data, whose members are also at top level, where the document shows them; those of the same name as a member of outcome are in
// data only.
type lifted[T any] struct{ enveloped[T] }

func (*lifted[T]) liftsData() {}

// liftData copies the members of data of lifted answers to the top level.
func liftData(_ *rest.Exchange, result any) any {
	if _, lifts := result.(interface{ liftsData() }); !lifts {
		return result
	}
	var whole, data map[string]json.RawMessage
	raw, err := json.Marshal(result)
	if err == nil {
		err = json.Unmarshal(raw, &whole)
	}
	if err == nil {
		err = json.Unmarshal(whole["data"], &data)
	}
	if err != nil { // data is no object, which only a wrong row causes
		return result
	}
	for name, value := range data {
		if _, there := whole[name]; !there {
			whole[name] = value
		}
	}
	return whole
}

func describeShape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	return result, rest.ObjectSchema(map[string]any{
		"status": rest.FlagSchema, "message": rest.TextSchema, "error": map[string]any{"type": []any{"string", "object"}}, "details": rest.TextSchema,
		"fields": rest.BadFieldsSchema, "reason": rest.TextSchema,
	})
}
