package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/waystation/waystation/server/config"
)

// flagSet is the flags of a small subcommand.
type flagSet struct {
	*flag.FlagSet
	about string
}

func newFlags(name, about string) *flagSet {
	set := flag.NewFlagSet("waystation "+name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return &flagSet{set, about}
}

// parse reads the arguments; asked for help it prints that and returns config.ErrHelp.
func (f *flagSet) parse(c console, args []string) error {
	f.Usage = func() {}
	err := f.Parse(args)
	if err == flag.ErrHelp { //nolint:errorlint // the flag package returns it bare
		fmt.Fprintf(c.out, "%s\n\nUsage of %s:\n", f.about, f.Name())
		f.SetOutput(c.out)
		f.PrintDefaults()
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, f.withHint(err))
	}
	return nil
}

// withHint adds the nearest flag to the error of an unknown one.
func (f *flagSet) withHint(err error) error {
	var flags []string
	f.VisitAll(func(known *flag.Flag) { flags = append(flags, known.Name) })
	return config.UnknownFlag(err, flags)
}
