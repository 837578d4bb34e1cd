package network

import (
	"log/slog"
	"net/http"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
)

// Network is the network of this process: WhatsApp, a simulation in this process, or one in another.
type Network struct {
	// Address is the address of the simulation; "" on WhatsApp.
	Address string
	// Attach configures a client for the simulation; nil on WhatsApp.
	Attach func(*whatsmeow.Client)
	// HTTP is a client for the simulation's web hosts; nil on WhatsApp.
	HTTP *http.Client
	// Local is the simulation in this process; nil elsewhere.
	Local *sandbox.Network
	// Remote calls methods of the simulation in another process; nil elsewhere.
	Remote *Remote
}

// Open selects the network, once and for the whole process: on a simulation every client trusts its root
// certificate instead of WhatsApp's. On WhatsApp the sandbox stays unused.
func Open(cfg *config.Config, log *slog.Logger) (*Network, error) {
	switch {
	case cfg.Sandbox:
		log.Warn("this process is on the simulated network; no phone can be reached")
		sandbox.Activate()
		n := sandbox.New(Options(cfg, log.With("part", "sandbox")))
		listener, err := n.Listen("127.0.0.1:0")
		if err != nil {
			n.Close()
			return nil, err
		}
		return onSandbox(Network{Local: n, Address: listener.Addr().String()}, listener.Dial), nil
	case cfg.SandboxAddr != "":
		log.Warn("this process is on a simulated network; no phone can be reached", "address", cfg.SandboxAddr)
		if root, ok := cfg.Root(); ok {
			sandbox.ActivateRoot(root)
		} else {
			sandbox.Activate()
		}
		return onSandbox(Network{Remote: newRemote(cfg.SandboxAddr), Address: cfg.SandboxAddr}, sandbox.Dialer(cfg.SandboxAddr)), nil
	}
	return &Network{}, nil
}

// Settings are the settings that configure a simulated network, in the server's process or in one of its own.
var Settings = []string{"sandbox-seed", "sandbox-auto-replies", "sandbox-history-chunk"}

// Options returns the options of a simulated network from its settings.
func Options(cfg *config.Config, log *slog.Logger) sandbox.Options {
	return sandbox.Options{Seed: cfg.SandboxSeed, AutoReplies: cfg.SandboxAutoReplies, HistoryChunk: cfg.SandboxHistoryChunk, Log: log}
}

// onSandbox sets the fields for reaching the simulation. Each client has an HTTP client of its own, so that the
// settings of one session do not affect another.
func onSandbox(n Network, dial sandbox.DialFunc) *Network {
	n.HTTP = sandbox.NewHTTPClient(dial)
	n.Attach = func(cli *whatsmeow.Client) { sandbox.Attach(cli, dial) }
	return &n
}

// Close ends a simulation in this process, and the connections to one in another.
func (n *Network) Close() {
	if n.Local != nil {
		n.Local.Close()
	}
	if n.Remote != nil {
		n.Remote.close()
	}
}
