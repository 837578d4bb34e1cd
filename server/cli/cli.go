package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc/suggest"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/notices"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Console is the output and the environment of a command.
type Console struct {
	Out, Err io.Writer
	Environ  []string
}

// Program is the program with its version and the function of its command serve.
type Program struct {
	Version string
	// Serve runs a server until ctx ends; it writes pairing codes and the demo to out.
	Serve func(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) error
}

// command is a subcommand: its line in the usage and its function.
type command struct {
	name, args, summary string
	run                 func(ctx context.Context, c Console, args []string) error
}

func (p Program) commands() []command {
	return []command{
		{"serve", "[flags]", "serve sessions (the default)", p.serve},
		{"sandbox", "[flags]", "run a simulated WhatsApp network that servers can attach to", p.runSandbox},
		{"try", "[flags] [text]", "send a message over the socket and show what happens", p.runTry},
		{"health", "[flags]", "ask a running server whether it is well; for health checks", checkHealth},
		{"version", "", "print the version", p.printVersion},
		{"licenses", "", "print the licences of everything in this binary", printLicenses},
		{"help", "[topic]", "explain the settings: a topic, a setting, or all", p.printHelp},
	}
}

// errUsage marks errors of the command line.
var errUsage = errors.New("usage")

// Run runs the program and returns its exit code.
func (p Program) Run(ctx context.Context, c Console, args []string) int {
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	for _, cmd := range p.commands() {
		if cmd.name != name {
			continue
		}
		err := cmd.run(ctx, c, args)
		switch {
		case err == nil:
			return ExitOK
		case errors.Is(err, config.ErrHelp):
			return ExitOK
		case errors.Is(err, errUsage):
			fmt.Fprintf(c.Err, "waystation: %s\nSee waystation %s -help.\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "), name)
			return ExitUsage
		}
		fmt.Fprintf(c.Err, "waystation: %v\n", err)
		return ExitFailure
	}
	names := []string{}
	for _, cmd := range p.commands() {
		names = append(names, cmd.name)
	}
	fmt.Fprintf(c.Err, "waystation: unknown command %q%s\n\n", name, suggest.Hint(name, names))
	p.writeUsage(c.Err)
	return ExitUsage
}

func (p Program) writeUsage(w io.Writer) {
	fmt.Fprint(w, "Waystation serves WhatsApp sessions over one realtime API.\n\nUsage:\n\n")
	for _, cmd := range p.commands() {
		fmt.Fprintf(w, "  waystation %-24s %s\n", cmd.name+" "+cmd.args, cmd.summary)
	}
}

// printHelp explains the settings of serve: all of a topic, or a single one.
func (p Program) printHelp(ctx context.Context, c Console, args []string) error {
	if len(args) == 0 {
		p.writeUsage(c.Out)
		fmt.Fprintf(c.Out, "\nStart here:\n\n"+
			"  waystation -sandbox -demo          try it without a phone\n"+
			"  waystation                         serve a real number; draws a code to scan\n"+
			"  waystation serve -help             all settings, a line each\n"+
			"  waystation help TOPIC              settings explained; topics: %s, all\n"+
			"  waystation help SETTING            one setting explained, such as listen or WAYSTATION_LISTEN\n", strings.Join(config.Topics(), ", "))
		return nil
	}
	known := false
	for _, cmd := range p.commands() {
		if cmd.name == args[0] && !slices.Contains([]string{"help", "version", "licenses"}, cmd.name) {
			known = true
			if err := cmd.run(ctx, c, []string{"-help"}); !errors.Is(err, config.ErrHelp) {
				return err
			}
			fmt.Fprintln(c.Out)
		}
	}
	if known && !slices.Contains(config.Topics(), args[0]) {
		return nil
	}
	if !config.WriteHelp(c.Out, args[0]) {
		return fmt.Errorf("%w: no topic, setting or command %q%s; topics: %s, all", errUsage, args[0], suggest.Hint(args[0], config.Names()), strings.Join(config.Topics(), ", "))
	}
	return nil
}

// serve parses the settings and runs the server.
func (p Program) serve(ctx context.Context, c Console, args []string) error {
	cfg, unknown, err := config.Parse(args, c.Environ)
	if errors.Is(err, config.ErrHelp) {
		p.writeUsage(c.Out)
		fmt.Fprint(c.Out, "\nSettings of serve come from flags, else from variables (-data-dir is WAYSTATION_DATA_DIR), else from their\n[defaults]. waystation help TOPIC explains a group of them, waystation help SETTING a single one.\n")
		config.WriteSummary(c.Out)
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	log := NewLogger(c.Err, cfg)
	limitMemory(log)
	if len(unknown) > 0 {
		log.Warn("environment variables name no setting and are ignored", "names", unknown)
	}
	return p.Serve(ctx, cfg, log, c.Out)
}

func printLicenses(_ context.Context, c Console, _ []string) error {
	_, err := io.WriteString(c.Out, notices.ThirdParty)
	return err
}

func (p Program) printVersion(_ context.Context, c Console, _ []string) error {
	fmt.Fprintf(c.Out, "waystation %s %s %s/%s\n", p.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
