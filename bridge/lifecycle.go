package bridge

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/bridge/wire"
	"github.com/waystation/waystation/transports/journal"
)

// lifeCycle applies whatsmeow's reports about the connection to the state machine. It returns false for other events.
func (s *Session) lifeCycle(cli *whatsmeow.Client, evt any) bool {
	switch e := evt.(type) {
	case *events.QR:
		s.startCodes(cli, e.Codes)
	case *events.PairSuccess:
		s.linked(cli, e)
	case *events.PairError:
		s.pairingFailed(cli, e)
	case *events.PairPasskeyRequest:
		s.passkeyRequested(cli, e)
	case *events.PairPasskeyConfirmation:
		s.passkeyContinued(cli, e)
	case *events.PairPasskeyError:
		s.passkeyFailed(cli, e.Error)
	case *events.ManualLoginReconnect:
		s.relogin(cli)
	case *events.Connected:
		s.opened(cli)
	case *events.Disconnected:
		if input := s.inputOf(cli); input != nil {
			input.HandleMissedEnd(s.b.ctx, cli)
		}
		s.lostConnection(cli, InputLost, Details{}, fact{})
	case *events.ConnectFailure:
		s.refused(cli, e)
	case *events.CATRefreshError:
		s.messengerLogin(cli, e)
		return false // it is also an event of the journal
	case *events.LoggedOut:
		s.loggedOut(cli, e)
	case *events.StreamReplaced:
		s.ended(cli, InputReplaced, Details{}, fact{project: func(ctx context.Context) error {
			return s.b.store.setHold(ctx, s.id, StateReplaced, time.Time{})
		}})
	case *events.TemporaryBan:
		s.banned(cli, e)
	case *events.ClientOutdated:
		s.ended(cli, InputOutdated, Details{}, fact{data: map[string]any{"version": clientVersion(s.ClientProfile())}})
	default:
		return false
	}
	return true
}

// opened handles a successful login.
func (s *Session) opened(cli *whatsmeow.Client) {
	lid := cli.Store.GetLID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return
	}
	if s.watchdog != nil {
		s.watchdog.Stop()
		s.watchdog = nil
	}
	s.endPairing()
	s.failures = 0
	if !lid.IsEmpty() {
		s.row.Identity.LID = lid
	}
	who, at := s.row.Identity, time.Now()
	s.feed(InputOpen, Details{}, fact{
		data: map[string]any{"push_name": wa.OrNull(who.PushName), "platform": wa.OrNull(who.Platform)},
		project: func(ctx context.Context) error {
			return errors.Join(s.b.store.setConnectedAt(ctx, s.id, at), s.b.store.setIdentity(ctx, s.id, who))
		},
	})
	if s.redelivery.failed {
		s.planRedelivery(cli)
	}
	s.history.Fetch(cli)
	s.b.spawn(func() { s.readReachout(s.b.ctx, cli) })
	s.b.spawn(func() { s.startAutomation() })
	if s.row.Settings.UnavailableAfterConnect {
		s.b.spawn(func() { s.goUnavailable(cli) })
	}
}

// unavailableDelay is the time after a login until the session goes offline: the phone needs a moment to notice the
// login.
const unavailableDelay = 3 * time.Second

func (s *Session) goUnavailable(cli *whatsmeow.Client) {
	if s.automation.KeepsOnline(s.b.ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(s.b.ctx, 2*unavailableDelay)
	defer cancel()
	select {
	case <-time.After(unavailableDelay):
	case <-ctx.Done():
		return
	}
	if s.availability.Load() == cli {
		return
	}
	if err := cli.SendPresence(ctx, "unavailable"); err != nil {
		s.log().Debug("presence could not be set after connecting", "error", err)
	}
}

// ended handles a connection that WhatsApp closed for a reason that a retry does not resolve. It releases the client; a
// command may connect again.
func (s *Session) ended(cli *whatsmeow.Client, in Input, d Details, f fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return
	}
	if s.feed(in, d, f) {
		s.dropClient()
	}
}

func (s *Session) banned(cli *whatsmeow.Client, e *events.TemporaryBan) {
	var until time.Time
	if e.Expire > 0 {
		until = time.Now().Add(e.Expire).UTC().Truncate(time.Millisecond)
	}
	s.ended(cli, InputBanned, Details{Reason: e.Code.String(), Until: until}, fact{
		data: map[string]any{"code": int(e.Code)},
		project: func(ctx context.Context) error {
			return s.b.store.setHold(ctx, s.id, StateBanned, until)
		},
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap.State == StateBanned && s.row.Wanted && s.row.Settings.AutoReconnect {
		s.scheduleAt(s.snap.Until)
	}
}

// loggedOut handles the end of the link. whatsmeow deletes its device at the same moment, which deviceContainer turns
// into quarantine; only this function knows the reason.
func (s *Session) loggedOut(cli *whatsmeow.Client, e *events.LoggedOut) {
	s.mu.Lock()
	current, device := s.cli == cli && !s.deleted, s.row.Device
	s.mu.Unlock()
	if !current {
		return
	}
	reason := e.Reason.String()
	if device.IsEmpty() {
		device = s.lastQuarantined()
	}
	if !device.IsEmpty() {
		if err := s.quarantineDevice(s.b.ctx, device, reason); err != nil {
			s.log().Error("the quarantine of an unlinked device could not be stored", "error", err)
		}
	}
	s.ended(cli, InputLoggedOut, Details{Reason: reason}, fact{
		data: map[string]any{"code": int(e.Reason), "on_connect": e.OnConnect, "jid": wa.JIDOrNull(device)},
	})
}

// refused handles a login that WhatsApp answered with a code without a state of its own.
func (s *Session) refused(cli *whatsmeow.Client, e *events.ConnectFailure) {
	data := mustJSON(fields{"code": int(e.Reason), "reason": wire.RefusalText(int(e.Reason)), "message": wa.OrNull(e.Message)})
	s.mu.Lock()
	if s.cli == cli && !s.deleted && s.failures == 0 {
		s.post(journal.Record{Type: "ConnectFailure", Origin: journal.OriginWhatsApp, Time: time.Now().UTC(), Data: data})
	}
	s.mu.Unlock()
	s.lostConnection(cli, InputRefused, Details{Reason: wire.End{Code: int(e.Reason), Login: true}.Reason()}, fact{})
}

// messengerLogin handles WhatsApp's request for the credentials of a Messenger client, at the login or later. whatsmeow
// reports no Disconnected after it.
func (s *Session) messengerLogin(cli *whatsmeow.Client, e *events.CATRefreshError) {
	var asked *wire.MessengerLoginError
	if errors.As(e.Error, &asked) && asked.End.Login {
		s.refused(cli, &events.ConnectFailure{Reason: events.ConnectFailureReason(asked.End.Code), Message: asked.End.Message})
		return
	}
	s.lostConnection(cli, InputLost, Details{}, fact{})
}

// storePushName stores the own push name as last reported by WhatsApp.
func (s *Session) storePushName(name string) {
	s.mu.Lock()
	if name == "" || s.row.Identity.PushName == name {
		s.mu.Unlock()
		return
	}
	s.row.Identity.PushName = name
	who := s.row.Identity
	s.mu.Unlock()
	if err := s.b.store.setIdentity(s.b.ctx, s.id, who); err != nil {
		s.log().Warn("the display name could not be stored", "error", err)
	}
}

// ClientProfile returns the device identity that the session presents to WhatsApp; nil = the default. Callers must not change it.
func (s *Session) ClientProfile() *sessionconfig.ClientProfile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Profile
}
