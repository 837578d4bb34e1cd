package config

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrHelp is returned when the arguments ask for help.
var ErrHelp = flag.ErrHelp

// Parse reads settings from flags, then from the environment ("NAME=value" as os.Environ gives them), then from the file
// that env-file names, then from the defaults, and checks them. The error names every bad setting. Variables with the
// prefix that name no setting are returned as unknown: a cluster may put some there itself, so they are worth a warning
// but no failure.
func Parse(args, environ []string) (c *Config, unknown []string, err error) {
	c = &Config{source: source{args, environ}}
	list := fields(c)
	given := map[string]string{}
	set := flag.NewFlagSet("waystation", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller prints what went wrong
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
		return nil, nil, err
	}
	if set.NArg() > 0 {
		return nil, nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	env, unknown := split(environ, list)
	var problems []error
	if path := cmp.Or(given["env-file"], env[Prefix+"ENV_FILE"]); path != "" {
		more, err := readEnvFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("env-file: %w", err))
		}
		fromFile, unknownThere := split(more, list)
		unknown = append(unknown, unknownThere...)
		for name, value := range fromFile {
			if env[name] == "" {
				env[name] = value
			}
		}
	}
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
		if err := f.set(text); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
		}
	}
	if len(problems) == 0 {
		problems = c.check()
	}
	if len(problems) > 0 {
		return nil, unknown, errors.Join(problems...)
	}
	return c, unknown, nil
}

// source is where settings came from.
type source struct{ args, environ []string }

// Reread reads the settings again from where they came from, of which the file that env-file names may have changed.
func (c *Config) Reread() (again *Config, err error) {
	again, _, err = Parse(c.source.args, c.source.environ)
	return again, err
}

// Default is the configuration without flags and environment.
func Default() *Config {
	c, _, err := Parse(nil, nil)
	if err != nil {
		panic("config: defaults: " + err.Error()) // a test parses them
	}
	return c
}

// split keeps the variables that name a setting and lists the others that carry the prefix.
func split(environ []string, list []field) (env map[string]string, unknown []string) {
	known := map[string]bool{}
	for i := range list {
		known[list[i].env()] = true
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
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return env, unknown
}
