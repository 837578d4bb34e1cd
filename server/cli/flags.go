package cli

import (
	"flag"
	"fmt"
	"io"

	"github.com/waystation/waystation/server/config"
)

// flagSet contains the flags of a small subcommand.
type flagSet struct {
	*flag.FlagSet
	about string
}

func newFlags(name, about string) *flagSet {
	set := flag.NewFlagSet("waystation "+name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return &flagSet{set, about}
}

// parse parses the arguments; for -help it prints the help and returns config.ErrHelp.
func (f *flagSet) parse(c Console, args []string) error {
	f.Usage = func() {}
	err := f.Parse(args)
	if err == flag.ErrHelp { //nolint:errorlint // the flag package returns it unwrapped
		fmt.Fprintf(c.Out, "%s\n\nUsage of %s:\n", f.about, f.Name())
		f.SetOutput(c.Out)
		f.PrintDefaults()
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, f.withHint(err))
	}
	return nil
}

// withHint adds the most similar flag to the error about an unknown flag.
func (f *flagSet) withHint(err error) error {
	var flags []string
	f.VisitAll(func(known *flag.Flag) { flags = append(flags, known.Name) })
	return config.UnknownFlag(err, flags)
}
