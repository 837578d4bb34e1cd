package bridge

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// Lifetimes of pairing codes. WhatsApp sends six codes; the first is valid longer than the others.
const (
	firstCodeLife = 60 * time.Second
	codeLife      = 20 * time.Second
	usualCodes    = 6
)

func lifeOf(number, of int) time.Duration {
	if number == 1 && of == usualCodes {
		return firstCodeLife
	}
	return codeLife
}

// QR returns the pairing code that is valid now; its Text is empty if there is none.
func (s *Session) QR() PairingCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap.State != StatePairing {
		return PairingCode{}
	}
	return s.snap.Code
}

func (s *Session) startCodes(cli *whatsmeow.Client, codes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted || len(codes) == 0 || s.snap.Step.ofPasskey() {
		return
	}
	s.codes, s.codesOf = codes, len(codes)
	s.showNextCode(cli)
}

// showNextCode displays the next code, or ends the pairing after the last one. The caller holds s.mu.
func (s *Session) showNextCode(cli *whatsmeow.Client) {
	if s.watchdog != nil {
		s.watchdog.Stop()
		s.watchdog = nil
	}
	if len(s.codes) == 0 {
		if s.feed(InputPairFailed, Details{Reason: reasonPairingTimeout}, fact{}) {
			s.dropClient()
		}
		return
	}
	number := s.codesOf - len(s.codes) + 1
	life := lifeOf(number, s.codesOf)
	now := time.Now().UTC()
	code := PairingCode{Number: number, Of: s.codesOf, Text: s.codes[0], ExpiresAt: now.Add(life)}
	s.codes = s.codes[1:]
	step := s.snap.Step
	if step.Name != StepCode {
		step = PairingStep{Name: StepQR, ExpiresAt: code.ExpiresAt}
	}
	s.feed(InputCode, Details{Code: code, Step: step}, fact{})
	s.b.journal.Signal(journal.Signal{Session: s.id, Type: "QR", Time: now, Data: mustJSON(fields{
		"code": code.Text, "code_number": number, "code_count": s.codesOf, "expires_at": code.ExpiresAt,
	})})
	s.watchdog = time.AfterFunc(life, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cli == cli && s.snap.State == StatePairing && s.snap.Code == code {
			s.showNextCode(cli)
		}
	})
}

// pairingEnds returns the time at which the last code expires. The caller holds s.mu.
func (s *Session) pairingEnds() time.Time {
	return s.snap.Code.ExpiresAt.Add(time.Duration(len(s.codes)) * codeLife)
}

// pairingDisplayName is the device name in the request for a pairing code; WhatsApp accepts only well-known names.
const pairingDisplayName = "Chrome (Linux)"

// RequestPairingCode requests a pairing code for the phone with this number. It connects the session first if it is
// stopped. ctx bounds the wait.
func (s *Session) RequestPairingCode(ctx context.Context, phone string, notify bool) (code string, expires time.Time, err error) {
	return s.RequestPairingCodeWith(ctx, phone, notify, ConnectOptions{})
}

// RequestPairingCodeWith is RequestPairingCode with options.
func (s *Session) RequestPairingCodeWith(ctx context.Context, phone string, notify bool, o ConnectOptions) (code string, expires time.Time, err error) {
	number, err := wa.ParsePhone("phone", phone)
	if err != nil {
		return "", time.Time{}, err
	}
	if !s.device().IsEmpty() {
		return "", time.Time{}, wa.NewError(wa.ReasonConflict, "the session is paired already")
	}
	if err = s.checkNumber(number, o.Rebind); err != nil {
		return "", time.Time{}, err
	}
	if err = s.ConnectWith(ctx, o); err != nil {
		return "", time.Time{}, err
	}
	st, err := s.Wait(ctx, Status.Settled)
	if err != nil {
		return "", time.Time{}, &wa.Error{Reason: wa.ReasonTimeout, Message: "the connection was not ready in time", Err: err}
	}
	s.mu.Lock()
	cli, ends := s.cli, s.pairingEnds()
	s.mu.Unlock()
	if st.State != StatePairing || cli == nil {
		return "", time.Time{}, wa.NewError(wa.ReasonNotConnected, "WhatsApp could not be reached for pairing (%s)", st.State)
	}
	if st.Step.ofPasskey() {
		return "", time.Time{}, &wa.Error{
			Reason: wa.ReasonConflict, Kind: wa.KindPasskeyPending,
			Message: "a phone has accepted this session and WhatsApp waits for the passkey: call session.submitPasskey, or session.disconnect to give up",
		}
	}
	code, err = cli.PairPhone(ctx, number.User, notify, whatsmeow.PairClientChrome, pairingDisplayName)
	if err != nil {
		return "", time.Time{}, wa.Wrap("ask for a pairing code", err)
	}
	s.codeShown(cli, ends)
	return code, ends, nil
}

// linked handles a phone's acceptance of the device. The login follows on a new connection.
func (s *Session) linked(cli *whatsmeow.Client, e *events.PairSuccess) {
	if !s.stopWatchdog(cli) {
		return
	}
	// The binding is settled before the first event of the new account. The login settles it again.
	if err := s.settleBinding(s.b.ctx, e.ID, e.LID); err != nil {
		s.log().Error("the account of the session could not be stored; the login tries again", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return
	}
	s.codes = nil
	s.watchdog = time.AfterFunc(s.b.cfg.LoginTimeout, func() { s.dropConnection(cli, reasonLoginTimeout) })
	s.row.Identity = identity{LID: e.LID, Platform: e.Platform, BusinessName: e.BusinessName}
	who, skipsHistory := s.row.Identity, s.row.Settings.SkipHistorySync
	s.post(journal.Record{
		Type: "PairSuccess", Origin: journal.OriginWhatsApp, Time: time.Now().UTC(),
		Data: mustJSON(fields{
			"jid": e.ID.String(), "lid": wa.JIDOrNull(e.LID), "phone_number": e.ID.User, "platform": wa.OrNull(e.Platform),
			"business_name": wa.OrNull(e.BusinessName),
		}),
		Project: func(ctx context.Context) error {
			return errors.Join(s.b.store.setIdentity(ctx, s.id, who), s.beginPairingHistory(ctx, skipsHistory))
		},
	})
	s.feed(InputPaired, Details{}, fact{})
	if s.loginDue == cli {
		s.loginAgain(cli)
	}
}

// beginPairingHistory makes the completion of the history that follows the pairing an event.
func (s *Session) beginPairingHistory(ctx context.Context, skipped bool) error {
	if skipped {
		return nil
	}
	return s.history.BeginRequest(ctx, history.Request{Kind: history.KindPairing})
}

// stopWatchdog stops the timeout of the pairing. It returns false if the session has replaced the client.
func (s *Session) stopWatchdog(cli *whatsmeow.Client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return false
	}
	if s.watchdog != nil {
		s.watchdog.Stop()
		s.watchdog = nil
	}
	return true
}

func (s *Session) pairingFailed(cli *whatsmeow.Client, e *events.PairError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return
	}
	if errors.Is(e.Error, whatsmeow.ErrPairRejectedLocally) {
		s.failWrongNumber()
		return
	}
	s.post(pairErrorRecord(fields{
		"jid": wa.JIDOrNull(e.ID), "lid": wa.JIDOrNull(e.LID), "error": e.Error.Error(), "reason": reasonPairingFailed,
	}, s.snap.Step, 0))
	if s.feed(InputPairFailed, Details{}, fact{}) {
		s.dropClient()
	}
}

// relogin opens the connection again with the new keys, as WhatsApp requests after pairing.
//
// The request may arrive before whatsmeow's call that confirms the pairing has returned. Closing the connection then
// makes that call fail and whatsmeow discard the new keys; therefore the request waits for PairSuccess.
func (s *Session) relogin(cli *whatsmeow.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap.State == StatePairing {
		s.loginDue = cli
		return
	}
	s.loginAgain(cli)
}

// loginAgain replaces the connection. The caller holds s.mu.
func (s *Session) loginAgain(cli *whatsmeow.Client) {
	s.loginDue = nil
	s.b.spawn(func() {
		cli.Disconnect()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cli == cli && !s.deleted {
			s.startAttempt(false)
		}
	})
}

// Logout unlinks the device from the account and deletes its keys. The session remains and can be paired again.
func (s *Session) Logout(ctx context.Context) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	if s.isDeleted() {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if s.device().IsEmpty() {
		return s.clearLink(ctx)
	}
	return s.unlink(ctx)
}

// unlink unlinks the device at WhatsApp and deletes the keys. The caller is in a command.
func (s *Session) unlink(ctx context.Context) error {
	cli, err := s.live()
	if err != nil {
		return err
	}
	device := s.device()
	if err = requestUnlink(ctx, cli, device); err != nil {
		return wa.Wrap("unlink the device", err)
	}
	cli.Disconnect()
	if err = s.quarantineDevice(ctx, device, ""); err != nil {
		return err
	}
	return s.clearLink(ctx)
}

// requestUnlink asks WhatsApp to unlink the device. Client.Logout does so too, but also clears the device object, which
// handlers may still use.
func requestUnlink(ctx context.Context, cli *whatsmeow.Client, device types.JID) error {
	_, err := cli.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "md", Type: "set", To: types.ServerJID,
		Content: []waBinary.Node{{
			Tag:   "remove-companion-device",
			Attrs: waBinary.Attrs{"jid": device, "reason": "user_initiated"},
		}},
	})
	return err
}

// clearLink deletes the keys of an unlinked session, including quarantined ones, and resets the session to its initial
// state.
func (s *Session) clearLink(ctx context.Context) error {
	held, err := s.b.store.quarantines(ctx, s.id)
	if err != nil {
		return wa.StorageError("find the session's devices", err)
	}
	err = database.Transact(ctx, s.b.db, func(ctx context.Context) error {
		for _, q := range held {
			if err := s.b.deleteKeys(ctx, q.Device); err != nil {
				return err
			}
			if err := s.b.store.release(ctx, q.Device); err != nil {
				return err
			}
		}
		if err := s.b.store.setDevice(ctx, s.id, types.EmptyJID, time.Time{}); err != nil {
			return err
		}
		if err := s.b.store.setWanted(ctx, s.id, false); err != nil {
			return err
		}
		return s.b.store.setIdentity(ctx, s.id, identity{})
	})
	if err != nil {
		return wa.StorageError("delete the session's keys", err)
	}
	s.mu.Lock()
	s.row.Device, s.row.Identity, s.row.Wanted = types.EmptyJID, identity{}, false
	s.row.DefaultTimer, s.row.DefaultTimerAt = 0, time.Time{}
	s.mu.Unlock()
	s.haltConnection(ctx, InputUnlink, Details{})
	return nil
}

func (s *Session) lastQuarantined() types.JID {
	held, err := s.b.store.quarantines(s.b.ctx, s.id)
	if err != nil || len(held) == 0 {
		return types.EmptyJID
	}
	return held[len(held)-1].Device
}

// ClientVersion returns the WhatsApp Web version that the session presents.
func (s *Session) ClientVersion() string { return clientVersion(s.ClientProfile()) }

// LatestClientVersion requests the newest client version from WhatsApp's web site.
func (b *Bridge) LatestClientVersion(ctx context.Context) (string, error) {
	client := b.http
	if client == nil {
		client = &http.Client{Timeout: versionTimeout}
	}
	version, err := whatsmeow.GetLatestVersion(ctx, client)
	if err != nil {
		return "", &wa.Error{Reason: wa.ReasonWhatsApp, Message: "the newest version could not be read from WhatsApp's web site", Err: err}
	}
	return version.String(), nil
}

// versionTimeout bounds the request to WhatsApp's web site.
const versionTimeout = 10 * time.Second

func clientVersion(p *sessionconfig.ClientProfile) string {
	if p != nil && p.Version != "" {
		return p.Version
	}
	return store.GetWAVersion().String()
}
