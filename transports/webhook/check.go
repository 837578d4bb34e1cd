package webhook

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// validate lists the invalid fields of a change, combined with the unchanged fields. badURL is the result of urlProblem for its address.
func (s *store) validate(c *Change, w *Webhook, badURL string) error {
	var bad refusal.Problems
	if utf8.RuneCountInString(w.Name) > maxName {
		bad.Add("name", "must have at most "+strconv.Itoa(maxName)+" characters")
	}
	if _, known := formats[w.Format]; !known {
		bad.Add("format", "must be one of "+formatNames())
	}
	switch modes := formats[w.Format].files; {
	case w.Files == "" || w.Files == FilesNone || slices.Contains(modes, w.Files):
	case w.Files != FilesInline && w.Files != FilesMultipart:
		bad.Add("files", "must be one of none, inline, multipart")
	case len(modes) == 0:
		bad.Add("files", "must be none: the format "+string(w.Format)+" carries no files")
	default:
		bad.Add("files", "must be none or "+string(modes[0])+" with the format "+string(w.Format))
	}
	for i, name := range c.Events {
		if _, known := s.cfg.Events[name]; !known && name != AllEvents {
			bad.Add("events/"+strconv.Itoa(i), refusal.NoEvent(name))
		}
	}
	switch {
	case c.Events != nil && len(c.Events) == 0:
		bad.Add("events", "must not be empty; active: false switches a webhook off")
	case len(w.Events) > maxEvents:
		bad.Add("events", "must have at most "+strconv.Itoa(maxEvents)+" items")
	}
	if text := secretProblem(c.Secret); text != "" {
		bad.Add("secret", text)
	}
	switch {
	case c.BodyToken == nil:
	case len(*c.BodyToken) > maxToken:
		bad.Add("body_token", "must have at most "+strconv.Itoa(maxToken)+" bytes")
	case strings.ContainsFunc(*c.BodyToken, unicode.IsControl): // some formats send it as a header
		bad.Add("body_token", "must have no control characters")
	}
	if c.Active != nil && *c.Active && w.URL == "" {
		bad.Add("active", "needs a url")
	}
	if badURL != "" {
		bad.Add("url", badURL)
	}
	return bad.Err()
}

func secretProblem(secret *string) string {
	switch {
	case secret == nil || *secret == "" || *secret == Masked:
		return ""
	case len(*secret) < minSecret:
		return "must have at least " + strconv.Itoa(minSecret) + " bytes"
	case len(*secret) > maxSecret:
		return "must have at most " + strconv.Itoa(maxSecret) + " bytes"
	}
	return ""
}

// urlProblem returns the reason why the address of a change is invalid for a webhook. It may take as long as a DNS lookup, so it must run without the
// change lock.
func (s *store) urlProblem(ctx context.Context, c *Change) (string, error) {
	if c.URL == nil || *c.URL == "" {
		return "", nil
	}
	address := *c.URL
	if len(address) > s.cfg.MaxURL {
		return "must have at most " + strconv.Itoa(s.cfg.MaxURL) + " bytes", nil
	}
	address, err := guard.Normalize(address)
	if err != nil {
		var malformed *guard.Error
		if errors.As(err, &malformed) && malformed.Err != nil {
			return "is not an address: " + malformed.Err.Error(), nil //nolint:nilerr // the result contains the problem without the address
		}
		return "is not an address", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "is not an address", nil //nolint:nilerr // the result contains the problem without the address
	}
	if u.User != nil {
		return "must not hold a user or password: addresses end up in logs; use secret", nil
	}
	err = s.cfg.Check(ctx, address)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var refused *guard.Error
	if errors.As(err, &refused) {
		return urlProblems[refused.Reason], nil
	}
	return "", err
}

// urlProblems are the texts of the guard's reasons.
var urlProblems = map[guard.Reason]string{
	guard.ReasonBadURL:     "must be an http or https address with a plain host and, if any, a port up to 65535",
	guard.ReasonForbidden:  "leads to an address that is not public; the operator can allow it (allow-hosts host:port)",
	guard.ReasonUnresolved: "has a host without an address",
	guard.ReasonTimeout:    "has a host that could not be looked up in time",
}

// isTemporary contains the problems that may disappear by themselves.
var isTemporary = map[string]bool{urlProblems[guard.ReasonUnresolved]: true, urlProblems[guard.ReasonTimeout]: true}
