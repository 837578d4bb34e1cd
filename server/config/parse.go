package config

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc/suggest"
)

// ErrHelp is returned when the arguments request help.
var ErrHelp = flag.ErrHelp

// Parse reads settings from flags, then from the environment ("NAME=value" as in os.Environ), then from the file that
// env-file names, then from the defaults, and checks them. The error names every invalid setting. Variables with the
// prefix that name no setting are returned as unknown, each with the most similar name: a cluster may set such
// variables itself, so they deserve a warning and no error.
func Parse(args, environ []string) (c *Config, unknown []string, err error) {
	c = &Config{source: source{args, environ}}
	list := fieldList(c)
	given := map[string]string{}
	set := flag.NewFlagSet("waystation", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller prints the error
	for i := range list {
		name := list[i].name
		remember := func(text string) error { given[name] = text; return nil }
		if list[i].isBool() {
			set.BoolFunc(name, list[i].doc, remember)
		} else {
			set.Func(name, list[i].doc, remember)
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, nil, UnknownFlag(err, Names())
	}
	if set.NArg() > 0 {
		return nil, nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	env, unknown, problems := variables(list, given, environ)
	problems = append(problems, resolveFields(list, given, env)...)
	if len(problems) == 0 {
		problems = c.check()
	}
	if len(problems) > 0 {
		return nil, unknown, errors.Join(problems...)
	}
	return c, unknown, nil
}

// Some adds flags for the named settings to the flags of a subcommand that needs no others. The returned function,
// which is called after parsing, reads these settings in the same order of precedence as Parse. All others are zero,
// and variables that set them are neither read nor checked. It panics if a name is not a setting.
func Some(set *flag.FlagSet, names ...string) func(environ []string) (*Config, error) {
	c, given := &Config{}, map[string]string{}
	list := slices.DeleteFunc(fieldList(c), func(f field) bool { return !slices.Contains(names, f.name) })
	if len(list) != len(names) {
		panic(fmt.Sprintf("config: not all of %v are settings", names))
	}
	for i := range list {
		f := &list[i]
		usage := fmt.Sprintf("%s (%s; default %s)", f.doc, f.env(), cmp.Or(f.def, "none"))
		if f.unit != "" {
			usage = fmt.Sprintf("`%s`: %s", f.unit, usage)
		}
		remember := func(text string) error { given[f.name] = text; return nil }
		if f.isBool() {
			set.BoolFunc(f.name, usage, remember)
		} else {
			set.Func(f.name, usage, remember)
		}
	}
	return func(environ []string) (*Config, error) {
		env, _, problems := variables(list, given, environ)
		return c, errors.Join(append(problems, resolveFields(list, given, env)...)...)
	}
}

// variables returns the variables of the settings in list, including those of the file that env-file names, and the
// unknown ones with the prefix.
func variables(list []field, given map[string]string, environ []string) (env map[string]string, unknown []string, problems []error) {
	env, unknown = splitKnown(environ, list)
	path := cmp.Or(given["env-file"], env[Prefix+"ENV_FILE"])
	if path == "" {
		return env, unknown, nil
	}
	more, err := readEnvFile(path)
	if err != nil {
		problems = append(problems, fmt.Errorf("env-file: %w", err))
	}
	fromFile, unknownThere := splitKnown(more, list)
	for name, value := range fromFile {
		if env[name] == "" {
			env[name] = value
		}
	}
	return env, append(unknown, unknownThere...), problems
}

// resolveFields sets each field to the value of its flag, its variable or its default, in that order of precedence.
func resolveFields(list []field, given, env map[string]string) (problems []error) {
	for i := range list {
		f := &list[i]
		text, source := f.def, "default of "+f.name
		if documented, ok := f.documented(); ok && env[documented] != "" {
			text, source = env[documented], documented
		}
		if v, ok := env[f.env()]; ok && v != "" {
			text, source = v, f.env()
		}
		if v, ok := given[f.name]; ok {
			text, source = v, "-"+f.name
		}
		if text == "" && source == "default of "+f.name {
			continue
		}
		if err := f.setText(text); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
		}
	}
	return problems
}

// UnknownFlag adds the most similar flag to package flag's error on an unknown one, for which it has no type. Other
// errors are returned unchanged.
func UnknownFlag(err error, flags []string) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
	if !ok {
		return err
	}
	name = strings.TrimLeft(name, "-")
	if near := suggest.Nearest(name, flags); near != "" {
		return fmt.Errorf("unknown flag -%s; did you mean -%s?", name, near)
	}
	return fmt.Errorf("unknown flag -%s", name)
}

// source is the arguments and the environment that settings were read from.
type source struct{ args, environ []string }

// Reread reads the settings again from the same source; the file that env-file names may have changed.
func (c *Config) Reread() (again *Config, err error) {
	again, _, err = Parse(c.source.args, c.source.environ)
	return again, err
}

// Default returns the configuration without flags and environment.
func Default() *Config {
	c, _, err := Parse(nil, nil)
	if err != nil {
		panic("config: defaults: " + err.Error()) // a test parses them
	}
	return c
}

// splitKnown returns the variables that name a setting, and lists the others with the prefix, with the most similar
// setting.
func splitKnown(environ []string, list []field) (env map[string]string, unknown []string) {
	known := map[string]bool{}
	var names []string
	for i := range list {
		known[list[i].env()] = true
		names = append(names, list[i].env())
		if documented, ok := list[i].documented(); ok {
			known[documented] = true
		}
	}
	env = map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case known[name]:
			env[name] = value
		case strings.HasPrefix(name, Prefix):
			if near := suggest.Nearest(strings.TrimPrefix(name, Prefix), trimPrefix(names)); near != "" {
				name += " (did you mean " + Prefix + near + "?)"
			}
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return env, unknown
}

// trimPrefix returns the names without the prefix, which would make each name similar to every other.
func trimPrefix(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strings.TrimPrefix(name, Prefix)
	}
	return list
}
