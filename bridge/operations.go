package bridge

import (
	"context"

	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/bridge/wa"
)

// paired returns the device store of a linked session, connected or not.
func (s *Session) paired(ctx context.Context) (*store.Device, error) {
	s.mu.Lock()
	cli, jid := s.cli, s.row.Device
	s.mu.Unlock()
	if jid.IsEmpty() {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	if cli != nil && cli.Store.GetJID() == jid {
		return cli.Store, nil
	}
	device, err := s.b.devices.GetDevice(ctx, jid)
	if err != nil {
		return nil, wa.StorageError("the session's keys could not be read", err)
	}
	if device == nil {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	device.LIDs = s.b.lids.Of(s.owner)
	return device, nil
}
