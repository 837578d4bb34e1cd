package bridge

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/outbound"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/statusposts"
	"github.com/waystation/waystation/transports/kit/database"
)

// deviceContainer is between a whatsmeow device and its tables. whatsmeow deletes a device whenever WhatsApp reports it
// as unlinked; with deviceContainer only a command deletes keys, and all other deletions put them in quarantine.
type deviceContainer struct{ s *Session }

var _ store.DeviceContainer = (*deviceContainer)(nil)

// PutDevice stores a device. The first call, at the end of pairing, assigns the device to the session in the same
// transaction: after a crash right behind it, the session still has its link.
func (c *deviceContainer) PutDevice(ctx context.Context, device *store.Device) error {
	b, s := c.s.b, c.s
	if device.Initialized {
		return b.devices.PutDevice(ctx, device)
	}
	jid, now := *device.ID, time.Now().UTC().Truncate(time.Millisecond)
	err := database.Transact(ctx, b.db, func(ctx context.Context) error {
		// The same device number may be assigned again after a logout. Without the deletion its row would keep the old
		// keys.
		if err := b.deleteKeys(ctx, jid); err != nil {
			return err
		}
		if err := b.store.release(ctx, jid); err != nil {
			return err
		}
		if err := b.devices.PutDevice(ctx, device); err != nil {
			return err
		}
		return b.store.setDevice(ctx, s.id, jid, now)
	})
	if err != nil {
		device.Initialized = false
		return fmt.Errorf("bridge: store paired device: %w", err)
	}
	guardDevice(s, device)
	s.mu.Lock()
	s.row.Device, s.row.HoldReason = jid, ""
	s.row.DefaultTimer, s.row.DefaultTimerAt = 0, time.Time{}
	s.row.PairedAt = now
	s.mu.Unlock()
	return nil
}

// DeleteDevice is called by whatsmeow only: when the phone unlinked the device and when the last step of pairing
// failed. Neither is a command.
func (c *deviceContainer) DeleteDevice(ctx context.Context, device *store.Device) error {
	if device.ID == nil {
		return nil
	}
	return c.s.quarantineDevice(ctx, *device.ID, "")
}

// quarantineDevice detaches the device from the session; its keys stay. An empty reason does not replace a stored one.
func (s *Session) quarantineDevice(ctx context.Context, jid types.JID, reason string) error {
	if err := s.b.store.quarantine(ctx, s.id, jid, reason); err != nil {
		return fmt.Errorf("bridge: quarantine device: %w", err)
	}
	s.mu.Lock()
	if s.row.Device == jid {
		s.row.Device = types.EmptyJID
		s.setReachout(outbound.Reachout{}) // the timelock belongs to the account, and the next pairing may be with another one
		s.reachEvent, s.progress = nil, history.Progress{}
	}
	s.mu.Unlock()
	s.log().Warn("the device was unlinked; its keys are in quarantine", "reason", reason)
	return nil
}

// deleteKeys deletes all rows that whatsmeow has stored for a device.
func (b *Bridge) deleteKeys(ctx context.Context, jid types.JID) error {
	device, err := b.devices.GetDevice(ctx, jid)
	if err != nil {
		return fmt.Errorf("bridge: load device: %w", err)
	}
	if device != nil {
		if err = b.devices.DeleteDevice(ctx, device); err != nil {
			return fmt.Errorf("bridge: delete device: %w", err)
		}
	}
	// whatsmeow_privacy_tokens is the only table of a device without a foreign key.
	if _, err = b.db.Exec(ctx, `DELETE FROM whatsmeow_privacy_tokens WHERE our_jid=$1`, jid); err != nil {
		return fmt.Errorf("bridge: delete privacy tokens: %w", err)
	}
	return nil
}

// guardDevice replaces the device's container and its signal, contact, app-state and LID stores by those of the bridge.
func guardDevice(s *Session, device *store.Device) {
	device.Container = &deviceContainer{s: s}
	device.LIDs = s.b.lids.Of(s.owner)
	signal.GuardRatchets(s.b.db, device, s.messageLeftAlone)
	device.Contacts = statusposts.LimitContacts(signal.NewContactStore(device.Contacts))
	device.AppState = signal.NewAppStateStore(s.b.db, device.AppState, s.states.ReadRefused)
}

// messageLeftAlone is called when a message could not be decrypted because the store failed.
func (s *Session) messageLeftAlone(err error) {
	if s.b.ctx.Err() != nil {
		return
	}
	s.log().Error("keys could not be read or stored; WhatsApp will deliver what they were needed for again", "error", err)
	s.mu.Lock()
	cli := s.cli
	s.mu.Unlock()
	if cli != nil {
		s.redeliver(cli)
	}
}
