package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"github.com/waystation/waystation/bridge/signal"
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
	cli = whatsmeow.NewClient(device, slogAdapter{log: s.log(), module: "whatsmeow", keysNotFetched: s.keysNotFetched})
	// The result of the event handler decides on the acknowledgement. Decrypted events are buffered until the handler
	// has returned true.
	cli.SynchronousAck = true
	cli.EnableDecryptedEventBuffer = true
	cli.UseRetryMessageStore = true
	cli.AutomaticMessageRerequestFromPhone = true
	// Only the session connects the client: no second connect may run beside a flight.
	cli.EnableAutoReconnect = false
	cli.DisableLoginAutoReconnect = true
	// The session fetches history itself, so that a chunk is not acknowledged before the journal has recorded it.
	cli.ManualHistorySyncDownload = true
	cli.BackgroundEventCtx = s.b.ctx
	cli.RefreshCAT = refuseMessengerLogin
	socket := &socketGuard{}
	profile, name := row.Profile, s.b.cfg.DeviceName
	cli.GetClientPayload = func() *waWa6.ClientPayload {
		socket.hold() // until dial calls release
		payload := device.GetClientPayload()
		profile.apply(payload, name)
		return payload
	}
	if s.b.attach != nil {
		s.b.attach(cli)
	}
	if row.Proxy.Enabled {
		client, err := s.b.proxyClient(row.Proxy)
		if err != nil {
			return nil, err
		}
		cli.SetPreLoginHTTPClient(client)
		cli.SetWebsocketHTTPClient(client)
		cli.SetMediaHTTPClient(client)
	}
	if err = s.guardStanzas(cli); err != nil {
		return nil, err
	}
	if err = wrapSocketTransports(cli, socket.wrap); err != nil {
		return nil, err
	}
	cli.PrePairCallback = func(jid types.JID, _, _ string) bool { return s.admits(jid) }
	cli.AddEventHandlerWithSuccessStatus(func(evt any) bool { return s.handle(cli, evt) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil || s.deleted {
		return nil, context.Canceled
	}
	s.cli, s.socket = cli, socket
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

// slogAdapter passes whatsmeow's log to slog. Errors, warnings and information are all logged at level debug, because
// the bridge itself logs all problems that concern an operator. Whatsmeow's debug lines contain whole stanzas and are
// dropped. The log must come from maskLog, since the other lines contain phone numbers and some contain stanzas.
type slogAdapter struct {
	log            *slog.Logger
	module         string
	keysNotFetched func(error) // nil = not reported
}

// keysNotFetched is the format of the only message in which whatsmeow reports that a send continues without the devices
// whose keys it could not fetch (fetchPreKeysNoError). Its last argument is the error.
const keysNotFetched = "Failed to fetch prekeys for %v with no existing session: %v"

func clientLog(log *slog.Logger) waLog.Logger { return slogAdapter{log: log, module: "whatsmeow"} }

func (l slogAdapter) write(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, args...), "module", l.module)
	}
}

func (l slogAdapter) Errorf(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l slogAdapter) Infof(format string, args ...any)  { l.write(slog.LevelDebug, format, args) }
func (l slogAdapter) Debugf(string, ...any)             {}
func (l slogAdapter) Warnf(format string, args ...any) {
	l.write(slog.LevelDebug, format, args)
	if format == keysNotFetched && l.keysNotFetched != nil && len(args) > 0 {
		if err, ok := args[len(args)-1].(error); ok {
			l.keysNotFetched(err)
		}
	}
}

func (l slogAdapter) Sub(module string) waLog.Logger {
	return slogAdapter{log: l.log, module: l.module + "/" + module}
}

// keysNotFetched aborts the running send, which whatsmeow would otherwise send to the remaining devices only.
func (s *Session) keysNotFetched(err error) {
	s.mu.Lock()
	cli := s.cli
	s.mu.Unlock()
	signal.DecryptionsOf(cli).KeysNotFetched(err)
}
