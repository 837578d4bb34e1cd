package bridge

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded in the binary
	}
	return sub
}

// sessionRow is the database row of a session.
type sessionRow struct {
	ID              string
	Incarnation     string // see owner
	Name            string
	Device          types.JID // empty = not paired
	Identity        identity
	Wanted          bool      // connection requested by command
	HoldReason      string    // state that forbids automatic connects: a State, or ""
	HoldUntil       time.Time // zero = until a command
	Settings        sessionconfig.Settings
	Proxy           proxy.Proxy
	Profile         *sessionconfig.ClientProfile
	LastConnectedAt time.Time
	CreatedAt       time.Time
	UpdatedAt       time.Time
	DefaultTimer    time.Duration // timer of new chats; 0 = off
	DefaultTimerAt  time.Time     // time of the setting; zero = not known
	PairedAt        time.Time     // end of the last pairing; zero = not paired yet
}

// identity is the last known identity of the account.
type identity struct {
	LID          types.JID
	PushName     string
	Platform     string
	BusinessName string
}

// sessionStore executes the SQL of the bridge's own tables.
type sessionStore struct {
	db    *dbutil.Database
	vault *vault.Vault // seals the addresses of proxies
}

// proxyColumn contains the addresses of proxies, which may contain passwords.
var proxyColumn = vault.Column{Table: "bridge_sessions", Name: "proxy_url", Of: []string{"id"}, Place: func(of []string) []string { return proxyPlace(of[0]) }, Text: true}

func proxyPlace(session string) []string { return []string{"proxy_url", session} }

const sessionColumns = `id, incarnation, name, device_jid, device_lid, push_name, platform, business_name, wanted, hold_reason, hold_until, settings, proxy_enabled, proxy_url,
	client_profile, last_connected_at, created_at, updated_at, default_timer, default_timer_at, paired_at`

func (st sessionStore) scan(row dbutil.Scannable) (*sessionRow, error) {
	var r sessionRow
	var device, lid, settings, profile string
	var holdUntil, lastConnected, created, updated, timer, timerAt, paired int64
	err := row.Scan(&r.ID, &r.Incarnation, &r.Name, &device, &lid, &r.Identity.PushName, &r.Identity.Platform, &r.Identity.BusinessName, &r.Wanted, &r.HoldReason, &holdUntil, &settings, &r.Proxy.Enabled, &r.Proxy.URL,
		&profile, &lastConnected, &created, &updated, &timer, &timerAt, &paired)
	if err != nil {
		return nil, err
	}
	if r.Proxy.URL, err = st.vault.OpenText(r.Proxy.URL, proxyPlace(r.ID)...); err != nil {
		return nil, fmt.Errorf("read proxy of session %s: %w", r.ID, err)
	}
	if device != "" {
		if r.Device, err = types.ParseJID(device); err != nil {
			return nil, fmt.Errorf("read device of session %s: %w", r.ID, err)
		}
	}
	if lid != "" {
		if r.Identity.LID, err = types.ParseJID(lid); err != nil {
			return nil, fmt.Errorf("read LID of session %s: %w", r.ID, err)
		}
	}
	if r.Settings, err = sessionconfig.DecodeSettings(settings); err != nil {
		return nil, err
	}
	if profile != "" {
		r.Profile = new(sessionconfig.ClientProfile)
		if err = json.Unmarshal([]byte(profile), r.Profile); err != nil {
			return nil, fmt.Errorf("read client profile of session %s: %w", r.ID, err)
		}
	}
	r.HoldUntil, r.LastConnectedAt = fromMillis(holdUntil), fromMillis(lastConnected)
	r.CreatedAt, r.UpdatedAt = fromMillis(created), fromMillis(updated)
	r.DefaultTimer, r.DefaultTimerAt = time.Duration(timer)*time.Second, fromMillis(timerAt)
	r.PairedAt = fromMillis(paired)
	return &r, nil
}

func (st sessionStore) all(ctx context.Context) ([]*sessionRow, error) {
	rows, err := st.db.Query(ctx, "SELECT "+sessionColumns+" FROM bridge_sessions ORDER BY created_at, id")
	return dbutil.NewRowIterWithError(rows, st.scan, err).AsList()
}

// staysOut reports whether a session stays out of an outlet according to its stored settings; a deleted session stays
// out of all outlets. In the transaction of an event, it returns the state at the time of that event.
func (st sessionStore) staysOut(ctx context.Context, id, outlet string) (bool, error) {
	var stored string
	err := st.db.QueryRow(ctx, "SELECT settings FROM bridge_sessions WHERE id=$1", id).Scan(&stored)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	settings, err := sessionconfig.DecodeSettings(stored)
	return slices.Contains(settings.SkipGlobal, outlet), err
}

// put inserts or replaces all columns that commands may change. Columns that events change (device, hold, last
// connection) have statements of their own.
func (st sessionStore) put(ctx context.Context, r *sessionRow) error {
	settings, err := json.Marshal(r.Settings)
	if err != nil {
		return err
	}
	var profile []byte
	if r.Profile != nil {
		if profile, err = json.Marshal(r.Profile); err != nil {
			return err
		}
	}
	_, err = st.db.Exec(ctx, `
		INSERT INTO bridge_sessions (id, name, wanted, settings, proxy_enabled, proxy_url, client_profile, created_at, updated_at, incarnation)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET name=excluded.name, wanted=excluded.wanted, settings=excluded.settings,
			proxy_enabled=excluded.proxy_enabled, proxy_url=excluded.proxy_url, client_profile=excluded.client_profile,
			updated_at=excluded.updated_at`,
		r.ID, r.Name, r.Wanted, string(settings), r.Proxy.Enabled, st.vault.SealText(r.Proxy.URL, proxyPlace(r.ID)...), string(profile),
		toMillis(r.CreatedAt), toMillis(r.UpdatedAt), r.Incarnation)
	return err
}

func (st sessionStore) setDefaultTimer(ctx context.Context, id string, lifetime time.Duration, at time.Time) error {
	_, err := st.db.Exec(ctx, `UPDATE bridge_sessions SET default_timer=$2, default_timer_at=$3 WHERE id=$1`, id, int64(lifetime.Seconds()), toMillis(at))
	return err
}

func (st sessionStore) setWanted(ctx context.Context, id string, wanted bool) error {
	_, err := st.db.Exec(ctx,
		`UPDATE bridge_sessions SET wanted=$2, hold_reason='', hold_until=0, updated_at=$3 WHERE id=$1`,
		id, wanted, time.Now().UnixMilli())
	return err
}

func (st sessionStore) setHold(ctx context.Context, id string, reason State, until time.Time) error {
	_, err := st.db.Exec(ctx, `UPDATE bridge_sessions SET hold_reason=$2, hold_until=$3 WHERE id=$1`,
		id, string(reason), toMillis(until))
	return err
}

func (st sessionStore) setConnectedAt(ctx context.Context, id string, at time.Time) error {
	_, err := st.db.Exec(ctx, `UPDATE bridge_sessions SET last_connected_at=$2, hold_reason='', hold_until=0 WHERE id=$1`,
		id, toMillis(at))
	return err
}

// setDevice sets the session's device and the time of its pairing; an empty device removes it.
func (st sessionStore) setDevice(ctx context.Context, id string, device types.JID, pairedAt time.Time) error {
	_, err := st.db.Exec(ctx, `UPDATE bridge_sessions SET device_jid=$2, hold_reason='', hold_until=0, default_timer=0, default_timer_at=0, paired_at=$3 WHERE id=$1`,
		id, deviceString(device), toMillis(pairedAt))
	return err
}

func (st sessionStore) setIdentity(ctx context.Context, id string, who identity) error {
	_, err := st.db.Exec(ctx, `
		UPDATE bridge_sessions SET device_lid=$2, push_name=$3, platform=$4, business_name=$5 WHERE id=$1`,
		id, deviceString(who.LID), who.PushName, who.Platform, who.BusinessName)
	return err
}

// quarantine detaches the device from its session and stores the reason. The keys stay in their tables.
func (st sessionStore) quarantine(ctx context.Context, id string, device types.JID, reason string) error {
	return database.Transact(ctx, st.db, func(ctx context.Context) error {
		_, err := st.db.Exec(ctx, `
			INSERT INTO bridge_quarantine (device_jid, session, reason, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (device_jid) DO UPDATE SET session=excluded.session,
				reason=CASE WHEN excluded.reason='' THEN bridge_quarantine.reason ELSE excluded.reason END`,
			device.String(), id, reason, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		_, err = st.db.Exec(ctx, `UPDATE bridge_sessions SET device_jid='' WHERE id=$1 AND device_jid=$2`, id, device.String())
		return err
	})
}

// quarantined is a device whose link ended without a command.
type quarantined struct {
	Device    types.JID
	Session   string
	Reason    string
	CreatedAt time.Time
}

func (st sessionStore) quarantines(ctx context.Context, session string) ([]quarantined, error) {
	rows, err := st.db.Query(ctx, `
		SELECT device_jid, session, reason, created_at FROM bridge_quarantine
		WHERE $1='' OR session=$1 ORDER BY created_at, device_jid`, session)
	return dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (q quarantined, err error) {
		var at int64
		var device string
		if err = row.Scan(&device, &q.Session, &q.Reason, &at); err != nil {
			return q, err
		}
		q.CreatedAt = fromMillis(at)
		q.Device, err = types.ParseJID(device)
		return q, err
	}, err).AsList()
}

func (st sessionStore) release(ctx context.Context, device types.JID) error {
	_, err := st.db.Exec(ctx, `DELETE FROM bridge_quarantine WHERE device_jid=$1`, device.String())
	return err
}

func deviceString(jid types.JID) string {
	if jid.IsEmpty() {
		return ""
	}
	return jid.String()
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
