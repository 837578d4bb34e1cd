package outlets

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// store keeps the settings of sessions.
type store struct {
	db    *dbutil.Database
	vault *vault.Vault
	now   func() time.Time
}

// key names the settings of a session.
type key struct{ session, transport string }

// row is stored settings.
type row struct {
	key
	Own
}

// place identifies an encrypted value.
type place struct {
	URL     string                     `json:"url"`
	Options map[string]json.RawMessage `json:"options"`
}

func openStore(ctx context.Context, db *dbutil.Database, cfg Config) (*store, error) {
	sealed, err := vault.New(cfg.Key, cfg.PreviousKeys...)
	if err != nil {
		return nil, fmt.Errorf("outlets: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("outlets: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "outlets", files)
	if err != nil {
		return nil, fmt.Errorf("outlets: %w", err)
	}
	if err = sealed.Reseal(ctx, owned, vault.Column{Table: "outlets", Name: "place", Of: []string{"session", "transport"}}); err != nil {
		return nil, fmt.Errorf("outlets: %w", err)
	}
	return &store{owned, sealed, cfg.Now}, nil
}

// readSettings returns the settings of a session, of all when session is empty, of one transport or, when that is empty, of all.
func (s *store) readSettings(ctx context.Context, of key) ([]row, error) {
	query, args := `SELECT session, transport, enabled, events, place, created, updated FROM outlets`, []any{}
	switch {
	case of.session != "" && of.transport != "":
		query, args = query+` WHERE session=$1 AND transport=$2`, []any{of.session, of.transport}
	case of.session != "":
		query, args = query+` WHERE session=$1`, []any{of.session}
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY session, transport`, args...)
	list, err := dbutil.NewRowIterWithError(rows, s.scanRow, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("outlets: read settings: %w", err)
	}
	return list, nil
}

func (s *store) scanRow(from dbutil.Scannable) (r row, err error) {
	var events string
	var sealed []byte
	var created, updated int64
	if err = from.Scan(&r.session, &r.transport, &r.Enabled, &events, &sealed, &created, &updated); err != nil {
		return r, err
	}
	if err = json.Unmarshal([]byte(events), &r.Events); err != nil {
		return r, err
	}
	text, err := s.vault.Open(sealed, r.session, r.transport)
	if err != nil {
		return r, err
	}
	var p place
	err = json.Unmarshal([]byte(text), &p)
	r.URL, r.Options = p.URL, p.Options
	r.Created, r.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return r, err
}

// writeSettings stores settings and notes when.
func (s *store) writeSettings(ctx context.Context, r *row) error {
	r.Updated = s.now().UTC().Truncate(time.Millisecond)
	if r.Created.IsZero() {
		r.Created = r.Updated
	}
	events, err := json.Marshal(r.Events)
	if err != nil {
		return fmt.Errorf("outlets: %w", err)
	}
	text, err := json.Marshal(place{r.URL, r.Options})
	if err != nil {
		return fmt.Errorf("outlets: %w", err)
	}
	_, err = s.db.Exec(ctx, `INSERT INTO outlets (session, transport, enabled, events, place, created, updated) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (session, transport) DO UPDATE SET enabled=excluded.enabled, events=excluded.events, place=excluded.place, updated=excluded.updated`,
		r.session, r.transport, r.Enabled, string(events), s.vault.Seal(string(text), r.session, r.transport), r.Created.UnixMilli(), r.Updated.UnixMilli())
	if err != nil {
		return fmt.Errorf("outlets: store settings: %w", err)
	}
	return nil
}

// removeSettings deletes the settings of a session for one transport and reports whether there were any.
func (s *store) removeSettings(ctx context.Context, of key) (bool, error) {
	result, err := s.db.Exec(ctx, `DELETE FROM outlets WHERE session=$1 AND transport=$2`, of.session, of.transport)
	if err != nil {
		return false, fmt.Errorf("outlets: delete settings: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (s *store) removeSession(ctx context.Context, session string) error {
	if _, err := database.Exec(ctx, s.db, `DELETE FROM outlets WHERE session=$1`, session); err != nil {
		return fmt.Errorf("outlets: delete settings: %w", err)
	}
	return nil
}
