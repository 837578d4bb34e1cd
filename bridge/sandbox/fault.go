package sandbox

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// faultTable holds the rules in force. Guarded by Network.mu.
type faultTable struct{}

// outgoing lets rules change what a device is sent.
func (t *faultTable) outgoing(_ *Network, _ *device, node waBinary.Node) []waBinary.Node {
	return []waBinary.Node{node}
}

// pace is the slowness of one connection.
type pace struct{ delay time.Duration }

func (p *pace) next() time.Duration { return p.delay }

// login gives the attributes of a refusal, or nil to let the client in.
func (t *faultTable) login(_ *Network, _ *conn) waBinary.Attrs { return nil }
