package sandbox

// services is the state of the network's services besides messages. Pointers are set once, before the network is shared.
type services struct {
	blobs       *blobStore
	groupHost   *groupHost
	newsletters *newsletterHost
	links       map[string]userLink // by code
	// stickerPacks are the published packs by id, encoded as the static host serves them.
	stickerPacks map[string][]byte
	orders       orderBook
	calls        callBook
	bots         []*Bot
	botAccounts  map[string]*account // by id
	spam         []SpamReport
}

// registerServices creates the state of all services.
func (n *Network) registerServices() {
	n.links = map[string]userLink{}
	n.stickerPacks = map[string][]byte{}
	n.orders.byID = map[string]*storedOrder{}
	n.registerMedia()
	n.registerGroups()
	n.addIQ(n.pictureRoutes(), n.privacyRoutes(), n.blocklistRoutes(), n.businessRoutes(), n.linkRoutes(), n.orderRoutes(), n.spamRoutes())
	n.registerNewsletters()
	n.registerStates()
	n.registerProfileFields()
	n.registerBusinessFields()
	n.registerBots()
}
