package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
)

// network is the network of this process: WhatsApp, a simulation in this process, or one in another.
type network struct {
	// address is the address of the simulation; "" on WhatsApp.
	address string
	// attach configures a client for the simulation; nil on WhatsApp.
	attach func(*whatsmeow.Client)
	// http is a client for the simulation's web hosts; nil on WhatsApp.
	http *http.Client
	// local is the simulation in this process; nil elsewhere.
	local *sandbox.Network
	// remote calls methods of the simulation in another process; nil elsewhere.
	remote *remoteSandbox
}

// openNetwork selects the network, once and for the whole process: on a simulation every client trusts its root
// certificate instead of WhatsApp's. On WhatsApp the sandbox stays unused.
func openNetwork(cfg *config.Config, log *slog.Logger) (*network, error) {
	switch {
	case cfg.Sandbox:
		log.Warn("this process is on the simulated network; no phone can be reached")
		sandbox.Activate()
		n := sandbox.New(sandboxOptions(cfg, log.With("part", "sandbox")))
		listener, err := n.Listen("127.0.0.1:0")
		if err != nil {
			n.Close()
			return nil, err
		}
		return onSandbox(network{local: n, address: listener.Addr().String()}, listener.Dial), nil
	case cfg.SandboxAddr != "":
		log.Warn("this process is on a simulated network; no phone can be reached", "address", cfg.SandboxAddr)
		if root, ok := cfg.Root(); ok {
			sandbox.ActivateRoot(root)
		} else {
			sandbox.Activate()
		}
		return onSandbox(network{remote: newRemoteSandbox(cfg.SandboxAddr), address: cfg.SandboxAddr}, sandbox.Dialer(cfg.SandboxAddr)), nil
	}
	return &network{}, nil
}

// sandboxSettings are the settings that configure a simulated network, in the server's process or in one of its own.
var sandboxSettings = []string{"sandbox-seed", "sandbox-auto-replies", "sandbox-history-chunk"}

func sandboxOptions(cfg *config.Config, log *slog.Logger) sandbox.Options {
	return sandbox.Options{Seed: cfg.SandboxSeed, AutoReplies: cfg.SandboxAutoReplies, HistoryChunk: cfg.SandboxHistoryChunk, Log: log}
}

// onSandbox sets the fields for reaching the simulation. Each client has an HTTP client of its own, so that the
// settings of one session do not affect another.
func onSandbox(n network, dial sandbox.DialFunc) *network {
	n.http = sandbox.NewHTTPClient(dial)
	n.attach = func(cli *whatsmeow.Client) { sandbox.Attach(cli, dial) }
	return &n
}

func (n *network) close() {
	if n.local != nil {
		n.local.Close()
	}
	if n.remote != nil {
		n.remote.close()
	}
}

// runSandbox runs a simulated network in a process of its own, which survives restarts of servers.
func runSandbox(ctx context.Context, c console, args []string) error {
	flags := newFlags("sandbox", "Run a simulated WhatsApp network that servers attach to with -sandbox-addr. It also answers sandbox.* calls at /v1/rpc.")
	listen := flags.String("listen", "127.0.0.1:0", "`address` on this machine; port 0 picks a free one")
	settings := config.Some(flags.FlagSet, append([]string{"env-file"}, sandboxSettings...)...)
	seed := flags.Uint64("seed", 0, "`number`: short for -sandbox-seed")
	verbose := flags.Bool("verbose", false, "log what the network does")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	cfg, err := settings(c.environ)
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
		log = slog.New(slog.NewTextHandler(c.err, nil))
	}
	tcp, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	n := sandbox.New(sandboxOptions(cfg, log))
	server := newSandboxServer(n, tcp.Addr().String(), log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(tcp) }()
	root := sandbox.Root()
	fmt.Fprintf(c.out, "address %s\nroot    %s\n\nwaystation -sandbox-addr %[1]s -sandbox-root %[2]s\n", tcp.Addr(), hex.EncodeToString(root[:]))
	select {
	case <-ctx.Done():
		_ = server.Close()
		err = unlessClosed(<-served)
	case err = <-served:
	}
	n.Close()
	return err
}
