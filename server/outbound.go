package main

import (
	"slices"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/guard"
)

// barePorts are the ports that an entry of allow-hosts without a port allows: the default ones of HTTP, AMQP, Redis
// and SOCKS. Otherwise a host permitted for the webhooks of one tenant would expose all its services to all tenants.
var barePorts = []uint16{80, 443, 1080, 5671, 5672, 6379}

// loopback are the addresses of this machine.
var loopback = []string{"127.0.0.0/8:*", "[::1]:*"}

// guardConfig returns the addresses to which callers may make the server connect. With a simulated network in this
// process, receivers on this machine are allowed, so that a first webhook needs no further setting; on simulated
// networks, an entry without a port allows all.
func guardConfig(cfg *config.Config) guard.Config {
	c := guard.Config{Allow: slices.Clone(cfg.AllowHosts)}
	if cfg.Sandbox {
		c.Allow = append(c.Allow, loopback...)
	}
	if !cfg.OnSandbox() {
		c.BarePorts = barePorts
	}
	return c
}
