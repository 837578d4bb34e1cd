package sandbox

func (n *Network) registerMessages()        {}
func (n *Network) handleMessage(r *request) {}
func (n *Network) handleReceipt(r *request) {}
