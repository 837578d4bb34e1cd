// Package allmethods registers every method of a server, except those of the simulated network. A registry whose
// dependencies are zero can describe the methods and not call them.
package allmethods

import (
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/rpc/methods/automationmethods"
	"github.com/waystation/waystation/rpc/methods/deliverymethods"
	"github.com/waystation/waystation/rpc/methods/schedulemethods"
	"github.com/waystation/waystation/rpc/methods/servermethods"
)

// Deps are the dependencies of the packages of methods.
type Deps struct {
	Sessions methods.Deps
	Server   methods.ServerDeps
	Tickets  methods.Tickets
	Delivery deliverymethods.Deps
	Accounts accountmethods.Deps
	System   servermethods.Deps
}

// Register adds all methods.
func Register(reg *rpc.Registry, d Deps) {
	methods.RegisterAll(reg, d.Sessions)
	methods.RegisterServer(reg, d.Server)
	methods.RegisterTickets(reg, d.Sessions.Bridge, d.Tickets)
	deliverymethods.Register(reg, d.Delivery)
	accountmethods.Register(reg, d.Accounts)
	schedulemethods.Register(reg, schedulemethods.Deps{Bridge: d.Sessions.Bridge})
	servermethods.Register(reg, d.System)
	automationmethods.Register(reg, automationmethods.Deps{Bridge: d.Sessions.Bridge})
}
