package sandbox

import "go.mau.fi/whatsmeow/types"

func (p *Phone) welcome(companion types.JID) {}
func (n *Network) registerPhoneRoutes()      {}
