package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

const (
	deleteAllTimeout = 2 * time.Minute
	restartTimeout   = 2 * time.Minute // dial, login and five collections
	pairingTimeout   = time.Minute     // dial, handshake and WhatsApp's answer
	// restartWait bounds how long session.restart waits for the login.
	restartWait = 30 * time.Second
)

type statusResult struct {
	Status sessionStatus `json:"status" doc:"as session.getStatus"`
}

type sessionConnectParams struct {
	Rebind      bool    `json:"rebind" doc:"allow pairing with another number than bound_number; journal, messages and contacts of the old one are deleted once a phone has accepted; default false"`
	WaitSeconds float64 `json:"wait_seconds" rpc:"min=0,max=110" doc:"longest time to wait for the state after the login; default 0 = return at once"`
}

type sessionRestartParams struct {
	SyncAppState    bool `json:"sync_app_state" doc:"fetch all app state patches again; default false"`
	CheckPrekeys    bool `json:"check_prekeys" doc:"upload pre-keys when WhatsApp has few; default false"`
	RefreshPrivacy  bool `json:"refresh_privacy" doc:"read the privacy settings again; default false"`
	RequestRecovery bool `json:"request_recovery" doc:"request a snapshot from the phone for a patch that fails; default false"`
}

type sessionRestartResult struct {
	WasConnected    bool             `json:"was_connected" doc:"before"`
	WasLoggedIn     bool             `json:"was_logged_in" doc:"before"`
	Status          sessionStatus    `json:"status" doc:"as session.getStatus, afterwards"`
	AppState        []appStateReport `json:"app_state" doc:"per patch"`
	Prekeys         *prekeyReport    `json:"prekeys" doc:"null unless requested"`
	Privacy         *privacyReport   `json:"privacy" doc:"null unless requested"`
	DurationSeconds float64          `json:"duration_seconds" doc:"whole run"`
}

type appStateReport struct {
	Name              string  `json:"name" doc:"patch"`
	OK                bool    `json:"ok" doc:"fetched"`
	Error             *string `json:"error" doc:"why not"`
	DurationSeconds   float64 `json:"duration_seconds" doc:"duration of the call"`
	RecoveryRequested bool    `json:"recovery_requested" doc:"the phone was asked for a snapshot"`
}

type prekeyReport struct {
	Checked         bool    `json:"checked" doc:"number of pre-keys at WhatsApp is known"`
	ServerCount     int     `json:"server_count" doc:"how many"`
	UploadTriggered bool    `json:"upload_triggered" doc:"new ones were uploaded"`
	Error           *string `json:"error" doc:"why not"`
}

type privacyReport struct {
	Fetched bool    `json:"fetched" doc:"read"`
	Error   *string `json:"error" doc:"why not"`
}

type pairingCodeParams struct {
	Phone  string `json:"phone" rpc:"required,max=32" doc:"international number of the account, digits only"`
	Rebind bool   `json:"rebind" doc:"as in session.connect; default false"`
	Notify *bool  `json:"notify" doc:"show the prompt on the phone; default true"`
}

type pairingCodeResult struct {
	Code      string    `json:"code" doc:"form XXXX-XXXX"`
	ExpiresAt time.Time `json:"expires_at" doc:"end of the pairing"`
}

func registerSessionConnection(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.connect", Timeout: restartTimeout, Summary: "Open the connection; with stored keys it resumes, else it starts pairing."}, connectSession)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.disconnect", Summary: "Close the connection and stay paired."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (statusResult, error) {
			if err := s.Disconnect(ctx); err != nil {
				return statusResult{}, err
			}
			return statusResult{Status: shapeStatus(s.Status())}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.restart", Timeout: restartTimeout, Summary: "Disconnect and reconnect, optionally re-reading app state, pre-keys and privacy settings."}, restartSession)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.logout", Summary: "Unlink this device from the WhatsApp account and delete its keys; the session record stays."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (statusResult, error) {
			if err := s.Logout(ctx); err != nil {
				return statusResult{}, err
			}
			return statusResult{Status: shapeStatus(s.Status())}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.getQrCode", Summary: "Return the pairing QR code as text and as image."},
		func(_ context.Context, s *bridge.Session, _ *shared.None) (qrCode, error) { return shapeQR(s) })
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.requestPairingCode", Timeout: pairingTimeout, Summary: "Request a pairing code, which is entered on the phone instead of scanning a QR code."},
		func(ctx context.Context, s *bridge.Session, p *pairingCodeParams) (pairingCodeResult, error) {
			code, expires, err := s.RequestPairingCodeWith(ctx, p.Phone, p.Notify == nil || *p.Notify, bridge.ConnectOptions{Rebind: p.Rebind})
			return pairingCodeResult{Code: code, ExpiresAt: expires.UTC()}, err
		})
}

func connectSession(ctx context.Context, s *bridge.Session, p *sessionConnectParams) (statusResult, error) {
	if err := s.ConnectWith(ctx, bridge.ConnectOptions{Rebind: p.Rebind}); err != nil {
		return statusResult{}, err
	}
	st := s.Status()
	if p.WaitSeconds > 0 {
		wait, cancel := context.WithTimeout(ctx, time.Duration(p.WaitSeconds*float64(time.Second)))
		defer cancel()
		// The end of the wait is no failure: the result is the state at that time.
		st, _ = s.Wait(wait, bridge.Status.Settled)
	}
	return statusResult{Status: shapeStatus(st)}, nil
}

func restartSession(ctx context.Context, s *bridge.Session, p *sessionRestartParams) (sessionRestartResult, error) {
	start, before := time.Now(), s.Status()
	out := sessionRestartResult{WasConnected: before.Connected, WasLoggedIn: before.LoggedIn, AppState: []appStateReport{}}
	if err := s.Restart(ctx); err != nil {
		return out, err
	}
	wait, cancel := context.WithTimeout(ctx, restartWait)
	defer cancel()
	st, _ := s.Wait(wait, bridge.Status.Settled)
	if st.LoggedIn && (p.SyncAppState || p.CheckPrekeys || p.RefreshPrivacy) {
		refreshed, err := s.Account().Refresh(ctx, account.RefreshOptions{
			AppState: p.SyncAppState, PreKeys: p.CheckPrekeys, Privacy: p.RefreshPrivacy, RequestRecovery: p.RequestRecovery,
		})
		if err != nil {
			return out, err
		}
		out.report(refreshed)
	}
	out.Status = shapeStatus(s.Status())
	out.DurationSeconds = time.Since(start).Seconds()
	return out, nil
}

func (r *sessionRestartResult) report(done *account.Refreshed) {
	r.AppState = append(r.AppState, appStateReports(done.AppState)...)
	if k := done.PreKeys; k != nil {
		r.Prekeys = &prekeyReport{Checked: k.Err == nil, ServerCount: k.ServerCount, UploadTriggered: k.Uploaded, Error: failure(k.Err)}
	}
	if v := done.Privacy; v != nil {
		r.Privacy = &privacyReport{Fetched: v.Err == nil, Error: failure(v.Err)}
	}
}

func appStateReports(parts []account.AppStateReport) (reports []appStateReport) {
	for _, part := range parts {
		reports = append(reports, appStateReport{
			Name: part.Name, OK: part.Err == nil, Error: failure(part.Err), DurationSeconds: part.Duration.Seconds(),
			RecoveryRequested: part.RecoveryRequested,
		})
	}
	return reports
}

func failure(err error) *string {
	if err == nil {
		return nil
	}
	text := publicText(err)
	return &text
}
