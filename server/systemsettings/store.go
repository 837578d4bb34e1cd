// Package systemsettings stores the settings of the installation that people change at run time.
//
// It must not know HTTP or accounts. Enter at Open.
package systemsettings

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
	_ "time/tzdata" // machines without a database of time zones, such as small containers

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// cacheFor is how long Zone and RegistrationOpen use what was read last; changes of other servers on the same database show after it.
const cacheFor = 5 * time.Second

// Store keeps the settings in one row.
type Store struct {
	db       *dbutil.Database
	defaults servermethods.SystemSettings

	mu     sync.Mutex
	cached servermethods.SystemSettings
	zone   *time.Location
	read   time.Time
}

var _ servermethods.SettingsStore = (*Store)(nil)

// Open creates or updates the table. defaults are in force until the first change.
func Open(ctx context.Context, db *dbutil.Database, defaults servermethods.SystemSettings) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("system settings: %w", err)
	}
	if db, err = database.Migrate(ctx, db, "system_settings", files); err != nil {
		return nil, fmt.Errorf("system settings: %w", err)
	}
	s := &Store{db: db, defaults: defaults, zone: time.UTC}
	_, err = s.Get(ctx)
	return s, err
}

// Get implements servermethods.SettingsStore.
func (s *Store) Get(ctx context.Context) (servermethods.SystemSettings, error) {
	settings, err := s.load(ctx)
	if err == nil {
		s.keep(settings)
	}
	return settings, err
}

func (s *Store) load(ctx context.Context) (servermethods.SystemSettings, error) {
	settings := s.defaults
	var data string
	var updated int64
	err := s.db.QueryRow(ctx, `SELECT data, updated FROM system_settings WHERE id=1`).Scan(&data, &updated)
	if errors.Is(err, sql.ErrNoRows) {
		return settings, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(data), &settings)
	}
	if err != nil {
		return settings, fmt.Errorf("system settings: %w", err)
	}
	at := time.UnixMilli(updated).UTC()
	settings.UpdatedAt = &at
	return settings, nil
}

func (s *Store) keep(settings servermethods.SystemSettings) {
	zone, err := time.LoadLocation(settings.Timezone)
	if err != nil {
		zone = time.UTC
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached, s.zone, s.read = settings, zone, time.Now()
}

// Update implements servermethods.SettingsStore.
func (s *Store) Update(ctx context.Context, change func(*servermethods.SystemSettings)) (settings servermethods.SystemSettings, err error) {
	err = s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if s.db.Dialect == dbutil.Postgres {
			if _, err := s.db.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('system_settings'))"); err != nil {
				return err
			}
		}
		if settings, err = s.load(ctx); err != nil {
			return err
		}
		change(&settings)
		now := time.Now().UTC().Truncate(time.Millisecond)
		settings.UpdatedAt = &now
		data, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `INSERT INTO system_settings (id, data, updated) VALUES (1, $1, $2)
			ON CONFLICT (id) DO UPDATE SET data=excluded.data, updated=excluded.updated`, string(data), now.UnixMilli())
		return err
	})
	if err != nil {
		return settings, fmt.Errorf("system settings: %w", err)
	}
	s.keep(settings)
	return settings, nil
}

// recent returns the settings as of some seconds ago at most; while the database fails, the last known ones.
func (s *Store) recent(ctx context.Context) (servermethods.SystemSettings, *time.Location) {
	s.mu.Lock()
	stale := time.Since(s.read) > cacheFor
	if stale {
		s.read = time.Now() // others use the old ones meanwhile
	}
	s.mu.Unlock()
	if stale {
		_, _ = s.Get(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached, s.zone
}

// Zone returns the time zone of the settings.
func (s *Store) Zone(ctx context.Context) *time.Location {
	_, zone := s.recent(ctx)
	return zone
}

// RegistrationOpen reports whether everybody may register an account.
func (s *Store) RegistrationOpen(ctx context.Context) bool {
	settings, _ := s.recent(ctx)
	return settings.RegistrationEnabled
}
