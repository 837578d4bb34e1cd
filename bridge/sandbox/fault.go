package sandbox

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// faultTable holds the rules in force. Guarded by Network.mu.
type faultTable struct{ firstContact bool }

// outgoing lets rules change what a device is sent.
func (t *faultTable) outgoing(_ *Network, _ *device, node waBinary.Node) []waBinary.Node {
	return []waBinary.Node{node}
}

// pace is the slowness of one connection.
type pace struct{ delay time.Duration }

func (p *pace) next() time.Duration { return p.delay }

// login gives the attributes of a refusal, or nil to let the client in.
func (t *faultTable) login(_ *Network, _ *conn) waBinary.Attrs { return nil }

// send gives the error code with which a message is refused, or 0.
func (t *faultTable) send(_ *Network, _ *request) int { return 0 }
