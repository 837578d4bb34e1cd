package config

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// helpWidth is the column where help texts are wrapped.
const helpWidth = 100

// WriteSummary lists every setting for a terminal, a line each, by topic.
func WriteSummary(w io.Writer) {
	section := ""
	for _, f := range fields(&Config{}) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "\n%s:\n", section)
		}
		doc, _, _ := strings.Cut(f.doc, ". ")
		doc, _, _ = strings.Cut(doc, "; ")
		if f.def != "" && !f.isBool() {
			doc = "[" + f.def + "] " + doc
		}
		fmt.Fprintln(w, shorten(fmt.Sprintf("  %-38s %s", f.head(), strings.TrimSuffix(doc, ".")), helpWidth))
	}
}

// shorten cuts a line to width characters.
func shorten(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width-3]) + "..."
	}
	return line
}

// Topics are the groups of settings, as WriteHelp takes them.
func Topics() (topics []string) {
	for _, f := range fields(&Config{}) {
		if topic := topicOf(f.section); !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	return topics
}

// Names are the topics and the names of all settings.
func Names() []string {
	names := Topics()
	for _, f := range fields(&Config{}) {
		names = append(names, f.name)
	}
	return names
}

// topicOf is the name of a section in one word: "Global transports" is global-transports.
func topicOf(section string) string {
	return strings.ReplaceAll(strings.ToLower(section), " ", "-")
}

// WriteHelp explains settings for a terminal: those of a topic, or the one with this flag or variable, or all for "all". A
// name with a dash in front is a flag even where a topic has the same name. WriteHelp returns false, and has written
// nothing, when there is no such topic or setting.
func WriteHelp(w io.Writer, about string) bool {
	about, isFlag := strings.CutPrefix(strings.TrimSpace(about), "-")
	about = strings.TrimPrefix(about, "-")
	isTopic := !isFlag && slices.Contains(Topics(), strings.ToLower(about))
	section, found := "", false
	for _, f := range fields(&Config{}) {
		documented, _ := f.documented()
		isOne := !isTopic && strings.EqualFold(about, f.name) || strings.EqualFold(about, f.env()) || documented != "" && strings.EqualFold(about, documented)
		if !isOne && about != "all" && !(isTopic && strings.EqualFold(about, topicOf(f.section))) {
			continue
		}
		found = true
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "%s:\n", section)
		}
		f.writeHelp(w)
	}
	return found
}

// head is the flag as the command line takes it.
func (f *field) head() string {
	if f.unit == "" {
		return "-" + f.name
	}
	return "-" + f.name + " " + f.unit
}

func (f *field) writeHelp(w io.Writer) {
	fmt.Fprintf(w, "  %-38s %s\n", f.head(), f.env())
	if documented, ok := f.documented(); ok {
		fmt.Fprintf(w, "  %-38s or %s\n", "", documented)
	}
	text := f.doc
	if f.enum != nil {
		text += " One of " + strings.Join(f.enum, ", ") + "."
	}
	if f.min != "" || f.max != "" {
		text += " Allowed: " + cmp.Or(f.min, "any") + " to " + cmp.Or(f.max, "any") + "."
	}
	for _, line := range wrap(text+" "+f.defaultText()+" "+f.why, helpWidth-6) {
		fmt.Fprintf(w, "      %s\n", line)
	}
}

// WriteMarkdown writes the settings as the tables of docs/reference/settings.md.
func WriteMarkdown(w io.Writer) {
	section := ""
	for _, f := range fields(&Config{}) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "\n## %s\n\n| flag | variable | unit | default | meaning |\n|---|---|---|---|---|\n", section)
		}
		unit := f.unit
		if f.enum != nil {
			unit = strings.Join(f.enum, ", ")
		}
		def := ""
		if f.isBool() {
			def = f.onOff()
		} else if f.def != "" {
			def = "`" + f.def + "`"
		}
		fmt.Fprintf(w, "| `-%s` | %s | %s | %s | %s %s |\n", f.name, f.variables(), unit, def, f.doc, f.why)
	}
}

// variables are the names of the variables that set the field.
func (f *field) variables() string {
	text := "`" + f.env() + "`"
	if name, ok := f.documented(); ok {
		text += " or `" + name + "`"
	}
	return text
}

func (f *field) defaultText() string {
	if f.isBool() {
		return "Default " + f.onOff() + ":"
	}
	if f.def == "" {
		return "Default:"
	}
	return "Default " + f.def + ":"
}

func (f *field) onOff() string {
	if f.def == "true" {
		return "on"
	}
	return "off"
}

// wrap breaks text into lines of at most width bytes, at spaces.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// LogValue shows the settings that differ from their default, secrets masked.
func (c *Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, f := range fields(c) {
		fresh := Config{}
		unset := fieldNamed(&fresh, f.name)
		if f.def != "" {
			_ = unset.set(f.def) // a test sets every default
		}
		shown := fmt.Sprint(f.value.Interface())
		if shown == fmt.Sprint(unset.value.Interface()) {
			continue
		}
		if f.secret {
			shown = "***"
		}
		attrs = append(attrs, slog.String(f.name, shown))
	}
	return slog.GroupValue(attrs...)
}

func fieldNamed(c *Config, name string) *field {
	list := fields(c)
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}
