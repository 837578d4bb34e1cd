package bridge

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/logmask"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wire"
)

var errDeviceMissing = errors.New("the session's device is not in the database")

// ensureClient returns the session's client and creates it if necessary.
func (s *Session) ensureClient(ctx context.Context) (*whatsmeow.Client, error) {
	s.mu.Lock()
	cli, row := s.cli, s.row
	s.mu.Unlock()
	if cli != nil {
		return cli, nil
	}
	device, err := s.b.loadDevice(ctx, s, row.Device)
	if err != nil {
		return nil, err
	}
	cli = whatsmeow.NewClient(device, logmask.ForClient(s.log(), s.keysNotFetched))
	// The result of the event handler decides on the acknowledgement. Decrypted events are buffered until the handler
	// has returned true.
	cli.SynchronousAck = true
	cli.EnableDecryptedEventBuffer = true
	cli.UseRetryMessageStore = true
	cli.AutomaticMessageRerequestFromPhone = true
	// Only the session connects the client: no second connect may run beside its attempt.
	cli.EnableAutoReconnect = false
	cli.DisableLoginAutoReconnect = true
	// The session fetches history itself, so that a chunk is not acknowledged before the journal has recorded it.
	cli.ManualHistorySyncDownload = true
	cli.BackgroundEventCtx = s.b.ctx
	cli.RefreshCAT = wire.RefuseMessengerLogin
	input := wire.NewGuard(conn{s}, wire.Limits{Bytes: s.b.cfg.StanzaBytes, Depth: s.b.cfg.StanzaDepth}, s.log)
	profile, name := row.Profile, s.b.cfg.DeviceName
	cli.GetClientPayload = func() *waWa6.ClientPayload {
		input.Hold() // until dial calls Release
		payload := device.GetClientPayload()
		profile.Apply(payload, name)
		return payload
	}
	if s.b.attach != nil {
		s.b.attach(cli)
	}
	if row.Proxy.Enabled {
		client, err := s.b.proxies.NewClient(row.Proxy)
		if err != nil {
			return nil, err
		}
		cli.SetPreLoginHTTPClient(client)
		cli.SetWebsocketHTTPClient(client)
		cli.SetMediaHTTPClient(client)
	}
	if err = input.Install(cli); err != nil {
		return nil, err
	}
	cli.PrePairCallback = func(jid types.JID, _, _ string) bool { return s.admits(jid) }
	cli.AddEventHandlerWithSuccessStatus(func(evt any) bool { return s.handle(cli, evt) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil || s.deleted {
		return nil, context.Canceled
	}
	s.cli, s.input = cli, input
	return cli, nil
}

func (b *Bridge) loadDevice(ctx context.Context, s *Session, jid types.JID) (*store.Device, error) {
	if jid.IsEmpty() {
		device := b.devices.NewDevice()
		device.Container = &deviceContainer{s: s}
		return device, nil
	}
	device, err := b.devices.GetDevice(ctx, jid)
	if err != nil {
		return nil, fmt.Errorf("bridge: load device: %w", err)
	}
	if device == nil {
		return nil, errDeviceMissing
	}
	guardDevice(s, device)
	return device, nil
}

// keysNotFetched aborts the running send, which whatsmeow would otherwise send to the remaining devices only.
func (s *Session) keysNotFetched(err error) {
	s.mu.Lock()
	cli := s.cli
	s.mu.Unlock()
	signal.DecryptionsOf(cli).KeysNotFetched(err)
}

// inputOf returns the guard of the client, or nil if another client has replaced it.
func (s *Session) inputOf(cli *whatsmeow.Client) *wire.Guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli {
		return nil
	}
	return s.input
}
