package broker

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// placeholders and their values; the documented APIs also call a session user.
var placeholders = map[string]func(session, event string) string{
	"session":    func(session, _ string) string { return session },
	"session_id": func(session, _ string) string { return session },
	"user_id":    func(session, _ string) string { return session },
	"event_type": func(_, event string) string { return event },
}

// Pattern is a name of a stream, queue or key that may differ by session and type of event: {session} (also {session_id}
// and {user_id}) and {event_type} are replaced, {{ and }} stand for braces.
type Pattern struct {
	parts []part
}

// part is a text or a placeholder.
type part struct {
	text   string
	expand func(session, event string) string // nil = text
}

// ErrPattern says that a pattern cannot be read.
var ErrPattern = errors.New("is no name pattern")

// ParsePattern reads a pattern. ErrPattern: it is no text of one line, has a brace too many or a placeholder that is not known.
func ParsePattern(text string) (Pattern, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return Pattern{}, fmt.Errorf("%w: it has bytes that are no printable text", ErrPattern)
	}
	var p Pattern
	for text != "" {
		at := strings.IndexAny(text, "{}")
		if at < 0 {
			at = len(text)
		}
		if at > 0 {
			p.parts = append(p.parts, part{text: text[:at]})
			text = text[at:]
			continue
		}
		if strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "}}") {
			p.parts = append(p.parts, part{text: text[:1]})
			text = text[2:]
			continue
		}
		name, rest, closed := strings.Cut(text[1:], "}")
		if text[0] == '}' || !closed {
			return Pattern{}, fmt.Errorf("%w: a brace without its other half (write {{ or }} for a brace itself)", ErrPattern)
		}
		expand := placeholders[name]
		if expand == nil {
			return Pattern{}, fmt.Errorf("%w: there is no placeholder {%s}, only {session}, {session_id}, {user_id} and {event_type}", ErrPattern, name)
		}
		p.parts = append(p.parts, part{expand: expand})
		text = rest
	}
	return p, nil
}

// Matches reports whether Expand can return a name for a session and any type of event.
func (p Pattern) Matches(session, name string) bool {
	const event = "\x00" // in no text
	text := regexp.QuoteMeta(p.Expand(session, event))
	return regexp.MustCompile("^" + strings.ReplaceAll(text, event, `\w+`) + "$").MatchString(name)
}

// Expand is the name for a session and a type of event.
func (p Pattern) Expand(session, event string) string {
	if len(p.parts) == 1 && p.parts[0].expand == nil {
		return p.parts[0].text
	}
	var b strings.Builder
	for _, part := range p.parts {
		if part.expand != nil {
			b.WriteString(part.expand(session, event))
		} else {
			b.WriteString(part.text)
		}
	}
	return b.String()
}

// Empty reports whether the pattern is empty.
func (p Pattern) Empty() bool { return len(p.parts) == 0 }

// BySession reports whether names differ between sessions.
func (p Pattern) BySession() bool { return p.Expand("a", "") != p.Expand("b", "") }

// ByEvent reports whether names differ between types of events.
func (p Pattern) ByEvent() bool { return p.Expand("", "a") != p.Expand("", "b") }
