package sandbox

type codePairing struct{ ref string }

func (n *Network) pairCodeRoutes() iqRoutes { return nil }
