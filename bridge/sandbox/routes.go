package sandbox

// registerAll fills the tables, with one line for each file that has handlers.
func (n *Network) registerAll() {
	n.addIQ(
		n.sessionRoutes(),
		n.deviceStateRoutes(),
		n.pairCodeRoutes(),
		n.passkeyRoutes(),
		n.preKeyRoutes(),
		n.usyncRoutes(),
		n.tokenRoutes(),
	)
	n.registerUsyncFields()
	n.registerMessages()
	n.registerPhoneRoutes()
	n.registerServices()
	n.handleHTTP("web.whatsapp.com", "/ws/chat", n.serveSocket)
	n.handleHTTP("web.whatsapp.com", "/", n.serveVersion)
}
