// Package logmask removes personal data from log records, and passes whatsmeow's log to slog.
package logmask

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// personalNumber is the minimum number of digits of a token that may be a phone number, a LID or the id of a group.
const personalNumber = 7

var (
	digits = regexp.MustCompile(`[0-9]+`)
	// startTag matches the start tag of a stanza element with attributes, as waBinary.Node prints it.
	startTag = regexp.MustCompile(`<([a-z][a-z0-9_:.-]*)\s[^<>]*?(/?)>`)
	// elementText matches the text content of such an element.
	elementText = regexp.MustCompile(`>[^<>]+</`)
)

// maskPersonal removes personal data from a text: it keeps the last two digits of each run of 7 or more digits, and
// only the names of stanza elements.
func maskPersonal(text string) string {
	if strings.Contains(text, "<") {
		text = maskElements(text)
	}
	return digits.ReplaceAllStringFunc(text, maskNumber)
}

// maskElements keeps only the names of stanza elements.
func maskElements(text string) string {
	text = startTag.ReplaceAllString(text, "<$1 …$2>")
	return elementText.ReplaceAllString(text, ">…</")
}

// maskNumber keeps the last two digits of a number that may be personal.
func maskNumber(number string) string {
	if len(number) < personalNumber {
		return number
	}
	return strings.Repeat("*", len(number)-2) + number[len(number)-2:]
}

// maskingHandler masks messages, errors and texts of log records with maskPersonal. Session ids stay unmasked.
type maskingHandler struct{ slog.Handler }

// NewLog returns a log that masks personal data in its records.
func NewLog(log *slog.Logger) *slog.Logger { return slog.New(maskingHandler{log.Handler()}) }

// Handle implements slog.Handler.
func (h maskingHandler) Handle(ctx context.Context, record slog.Record) error {
	masked := slog.NewRecord(record.Time, record.Level, maskPersonal(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(maskAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, masked)
}

// WithAttrs implements slog.Handler.
func (h maskingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = maskAttr(a)
	}
	return maskingHandler{h.Handler.WithAttrs(masked)}
}

// WithGroup implements slog.Handler.
func (h maskingHandler) WithGroup(name string) slog.Handler {
	return maskingHandler{h.Handler.WithGroup(name)}
}

func maskAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch {
	case a.Key == "session":
		return a
	case value.Kind() == slog.KindString:
		return slog.String(a.Key, maskPersonal(value.String()))
	case value.Kind() == slog.KindGroup:
		group := value.Group()
		masked := make([]slog.Attr, len(group))
		for i := range group {
			masked[i] = maskAttr(group[i])
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(masked...)}
	case value.Kind() == slog.KindAny:
		return slog.String(a.Key, maskPersonal(fmt.Sprint(value.Any())))
	}
	return slog.Attr{Key: a.Key, Value: value}
}
