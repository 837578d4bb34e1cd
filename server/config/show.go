package config

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// helpWidth is the column at which help texts are wrapped.
const helpWidth = 100

// WriteSummary lists every setting for a terminal, a line each, by topic.
func WriteSummary(w io.Writer) {
	section := ""
	for _, f := range fieldList(&Config{}) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "\n%s:\n", section)
		}
		doc, _, _ := strings.Cut(f.doc, ". ")
		doc, _, _ = strings.Cut(doc, "; ")
		if f.def != "" && !f.isBool() {
			doc = "[" + f.def + "] " + doc
		}
		fmt.Fprintln(w, cutLine(fmt.Sprintf("  %-38s %s", f.usage(), strings.TrimSuffix(doc, ".")), helpWidth))
	}
}

// cutLine cuts a line to width characters.
func cutLine(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width-3]) + "..."
	}
	return line
}

// Topics returns the names of the groups of settings, for WriteHelp.
func Topics() (topics []string) {
	for _, f := range fieldList(&Config{}) {
		if topic := topicOf(f.section); !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	return topics
}

// Names returns the topics and the names of all settings.
func Names() []string {
	names := Topics()
	for _, f := range fieldList(&Config{}) {
		names = append(names, f.name)
	}
	return names
}

// topicOf returns the name of a section in one word: "Global transports" is global-transports.
func topicOf(section string) string {
	return strings.ReplaceAll(strings.ToLower(section), " ", "-")
}

// WriteHelp explains settings for a terminal: those of a topic, or the one with this flag or variable, or all for
// "all". A name with a leading dash is a flag even if a topic has the same name. If no such topic or setting exists,
// WriteHelp writes nothing and returns false.
func WriteHelp(w io.Writer, about string) bool {
	about, isFlag := strings.CutPrefix(strings.TrimSpace(about), "-")
	about = strings.TrimPrefix(about, "-")
	isTopic := !isFlag && slices.Contains(Topics(), strings.ToLower(about))
	section, found := "", false
	for _, f := range fieldList(&Config{}) {
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

// usage returns the flag in the form of the command line.
func (f *field) usage() string {
	if f.unit == "" {
		return "-" + f.name
	}
	return "-" + f.name + " " + f.unit
}

func (f *field) writeHelp(w io.Writer) {
	fmt.Fprintf(w, "  %-38s %s\n", f.usage(), f.env())
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
	for _, line := range wrapText(text+" "+f.defaultText()+" "+f.why, helpWidth-6) {
		fmt.Fprintf(w, "      %s\n", line)
	}
}

// WriteMarkdown writes the settings as the tables of docs/reference/settings.md.
func WriteMarkdown(w io.Writer) {
	section := ""
	for _, f := range fieldList(&Config{}) {
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

// variables returns the names of the variables that set the field.
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

// wrapText breaks text into lines of at most width bytes, at spaces.
func wrapText(text string, width int) (lines []string) {
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

// LogValue returns the settings that differ from their default, with secrets masked.
func (c *Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, f := range fieldList(c) {
		fresh := Config{}
		unset := fieldNamed(&fresh, f.name)
		if f.def != "" {
			_ = unset.setText(f.def) // a test sets every default
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
	list := fieldList(c)
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}
