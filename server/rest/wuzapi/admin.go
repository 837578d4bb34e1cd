package wuzapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

// familyAdmin has the operations that take the admin token.
const familyAdmin = "admin"

func adminRoutes() []rest.Route {
	admin, withCode := rest.Family(familyAdmin), rest.With(rest.Params{"include_qr_code": true})
	return []rest.Route{
		rest.Row("GET", "/admin/users", "session.list", listUsers, admin, rest.Reads[userPage]("session.list")),
		rest.Row("GET", "/admin/users/{id}", "session.get", getUser, admin, withCode, rest.Reads[foundUser]("session.get")),
		rest.Pass[userCreation, userCreated]("POST", "/admin/users", "session.create", admin, rest.NeedsBody(), rest.OnError(tokenInUse), rest.With(rest.Params{"settings": rest.Params{"dialect": Name}})),
		rest.Pass[userChange, userChanged]("PUT", "/admin/users/{id}", "session.update", admin, rest.NeedsBody(), rest.OnError(tokenInUse)),
		rest.Pass[userRequest, userDeleted]("DELETE", "/admin/users/{id}", "session.delete", admin, rest.IgnoresBody(), rest.With(rest.Params{"logout": false})),
		rest.Pass[userRequest, userPurged]("DELETE", "/admin/users/{id}/full", "session.delete", admin, rest.IgnoresBody(), rest.With(rest.Params{"purge": true})),
	}
}

type userRequest struct {
	ID string `rest:"id,path,param=/session" doc:"id of the session"`
}

// user has the keys of users in lists.
type user struct {
	ID         string           `json:"id" from:"/session_id"`
	Name       string           `json:"name" from:"/name"`
	Token      string           `json:"token" from:"=***" doc:"masked: the server has only its hash"`
	Webhook    string           `json:"webhook" from:"/webhooks/0/url"`
	JID        string           `json:"jid" from:"/jid"`
	QRCode     string           `json:"qrcode" from:"/qr_code/image" doc:"empty if there is nothing to scan"`
	Connected  bool             `json:"connected" from:"/status/connected"`
	LoggedIn   bool             `json:"loggedIn" from:"/status/logged_in"`
	Expiration shared.SecondsAt `json:"expiration" from:"/token_expires_at" doc:"Unix seconds; 0 = never"`
	Events     eventText        `json:"events" from:"/webhooks/0/events"`
	ProxyURL   string           `json:"proxy_url" from:"/proxy/url"`
	Proxy      proxyShown       `json:"proxy_config" from:"/proxy"`
	Storage    shared.Storage   `json:"s3_config" from:"/storage"`
	HMAC       bool             `json:"hmac_configured" from:"/webhooks/0/has_secret"`
}

type proxyShown struct {
	Enabled bool   `json:"enabled" from:"/enabled"`
	URL     string `json:"proxy_url" from:"/url"`
}

// eventText are the document's names of events between commas.
type eventText string

// UnmarshalJSON reads the names of the methods.
func (t *eventText) UnmarshalJSON(raw []byte) error {
	var events []string
	if err := json.Unmarshal(raw, &events); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	*t = eventText(strings.Join(documented(events), ","))
	return nil
}

// eventWords are such names in a request.
type eventWords string

// ToParam implements rest.Converter.
func (t eventWords) ToParam(field string) (any, error) {
	var names []string
	for name := range strings.SplitSeq(string(t), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !isEvent(name) {
			return nil, rest.Bad(field, "Invalid event type", "has no event "+name)
		}
		names = append(names, name)
	}
	return native(known(names)), nil
}

// usersPerPage is small, so that a page is below the limit of results.
const usersPerPage = 50

type userPage struct {
	Users []user `from:"/sessions"`
	Next  *int   `from:"/next_offset"`
}

// listUsers reads all pages of sessions: wuzapi has no pages.
func listUsers(x *rest.Exchange, _ *rest.None) ([]user, error) {
	users := []user{}
	for offset := 0; ; {
		var page userPage
		if err := x.Read("session.list", rest.Params{"full": true, "include_qr_code": true, "limit": usersPerPage, "offset": offset}, &page); err != nil {
			return nil, err
		}
		users = append(users, page.Users...)
		if page.Next == nil || *page.Next <= offset {
			return users, nil
		}
		offset = *page.Next
	}
}

type foundUser struct {
	User user `from:"/session"`
}

// getUser returns a list of one user.
func getUser(x *rest.Exchange, _ *userRequest) ([]user, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var found foundUser
	err = x.Read("session.get", params, &found)
	return []user{found.User}, err
}

type userCreation struct {
	Name    string                 `rest:"name,required,param=/name"`
	Token   string                 `rest:"token,required,param=/token" doc:"at least 8 characters"`
	Webhook string                 `rest:"webhook,param=/webhook/url"`
	Events  *eventWords            `rest:"events,param=/webhook/events" doc:"names of events between commas; they count only with a webhook"`
	HMACKey *hmacKey               `rest:"hmacKey,param=/webhook/secret" doc:"key of the signatures; counts only with a webhook"`
	Proxy   *userProxy             `rest:"proxyConfig,below=/proxy"`
	Storage *shared.StorageRequest `rest:"s3Config,below=/storage"`
}

type userProxy struct {
	Enabled *bool   `rest:"enabled,param=/enabled"`
	URL     *string `rest:"proxyURL,param=/url"`
}

// CompleteParams implements rest.Completer.
func (in *userCreation) CompleteParams(p rest.Params) error {
	if hook, ok := p["webhook"].(rest.Params); ok {
		hook["format"] = Name
	}
	if in.Webhook == "" {
		delete(p, "webhook")
	}
	return nil
}

// tokenInUse adds the text of a token that another session has.
func tokenInUse(err error) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeConflict {
		return &rest.Failure{Err: problem, Text: "User with this token already exists"}
	}
	return err
}

type userCreated struct {
	ID         string           `json:"id" from:"/session/session_id"`
	Name       string           `json:"name" from:"/session/name"`
	Token      string           `json:"token" from:"/token"`
	Webhook    string           `json:"webhook" from:"/session/webhooks/0/url"`
	Expiration shared.SecondsAt `json:"expiration" from:"/session/token_expires_at"`
	Events     eventText        `json:"events" from:"/session/webhooks/0/events"`
	Proxy      proxyShown       `json:"proxy_config" from:"/session/proxy"`
	Storage    shared.Storage   `json:"s3_config" from:"/session/storage"`
	HMAC       bool             `json:"hmac_key" from:"/session/webhooks/0/has_secret"`
}

// ToReply implements rest.Replier.
func (u *userCreated) ToReply() (*rest.Reply, error) {
	return &rest.Reply{Status: http.StatusCreated, Body: envelope{Code: http.StatusCreated, Data: u, Success: true}}, nil
}

type userChange struct {
	userRequest
	Name    *string                `rest:"name,param=/name"`
	Token   *string                `rest:"token,param=/token" doc:"the old one ends at once"`
	Webhook *string                `rest:"webhook,param=/webhook/url" doc:"empty switches the webhook off"`
	Events  *eventWords            `rest:"events,param=/webhook/events"`
	HMACKey *hmacKey               `rest:"hmacKey,param=/webhook/secret"`
	Proxy   *userProxy             `rest:"proxyConfig,below=/proxy"`
	Storage *shared.StorageRequest `rest:"s3Config,below=/storage"`
}

// CompleteParams implements rest.Completer.
func (in *userChange) CompleteParams(p rest.Params) error {
	if hook, ok := p["webhook"].(rest.Params); ok {
		hook["format"] = Name
		if in.Webhook != nil {
			hook["active"] = *in.Webhook != ""
		}
	}
	if len(p) == 1 { // the session
		return rest.Bad("name", "No fields to update", "is one of the fields that can be changed")
	}
	return nil
}

type userChanged struct {
	User user `from:"/session"`
}

// ToReply implements rest.Replier.
func (u *userChanged) ToReply() (*rest.Reply, error) {
	return userReply(u.User, "message", "User updated successfully"), nil
}

// userReply is an envelope with a text beside the data.
func userReply(data any, key, text string) *rest.Reply {
	return &rest.Reply{Body: map[string]any{"code": http.StatusOK, "data": data, key: text, "success": true}}
}

type userDeleted struct {
	ID string `json:"id" from:"/session_id"`
}

// ToReply implements rest.Replier.
func (u *userDeleted) ToReply() (*rest.Reply, error) {
	return userReply(u, "details", "User deleted successfully"), nil
}

type userPurged struct {
	ID   string `json:"id" from:"/session_id"`
	JID  string `json:"jid" from:"/jid"`
	Name string `json:"name" from:"/name"`
}

// ToReply implements rest.Replier.
func (u *userPurged) ToReply() (*rest.Reply, error) {
	return userReply(u, "details", "User instance removed completely"), nil
}
