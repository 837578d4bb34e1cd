package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/waystation/waystation/rpc/suggest"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/notices"
)

// Set by the linker (see Makefile).
var (
	version = "dev"
	builtAt = ""
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// console is the output and the environment of a command.
type console struct {
	out, err io.Writer
	environ  []string
}

// command is a subcommand: its line in the usage and its function.
type command struct {
	name, args, summary string
	run                 func(ctx context.Context, c console, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "[flags]", "serve sessions (the default)", runServe},
		{"sandbox", "[flags]", "run a simulated WhatsApp network that servers can attach to", runSandbox},
		{"try", "[flags] [text]", "send a message over the socket and show what happens", runTry},
		{"health", "[flags]", "ask a running server whether it is well; for health checks", checkHealth},
		{"version", "", "print the version", printVersion},
		{"licenses", "", "print the licences of everything in this binary", printLicenses},
		{"help", "[topic]", "explain the settings: a topic, a setting, or all", printHelp},
	}
}

// errUsage marks errors of the command line.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, console{out: os.Stdout, err: os.Stderr, environ: os.Environ()}, os.Args[1:]))
}

// run runs the program and returns its exit code.
func run(ctx context.Context, c console, args []string) int {
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	for _, cmd := range commands() {
		if cmd.name != name {
			continue
		}
		err := cmd.run(ctx, c, args)
		switch {
		case err == nil:
			return exitOK
		case errors.Is(err, config.ErrHelp):
			return exitOK
		case errors.Is(err, errUsage):
			fmt.Fprintf(c.err, "waystation: %s\nSee waystation %s -help.\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "), name)
			return exitUsage
		}
		fmt.Fprintf(c.err, "waystation: %v\n", err)
		return exitFailure
	}
	names := []string{}
	for _, cmd := range commands() {
		names = append(names, cmd.name)
	}
	fmt.Fprintf(c.err, "waystation: unknown command %q%s\n\n", name, suggest.Hint(name, names))
	writeUsage(c.err)
	return exitUsage
}

func writeUsage(w io.Writer) {
	fmt.Fprint(w, "Waystation serves WhatsApp sessions over one realtime API.\n\nUsage:\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  waystation %-24s %s\n", cmd.name+" "+cmd.args, cmd.summary)
	}
}

// printHelp explains the settings of serve: all of a topic, or a single one.
func printHelp(ctx context.Context, c console, args []string) error {
	if len(args) == 0 {
		writeUsage(c.out)
		fmt.Fprintf(c.out, "\nStart here:\n\n"+
			"  waystation -sandbox -demo          try it without a phone\n"+
			"  waystation                         serve a real number; draws a code to scan\n"+
			"  waystation serve -help             all settings, a line each\n"+
			"  waystation help TOPIC              settings explained; topics: %s, all\n"+
			"  waystation help SETTING            one setting explained, such as listen or WAYSTATION_LISTEN\n", strings.Join(config.Topics(), ", "))
		return nil
	}
	known := false
	for _, cmd := range commands() {
		if cmd.name == args[0] && !slices.Contains([]string{"help", "version", "licenses"}, cmd.name) {
			known = true
			if err := cmd.run(ctx, c, []string{"-help"}); !errors.Is(err, config.ErrHelp) {
				return err
			}
			fmt.Fprintln(c.out)
		}
	}
	if known && !slices.Contains(config.Topics(), args[0]) {
		return nil
	}
	if !config.WriteHelp(c.out, args[0]) {
		return fmt.Errorf("%w: no topic, setting or command %q%s; topics: %s, all", errUsage, args[0], suggest.Hint(args[0], config.Names()), strings.Join(config.Topics(), ", "))
	}
	return nil
}

func runServe(ctx context.Context, c console, args []string) error {
	cfg, unknown, err := config.Parse(args, c.environ)
	if errors.Is(err, config.ErrHelp) {
		writeUsage(c.out)
		fmt.Fprint(c.out, "\nSettings of serve come from flags, else from variables (-data-dir is WAYSTATION_DATA_DIR), else from their\n[defaults]. waystation help TOPIC explains a group of them, waystation help SETTING a single one.\n")
		config.WriteSummary(c.out)
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	log := newLogger(c.err, cfg)
	limitMemory(log)
	if len(unknown) > 0 {
		log.Warn("environment variables name no setting and are ignored", "names", unknown)
	}
	a, err := newApp(ctx, cfg, log, c.out)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

func printLicenses(_ context.Context, c console, _ []string) error {
	_, err := io.WriteString(c.out, notices.ThirdParty)
	return err
}

func printVersion(_ context.Context, c console, _ []string) error {
	fmt.Fprintf(c.out, "waystation %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
