package waakg

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Cookies of log-ins, without the prefixes that they have over https: those of NextAuth 5 and of the document.
var (
	sessionCookies = []string{"authjs.session-token", "next-auth.session-token"}
	csrfCookies    = []string{"authjs.csrf-token", "next-auth.csrf-token"}
)

// Prefixes of cookies that browsers take over https only; __Host- also excludes other hosts of the domain.
const (
	securePrefix = "__Secure-"
	hostPrefix   = "__Host-"
)

// cookieNames returns the names of cookies with and without a prefix.
func cookieNames(prefix string, names []string) []string {
	list := make([]string, 0, 2*len(names))
	for _, name := range names {
		list = append(list, prefix+name, name)
	}
	return list
}

// loginCookie is the credential of log-ins by cookie.
func loginCookie() rest.Credential {
	return rest.CookieToken(cookieNames(securePrefix, sessionCookies)...)
}

// loginRoutes are the operations of NextAuth's client, which log in with a form and a cookie.
func loginRoutes() []rest.Route {
	form := []rest.Option{rest.KnowsCaller(), rest.TakesForms(), rest.Family(familyError)}
	return []rest.Route{
		rest.Pass[registerRequest, registered]("POST", "/auth/register", "account.register", rest.Public(), rest.Family(familyError), rest.Says("User registered successfully"),
			rest.FailText("Internal server error during registration"), rest.OnError(registerErrors.replace)),
		rest.Row("GET", "/auth/session", "account.getCurrent", showLogin, rest.KnowsCaller(), rest.Family(familyError), rest.Reads[loginShown]("account.getCurrent")),
		rest.Row("GET", "/auth/csrf", "account.createCsrfToken", createCSRF, rest.Public(), rest.Family(familyError)),
		rest.Row("GET", "/auth/providers", "", listProviders, rest.Public(), rest.Family(familyError)),
		rest.Row("POST", "/auth/callback/credentials", "account.login", logIn, form...),
		rest.Row("POST", "/auth/signout", "account.logout", logOut, form...),
	}
}

var registerErrors = documentedErrors{
	{code: rpc.CodeConflict, reason: "email_taken", text: "User with this email already exists", status: http.StatusBadRequest},
	{code: rpc.CodeForbidden, text: "Registration is currently disabled by the administrator"},
}

type registerRequest struct {
	Name     string `rest:"name,required,param=/name" bad:"Invalid registration data provided"`
	Email    string `rest:"email,required,param=/email" bad:"Invalid registration data provided"`
	Password string `rest:"password,required,param=/password" bad:"Invalid registration data provided"`
}

type registered struct {
	outcome
	User struct {
		ID    string `json:"id" from:"/account_id"`
		Name  string `json:"name" from:"/name"`
		Email string `json:"email" from:"/email"`
	} `json:"user" from:"/account"`
}

type loginShown struct {
	User *struct {
		Name  string  `json:"name" from:"/name"`
		Email string  `json:"email" from:"/email"`
		Image *string `json:"image" from:"/image_url"`
		ID    string  `json:"id" from:"/account_id"`
		Role  string  `json:"role" from:"/role"`
	} `json:"user" from:"/account"`
	Expires *time.Time `json:"expires" from:"/expires_at"`
}

// showLogin answers null without a log-in.
func showLogin(x *rest.Exchange, _ *rest.None) (*loginShown, error) {
	var shown loginShown
	if err := x.Read("account.getCurrent", nil, &shown); err != nil || shown.User == nil {
		return nil, err
	}
	return &shown, nil
}

func createCSRF(x *rest.Exchange, _ *rest.None) (*rest.Reply, error) {
	var issued struct{ Token string }
	if err := x.Call("account.createCsrfToken", nil, &issued); err != nil {
		return nil, err
	}
	return &rest.Reply{
		Header: http.Header{"Set-Cookie": setCookies(x, csrfCookies, hostPrefix, issued.Token, time.Time{})}, Body: map[string]string{"csrfToken": issued.Token},
	}, nil
}

func listProviders(x *rest.Exchange, _ *rest.None) (map[string]any, error) {
	base := x.BaseURL() + "/api/auth"
	return map[string]any{"credentials": map[string]string{
		"id": "credentials", "name": "Credentials", "type": "credentials", "signinUrl": base + "/signin/credentials", "callbackUrl": base + "/callback/credentials",
	}}, nil
}

// isSecure reports whether clients reach the server over https.
func isSecure(x *rest.Exchange) bool { return strings.HasPrefix(x.BaseURL(), "https://") }

// setCookies returns cookies of a value; without a time they end with the browser. An empty value removes them.
func setCookies(x *rest.Exchange, names []string, prefix, value string, ends time.Time) []string {
	if isSecure(x) {
		names = cookieNames(prefix, names)
	}
	list := make([]string, 0, len(names))
	for _, name := range names {
		c := http.Cookie{Name: name, Value: value, Path: "/", Expires: ends, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: isSecure(x)}
		if value == "" {
			c.MaxAge = -1
		}
		list = append(list, c.String())
	}
	return list
}

// formRequest has the fields of NextAuth's forms. JSON is "true" when the client wants no redirect.
type formRequest struct {
	CSRF     string `rest:"csrfToken"`
	Callback string `rest:"callbackUrl" doc:"page to go to; another site than the server's is replaced by the server's"`
	JSON     string `rest:"json" doc:"true: answer with the URL instead of a redirect"`
}

type loginRequest struct {
	formRequest
	Email    string `rest:"email" doc:"e-mail address of the account"`
	Password string `rest:"password"`
}

// isGenuine reports whether the form comes from a page that has asked for a token: only such a page knows the value of the cookie.
func (f *formRequest) isGenuine(x *rest.Exchange) bool {
	for _, name := range cookieNames(hostPrefix, csrfCookies) {
		c, err := x.Request.Cookie(name)
		if err == nil && f.CSRF != "" && subtle.ConstantTimeCompare([]byte(c.Value), []byte(f.CSRF)) == 1 {
			return x.IsSameOrigin()
		}
	}
	return false
}

// target returns the page to go to, with an error if there is one.
func (f *formRequest) target(x *rest.Exchange, problem string) string {
	base, err := url.Parse(x.BaseURL() + "/")
	if err != nil {
		return "/"
	}
	to, err := base.Parse(f.Callback)
	if err != nil || to.Host != base.Host || to.Scheme != base.Scheme {
		to = base
	}
	if problem != "" {
		query := to.Query()
		query.Set("error", problem)
		to.RawQuery = query.Encode()
	}
	return to.String()
}

// answer goes to the page, or names it.
func (f *formRequest) answer(x *rest.Exchange, status int, problem string, cookies []string) *rest.Reply {
	header := http.Header{}
	if cookies != nil {
		header["Set-Cookie"] = cookies
	}
	to := f.target(x, problem)
	if f.JSON == "true" || x.Request.Header.Get("X-Auth-Return-Redirect") != "" {
		return &rest.Reply{Status: status, Header: header, Body: map[string]string{"url": to}}
	}
	header.Set("Location", to)
	return &rest.Reply{Status: http.StatusFound, Header: header, Body: map[string]string{"url": to}}
}

const missingCSRF = "MissingCSRF"

func logIn(x *rest.Exchange, in *loginRequest) (*rest.Reply, error) {
	if !in.isGenuine(x) {
		return in.answer(x, http.StatusForbidden, missingCSRF, nil), nil
	}
	var made struct {
		Token   string
		Expires time.Time `json:"expires_at"`
	}
	err := x.Call("account.login", rest.Params{"email": in.Email, "password": in.Password}, &made)
	if problem, ok := err.(*rpc.Error); ok && (problem.Code == rpc.CodeUnauthenticated || problem.Code == rpc.CodeInvalidParams) { //nolint:errorlint // Call returns it bare
		return in.answer(x, http.StatusUnauthorized, "CredentialsSignin", nil), nil
	}
	if err != nil {
		return nil, err
	}
	return in.answer(x, http.StatusOK, "", setCookies(x, sessionCookies, securePrefix, made.Token, made.Expires)), nil
}

func logOut(x *rest.Exchange, in *formRequest) (*rest.Reply, error) {
	if !in.isGenuine(x) {
		return in.answer(x, http.StatusForbidden, missingCSRF, nil), nil
	}
	if x.Principal.Account != "" {
		if err := x.Call("account.logout", nil, nil); err != nil {
			return nil, err
		}
	}
	return in.answer(x, http.StatusOK, "", setCookies(x, sessionCookies, securePrefix, "", time.Time{})), nil
}
