package waakg

import (
	"errors"
	"net/http"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// accountRoutes are the operations on accounts, their keys, and access to sessions.
func accountRoutes() []rest.Route {
	users := func(failed string, opts ...rest.Option) []rest.Option {
		return append(opts, rest.FailText(failed), rest.OnError(userErrors.replace))
	}
	key := func(method, says, failed string) rest.Route {
		return rest.Pass[rest.None, apiKeyShown](method, "/user/api-key", map[string]string{"GET": "account.getApiKey", "POST": "account.createApiKey"}[method],
			rest.IgnoresBody(), rest.Says(says), rest.FailText(failed), rest.OnError(keyErrors.replace))
	}
	access := func(opts ...rest.Option) []rest.Option {
		return append(opts, rest.Family(familyAccess), rest.FailText("Internal Server Error"), rest.OnError(accessErrors.replace))
	}
	return []rest.Route{
		rest.Pass[rest.None, []userRow]("GET", "/users", "account.list", users("Failed to fetch users", rest.From("/accounts"), rest.With(rest.Params{"limit": 1000}))...),
		rest.Pass[newUserRequest, userCreated]("POST", "/users", "account.create", users("Failed to create user", rest.From("/account"), rest.Says("User created successfully"))...),
		rest.Pass[userRequest, userUpdated]("PATCH", "/users/{id}", "account.update", users("Failed to update user", rest.Says("User updated successfully"))...),
		rest.Pass[deleteUserRequest, outcome]("DELETE", "/users/{id}", "account.delete", users("Failed to delete user", rest.IgnoresBody(), rest.Says("User deleted successfully"))...),
		key("GET", "API key fetched", "Failed to fetch API key"),
		key("POST", "API key generated", "Failed to generate API key"),
		rest.Pass[rest.None, outcome]("DELETE", "/user/api-key", "account.revokeApiKey", rest.IgnoresBody(), rest.Says("API key revoked"),
			rest.FailText("Failed to revoke API key"), rest.OnError(keyErrors.replace)),
		rest.Pass[accessRequest, accessList]("GET", "/sessions/{sessionId}/access", "session.listAccess",
			access(rest.Says("Access list retrieved successfully"))...),
		rest.Pass[grantRequest, accessGranted]("POST", "/sessions/{sessionId}/access", "session.grantAccess", access(rest.Says("Access granted to {email}"))...),
		rest.Pass[revokeRequest, accessRevoked]("DELETE", "/sessions/{sessionId}/access", "session.revokeAccess", access(rest.Says("Access revoked successfully"))...),
	}
}

// documented is an error in the words of the document.
type documented struct {
	code   int
	reason string // of the method's error; "" = any
	text   string
	status int // 0 = that of the code
}

// documentedErrors replaces errors of methods; the first entry that fits counts.
type documentedErrors []documented

func (list documentedErrors) replace(err error) error {
	var problem *rpc.Error
	if !errors.As(err, &problem) {
		return err
	}
	for _, d := range list {
		if problem.Code != d.code || d.reason != "" && problem.Reason != d.reason {
			continue
		}
		own := *problem
		switch d.status {
		case http.StatusBadRequest:
			return &rest.Failure{Text: d.text}
		case http.StatusUnauthorized:
			own.Code = rpc.CodeUnauthenticated
		}
		return &rest.Failure{Err: &own, Text: d.text}
	}
	return err
}

var (
	userErrors = documentedErrors{
		{code: rpc.CodeForbidden, text: "Unauthorized"},
		{code: rpc.CodeConflict, reason: "email_taken", text: "Email already exists", status: http.StatusBadRequest},
		{code: rpc.CodeConflict, reason: "own_account", text: "Cannot delete yourself", status: http.StatusBadRequest},
		{code: rpc.CodeNotFound, text: "User not found"},
	}
	// keyErrors: the key is for log-ins alone, and others count as not logged in.
	keyErrors    = documentedErrors{{code: rpc.CodeForbidden, text: "Unauthorized", status: http.StatusUnauthorized}}
	accessErrors = documentedErrors{
		{code: rpc.CodeForbidden, text: onlyOwner},
		{code: rpc.CodeConflict, reason: "access_of_owner", text: "Cannot grant access to the session owner", status: http.StatusBadRequest},
		{code: rpc.CodeConflict, reason: "access_of_superadmin", text: "SUPERADMIN already has access to all sessions", status: http.StatusBadRequest},
		{code: rpc.CodeConflict, reason: "access_exists", text: "User already has access to this session"},
		{code: rpc.CodeNotFound, reason: "account_not_found", text: "User not found with that email"},
		{code: rpc.CodeNotFound, text: "Session not found"},
	}
)

const onlyOwner = "Forbidden - Only session owner can manage access"

type userRow struct {
	ID        string    `json:"id" from:"/account_id"`
	Name      string    `json:"name" from:"/name"`
	Email     string    `json:"email" from:"/email"`
	Role      string    `json:"role" from:"/role"`
	CreatedAt time.Time `json:"createdAt" from:"/created_at"`
	UpdatedAt time.Time `json:"updatedAt" from:"/updated_at"`
	Count     struct {
		Sessions int `json:"sessions" from:"/session_count"`
	} `json:"_count" from:"/"`
}

type newUserRequest struct {
	Name     string `rest:"name,required,param=/name"`
	Email    string `rest:"email,required,param=/email"`
	Password string `rest:"password,required,param=/password"`
	Role     string `rest:"role,param=/role" enum:"SUPERADMIN|OWNER|STAFF"`
}

type userRequest struct {
	ID       string  `rest:"id,path,param=/account_id" doc:"id of the account"`
	Name     *string `rest:"name,param=/name"`
	Email    *string `rest:"email,param=/email"`
	Password *string `rest:"password,param=/password"`
	Role     *string `rest:"role,param=/role" enum:"SUPERADMIN|OWNER|STAFF"`
}

type deleteUserRequest struct {
	ID string `rest:"id,path,param=/account_id" doc:"id of the account"`
}

type userFull struct {
	userRow
	EmailVerified *time.Time `json:"emailVerified" from:"/email_verified_at"`
	Image         *string    `json:"image" from:"/image_url"`
}

type userUpdated struct {
	outcome
	User userFull `json:"user" from:"/account"`
	Data userRow  `json:"data" from:"/account"`
}

type apiKeyShown struct {
	outcome
	APIKey *string `json:"apiKey" from:"/api_key"`
	Data   struct {
		APIKey *string `json:"apiKey" from:"/api_key"`
	} `json:"data" from:"/"`
}

type userCreated struct {
	outcome
	userRow
	Data userRow `json:"data" from:"/"`
}

type accessList struct {
	outcome
	Data []accessRow `json:"data" from:"/access"`
}

type accessRequest struct {
	Session string `rest:"sessionId,path" doc:"id of the session"`
}

type grantRequest struct {
	accessRequest
	Email string `rest:"email,required,param=/email" bad:"Validation error"`
}

type revokeRequest struct {
	accessRequest
	User string `rest:"userId,required,param=/account_id" bad:"Validation error"`
}

type accessRow struct {
	ID        string     `json:"id" from:"/access_id"`
	Session   string     `json:"sessionId" from:"/session_id"`
	UserID    string     `json:"userId" from:"/account/account_id"`
	CreatedAt time.Time  `json:"createdAt" from:"/created_at"`
	User      accessUser `json:"user" from:"/account"`
}

type accessUser struct {
	ID    string `json:"id" from:"/account_id"`
	Name  string `json:"name" from:"/name"`
	Email string `json:"email" from:"/email"`
	Role  string `json:"role" from:"/role"`
}

type accessGranted struct {
	outcome
	Data accessRow `json:"data" from:"/access"`
}

// ToReply implements rest.Replier.
func (a *accessGranted) ToReply() (*rest.Reply, error) {
	return &rest.Reply{Status: http.StatusCreated, Body: *a}, nil
}

type accessRevoked struct {
	outcome
	Data    *struct{} `json:"data"`
	Revoked bool      `json:"-" from:"/revoked"`
}

// FinishAnswer implements rest.Finisher.
func (a *accessRevoked) FinishAnswer() error {
	if !a.Revoked {
		return &rest.Failure{Err: rpc.NotFound("the account has no access"), Text: "Access record not found"}
	}
	return nil
}
