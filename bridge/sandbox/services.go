package sandbox

// services is the state of what the network offers besides passing messages. Fields are set once, before the network is shared.
type services struct {
	blobs     *blobStore
	groupHost *groupHost
}

// registerServices opens all of them.
func (n *Network) registerServices() {
	n.registerMedia()
	n.registerGroups()
	n.addIQ(n.pictureRoutes(), n.privacyRoutes(), n.blocklistRoutes(), n.businessRoutes())
	n.registerStates()
	n.registerProfileFields()
	n.registerBusinessFields()
}
