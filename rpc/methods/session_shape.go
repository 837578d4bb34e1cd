package methods

import (
	"context"
	"encoding/base64"
	"time"

	"rsc.io/qr"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/outlets"
)

// sessionStatus is the status object of a session.
type sessionStatus struct {
	State               string       `json:"state" doc:"created, pairing, connecting, connected, disconnected, logged_out, replaced, banned or outdated, as events name it"`
	Connected           bool         `json:"connected" doc:"socket is open"`
	LoggedIn            bool         `json:"logged_in" doc:"paired and authenticated"`
	Health              string       `json:"health" doc:"unknown, no_client, disconnected, connected_not_logged_in or connected"`
	JID                 *string      `json:"jid" doc:"own JID; null before pairing"`
	BoundNumber         *string      `json:"bound_number" doc:"number the session belongs to since it was first paired; null = none. Another one needs rebind"`
	LastConnectedAt     *time.Time   `json:"last_connected_at" doc:"null = never"`
	AutoReconnect       bool         `json:"auto_reconnect" doc:"effective setting"`
	ReconnectErrorCount int          `json:"reconnect_error_count" doc:"failures since the last success"`
	UptimeSeconds       int64        `json:"uptime_seconds" doc:"since the connection opened"`
	Reason              *string      `json:"reason" doc:"why the session is in this state, as events name it; stopped and logout are by command"`
	Since               time.Time    `json:"since" doc:"time of the change to this state"`
	BannedUntil         *time.Time   `json:"banned_until" doc:"state banned only; null = not known"`
	RetryAt             *time.Time   `json:"retry_at" doc:"next automatic connect; null = none planned"`
	Pairing             *pairingStep `json:"pairing" doc:"state pairing only"`

	ReachoutTimelock reachoutTimelock `json:"reachout_timelock" doc:"WhatsApp's restriction on messages to new contacts, as last stated by WhatsApp to this process"`
	HistorySync      *historySync     `json:"history_sync" doc:"latest chunk of history that was stored; null = none since this process started"`
}

// reachoutTimelock is the account's reach-out timelock.
type reachoutTimelock struct {
	Active bool       `json:"active" doc:"true = messages to people without a chat with the account are refused with the reason reachout_timelock; existing chats and groups are not affected"`
	Until  *time.Time `json:"until" doc:"its end; null = not active, or not stated by WhatsApp"`
	Reason *string    `json:"reason" doc:"WhatsApp's word for the cause, enforcement_type of the event AccountReachoutTimelock; null = none stated"`
}

// historySync is the progress of the history sync that follows a pairing.
type historySync struct {
	SyncType   string    `json:"sync_type" doc:"kind of the chunk, as in the event HistorySync"`
	Progress   int       `json:"progress" doc:"percent of this kind that the phone has sent, as the phone states it"`
	ChunkOrder int       `json:"chunk_order" doc:"number of the chunk within its kind"`
	At         time.Time `json:"at" doc:"when it was stored"`
}

func shapeStatus(st bridge.Status) sessionStatus {
	out := sessionStatus{
		State: string(st.State), Connected: st.Connected, LoggedIn: st.LoggedIn, Health: health(st),
		LastConnectedAt: shared.OptionalTime(st.LastConnectedAt), AutoReconnect: st.AutoReconnect, ReconnectErrorCount: st.ReconnectErrors,
		Reason: shared.Optional(st.Reason), Since: st.Since.UTC(), BannedUntil: shared.OptionalTime(st.Until), RetryAt: shared.OptionalTime(st.RetryAt),
	}
	if !st.JID.IsEmpty() {
		out.JID = shared.Optional(st.JID.String())
	}
	if !st.BoundTo.IsEmpty() {
		out.BoundNumber = shared.Optional(st.BoundTo.User)
	}
	if !st.ConnectedAt.IsZero() {
		out.UptimeSeconds = int64(time.Since(st.ConnectedAt).Seconds())
	}
	out.Pairing = shapePairing(st)
	out.ReachoutTimelock = reachoutTimelock{Active: st.Reachout.Active, Until: shared.OptionalTime(st.Reachout.Until), Reason: shared.Optional(st.Reachout.EnforcementType)}
	if h := st.History; !h.At.IsZero() {
		out.HistorySync = &historySync{SyncType: h.SyncType, Progress: h.Progress, ChunkOrder: h.ChunkOrder, At: h.At.UTC()}
	}
	return out
}

func health(st bridge.Status) string {
	switch {
	case st.LoggedIn && st.Connected:
		return "connected"
	case st.Connected:
		return "connected_not_logged_in"
	case st.HasClient:
		return "disconnected"
	}
	return "no_client"
}

// sessionObject is the session object of results.
type sessionObject struct {
	SessionID      string        `json:"session_id" doc:"id"`
	Name           string        `json:"name" doc:"display name"`
	AccountID      *string       `json:"account_id" doc:"owner; null = the server itself"`
	JID            *string       `json:"jid" doc:"own JID; null before pairing"`
	LID            *string       `json:"lid" doc:"own LID"`
	PushName       *string       `json:"push_name" doc:"own display name"`
	PhoneNumber    *string       `json:"phone_number" doc:"digits"`
	Platform       *string       `json:"platform" doc:"phone platform"`
	PictureURL     *string       `json:"picture_url" doc:"own picture, when known"`
	Status         sessionStatus `json:"status" doc:"as session.getStatus"`
	QRCode         *qrCode       `json:"qr_code,omitempty" doc:"only when requested"`
	TokenExpiresAt *time.Time    `json:"token_expires_at" doc:"null = never"`
	CreatedAt      time.Time     `json:"created_at" doc:"creation"`
	UpdatedAt      time.Time     `json:"updated_at" doc:"last change"`
	*sessionFull
}

// sessionFull contains the members of a session object beyond the short form.
type sessionFull struct {
	Settings      sessionconfig.Settings       `json:"settings" doc:"session_settings object"`
	Proxy         proxy.Proxy                  `json:"proxy" doc:"password masked"`
	Webhooks      []webhookObject              `json:"webhooks" doc:"webhook objects, the default one first"`
	Transports    map[string]transportSettings `json:"transports" doc:"own transports by name, as transport.getSettings"`
	Storage       storageObject                `json:"storage" doc:"as storage.getSettings"`
	ClientProfile *sessionconfig.ClientProfile `json:"client_profile" doc:"device identity shown to WhatsApp; null = the default"`
}

// addDetails adds webhooks, transports and object storage to full session objects.
func (d Deps) addDetails(ctx context.Context, sessions ...sessionObject) error {
	ids := make([]string, 0, len(sessions))
	for i := range sessions {
		if sessions[i].sessionFull != nil {
			ids = append(ids, sessions[i].SessionID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	lists, err := d.Webhooks.ListMany(ctx, ids)
	if err != nil {
		return err
	}
	var transports map[string]map[string]outlets.Own
	if d.Outlets != nil {
		if transports, err = d.Outlets.ListSettings(ctx, ids); err != nil {
			return err
		}
	}
	for i := range sessions {
		if full, id := sessions[i].sessionFull, sessions[i].SessionID; full != nil {
			full.Webhooks = d.shapeWebhooks(lists[id])
			for name, own := range transports[id] {
				full.Transports[name] = shapeOwnTransport(&own)
			}
			if d.Storage != nil {
				full.Storage = d.shapeStorage(id)
			}
		}
	}
	return nil
}

func (d Deps) shapeSession(s *bridge.Session, full bool) sessionObject {
	st := s.Status()
	created, updated := s.Times()
	owner := ""
	if d.Owners != nil {
		owner = d.Owners.OwnerOf(s.ID())
	}
	out := sessionObject{
		SessionID: s.ID(), AccountID: shared.Optional(owner), Name: s.Name(), PushName: shared.Optional(st.PushName), Platform: shared.Optional(st.Platform),
		Status: shapeStatus(st), CreatedAt: created.UTC(), UpdatedAt: updated.UTC(),
	}
	out.JID = out.Status.JID
	if !st.JID.IsEmpty() {
		out.PhoneNumber = shared.Optional(st.JID.User)
	}
	if !st.LID.IsEmpty() {
		out.LID = shared.Optional(st.LID.String())
	}
	if full {
		out.sessionFull = &sessionFull{Settings: s.Settings(), Proxy: s.Proxy(), Transports: map[string]transportSettings{}, ClientProfile: s.ClientProfile()}
	}
	return out
}

// qrCode is a pairing code as text and picture.
type qrCode struct {
	Code      string     `json:"code" doc:"raw pairing text; empty while there is none"`
	Image     string     `json:"image" doc:"PNG as data URL; empty likewise"`
	ExpiresAt *time.Time `json:"expires_at" doc:"when the next code replaces it"`
	LoggedIn  bool       `json:"logged_in" doc:"true = nothing to scan"`
}

// qrScale is the size of one module of the picture, in pixels: a code is then
// some 500 pixels wide.
const qrScale = 8

// addQRCode adds the QR code of a session that waits for pairing.
func (o *sessionObject) addQRCode(s *bridge.Session) error {
	if s.QR().Text == "" {
		return nil
	}
	code, err := shapeQR(s)
	o.QRCode = &code
	return err
}

func shapeQR(s *bridge.Session) (qrCode, error) {
	code := s.QR()
	out := qrCode{Code: code.Text, LoggedIn: s.Status().LoggedIn}
	if code.Text == "" {
		return out, nil
	}
	picture, err := qr.Encode(code.Text, qr.L)
	if err != nil {
		return out, err
	}
	picture.Scale = qrScale
	out.Image = "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture.PNG())
	out.ExpiresAt = shared.OptionalTime(code.ExpiresAt)
	return out, nil
}
