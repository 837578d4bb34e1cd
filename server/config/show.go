package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// helpWidth is the column where help texts are wrapped.
const helpWidth = 100

// WriteHelp explains every setting for a terminal.
func WriteHelp(w io.Writer) {
	section := ""
	for _, f := range fields(&Config{}) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "\n%s:\n", section)
		}
		head := "  -" + f.name
		if f.unit != "" {
			head += " " + f.unit
		}
		fmt.Fprintf(w, "%-40s %s\n", head, f.env())
		text := f.doc
		if f.enum != nil {
			text += " One of " + strings.Join(f.enum, ", ") + "."
		}
		for _, line := range wrap(text+" "+f.defaultText()+" "+f.why, helpWidth-6) {
			fmt.Fprintf(w, "      %s\n", line)
		}
	}
}

// WriteMarkdown writes the settings as the tables of the README.
func WriteMarkdown(w io.Writer) {
	section := ""
	for _, f := range fields(&Config{}) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(w, "\n**%s**\n\n| flag | variable | unit | default | meaning |\n|---|---|---|---|---|\n", section)
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
