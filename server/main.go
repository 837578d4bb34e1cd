package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/waystation/waystation/server/accounts"
	"github.com/waystation/waystation/server/cli"
	"github.com/waystation/waystation/server/config"
)

// Set by the linker (see Makefile).
var (
	version = "dev"
	builtAt = ""
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == hashCommand {
		// The server that started this process ends it, by closing its input.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		if err := accounts.ServeDerivations(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cli.ExitFailure)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(program().Run(ctx, cli.Console{Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}, os.Args[1:]))
}

// program returns the command line of this binary.
func program() cli.Program { return cli.Program{Version: version, Serve: serve} }

// serve runs a server with the settings of the command line until ctx ends.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) error {
	a, err := newApp(ctx, cfg, log, out)
	if err != nil {
		return err
	}
	return a.run(ctx)
}
