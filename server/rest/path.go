package rest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/base64text"
)

// SessionInPath returns a function for Dialect.Admits: the session of a request is the first of the named path parameters that
// the route has. Tokens that are bound to another session get not_found, as for sessions that do not exist.
func SessionInPath(names ...string) func(x *Exchange) (string, error) {
	return func(x *Exchange) (string, error) {
		for _, name := range names {
			if session := x.Request.PathValue(name); session != "" {
				return session, x.AdmitsSession(session)
			}
		}
		return x.Principal.Session, nil
	}
}

// AdmitsSession returns not_found if the caller's token is bound to another session, or is that of an account without access to it.
func (x *Exchange) AdmitsSession(session string) error {
	if bound := x.Principal.Session; bound != "" && bound != session || x.Principal.Access != nil && !x.Principal.MayUse(session) {
		return rpc.NotFound("there is no session " + session)
	}
	return nil
}

// UnixSeconds is a time in seconds since 1970, read from a time in a result.
type UnixSeconds int64

// UnmarshalJSON implements json.Unmarshaler.
func (s *UnixSeconds) UnmarshalJSON(raw []byte) error {
	var at time.Time
	if err := json.Unmarshal(raw, &at); err != nil {
		return fmt.Errorf("rest: time: %w", err)
	}
	*s = UnixSeconds(at.Unix())
	return nil
}

// Content is the content of a data URL in a result.
type Content []byte

// UnmarshalJSON implements json.Unmarshaler. An empty text is empty content.
func (c *Content) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("rest: data URL: %w", err)
	}
	_, encoded, _ := strings.Cut(text, ";base64,")
	content, err := base64text.Decode(encoded)
	if err != nil {
		return fmt.Errorf("rest: data URL: %w", err)
	}
	*c = content
	return nil
}
