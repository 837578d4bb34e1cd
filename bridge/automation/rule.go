package automation

import (
	"encoding/json"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// Values of Rule.Match and Rule.ChatType.
const (
	MatchExact      = "exact"
	MatchContains   = "contains"
	MatchStartsWith = "starts_with"
	MatchRegex      = "regex"

	ChatsAll     = "all"
	ChatsGroup   = "group"
	ChatsPrivate = "private"
)

// MaxPatternSteps bounds the instructions of a compiled regular expression, and with it the time of one match.
const MaxPatternSteps = 2000

// maxMatched is how much of a text is compared with rules, in bytes.
const maxMatched = 4096

// maxContent is the largest stored content of a rule, as JSON, in bytes.
const maxContent = 64 << 10

// Rule is an auto-reply rule.
type Rule struct {
	ID        string          `json:"auto_reply_id" doc:"id"`
	Session   string          `json:"session_id" doc:"session"`
	Keyword   string          `json:"keyword" doc:"text or pattern"`
	Match     string          `json:"match" doc:"exact, contains, starts_with or regex"`
	ChatType  string          `json:"chat_type" doc:"all, group or private"`
	Content   json.RawMessage `json:"content" doc:"content object"`
	CreatedAt time.Time       `json:"created_at" doc:"creation"`

	folded  string
	pattern *regexp.Regexp // of MatchRegex
}

// RulePatch changes a rule; nil = unchanged. A new rule needs keyword and content.
type RulePatch struct {
	Keyword  *string
	Match    *string
	ChatType *string
	Content  *message.Content
}

// apply changes the rule. Errors name the field.
func (r *Rule) apply(p *RulePatch) error {
	setField(&r.Keyword, p.Keyword)
	setField(&r.Match, p.Match)
	setField(&r.ChatType, p.ChatType)
	if strings.TrimSpace(r.Keyword) == "" {
		return wa.BadParam("keyword", "is blank")
	}
	if p.Content != nil {
		if err := p.Content.CheckStorable(); err != nil {
			return wa.InField("content", err)
		}
		raw, err := encodeContent(p.Content)
		if err != nil {
			return err
		}
		r.Content = raw
	}
	return r.compile()
}

// encodeContent returns the JSON of the fields that are set.
func encodeContent(c *message.Content) (json.RawMessage, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, wa.BadParam("content", "cannot be stored")
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, wa.BadParam("content", "cannot be stored")
	}
	dropEmpty(fields)
	if raw, err = json.Marshal(fields); err != nil {
		return nil, wa.BadParam("content", "cannot be stored")
	}
	if len(raw) > maxContent {
		return nil, &wa.Error{Reason: wa.ReasonTooLarge, Field: "content", Message: "the content has more than 64 KiB: upload its file with media.upload and name it by media_id"}
	}
	return raw, nil
}

// dropEmpty removes members without a value, since absent members mean the same.
func dropEmpty(fields map[string]any) {
	for name, value := range fields {
		if inner, ok := value.(map[string]any); ok {
			dropEmpty(inner)
			if len(inner) == 0 {
				delete(fields, name)
			}
		}
		switch {
		case value == nil, value == "", value == false, value == 0.0 && (name == "font" || name == "message_version"):
			delete(fields, name)
		}
		if list, ok := value.([]any); ok && len(list) == 0 {
			delete(fields, name)
		}
	}
}

// compile prepares the rule for matches.
func (r *Rule) compile() error {
	r.folded, r.pattern = foldCase(r.Keyword), nil
	if r.Match != MatchRegex {
		return nil
	}
	parsed, err := syntax.Parse(r.Keyword, syntax.Perl)
	if err != nil {
		return wa.BadParam("keyword", "is not a regular expression in RE2's syntax: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > MaxPatternSteps {
		return wa.BadParam("keyword", "is too large a regular expression: it may have %d steps", MaxPatternSteps)
	}
	if r.pattern, err = regexp.Compile(r.Keyword); err != nil {
		return wa.BadParam("keyword", "is not a regular expression in RE2's syntax")
	}
	return nil
}

func foldCase(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// cutText shortens a text to the part that is compared.
func cutText(text string) string {
	if len(text) > maxMatched {
		return strings.ToValidUTF8(text[:maxMatched], "")
	}
	return text
}

// suitsChat reports whether the rule is for chats of this kind.
func (r *Rule) suitsChat(group bool) bool {
	return r.ChatType == ChatsAll || group == (r.ChatType == ChatsGroup)
}

// mayMatch is matchesText, except that regular expressions are not run.
func (r *Rule) mayMatch(folded string, group bool) bool {
	if !r.suitsChat(group) {
		return false
	}
	switch r.Match {
	case MatchContains:
		return strings.Contains(folded, r.folded)
	case MatchStartsWith:
		return strings.HasPrefix(folded, r.folded)
	case MatchRegex:
		return true
	}
	return folded == r.folded
}

// matchesText reports whether the rule answers a text. Case is ignored except by regular expressions.
func (r *Rule) matchesText(text string, group bool) bool {
	return r.mayMatch(foldCase(text), group) && (r.pattern == nil || r.pattern.MatchString(text))
}
