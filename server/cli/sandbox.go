package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/network"
)

// runSandbox runs a simulated network in a process of its own, which survives restarts of servers.
func (p Program) runSandbox(ctx context.Context, c Console, args []string) error {
	flags := newFlags("sandbox", "Run a simulated WhatsApp network that servers attach to with -sandbox-addr. It also answers sandbox.* calls at /v1/rpc.")
	listen := flags.String("listen", "127.0.0.1:0", "`address` on this machine; port 0 picks a free one")
	settings := config.Some(flags.FlagSet, append([]string{"env-file"}, network.Settings...)...)
	seed := flags.Uint64("seed", 0, "`number`: short for -sandbox-seed")
	verbose := flags.Bool("verbose", false, "log what the network does")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	cfg, err := settings(c.Environ)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "seed" {
			cfg.SandboxSeed = *seed
		}
	})
	if host, _, err := net.SplitHostPort(*listen); err != nil || !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("%w: -listen: %q is not a loopback address with port; the sandbox has no access control", errUsage, *listen)
	}
	log := slog.New(slog.DiscardHandler)
	if *verbose {
		log = slog.New(slog.NewTextHandler(c.Err, nil))
	}
	tcp, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	n := sandbox.New(network.Options(cfg, log))
	server := network.NewServer(n, tcp.Addr().String(), p.Version, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(tcp) }()
	root := sandbox.Root()
	fmt.Fprintf(c.Out, "address %s\nroot    %s\n\nwaystation -sandbox-addr %[1]s -sandbox-root %[2]s\n", tcp.Addr(), hex.EncodeToString(root[:]))
	select {
	case <-ctx.Done():
		_ = server.Close()
		if err = <-served; errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	case err = <-served:
	}
	n.Close()
	return err
}
