package directory

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/waystation/waystation/transports/kit/database"
	"go.mau.fi/util/dbutil"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the directory of all sessions. Its methods may be called from many goroutines.
type Store struct{ db *dbutil.Database }

// Open brings the tables up to date and returns the store.
func Open(ctx context.Context, db *dbutil.Database) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "directory", files)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return &Store{db: owned}, nil
}

// Purge forgets everything of a session.
func (s *Store) Purge(ctx context.Context, session string) error {
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, query := range []string{`DELETE FROM directory_groups WHERE session=$1`, `DELETE FROM directory_pairs WHERE session=$1`} {
			if _, err := s.db.Exec(ctx, query, session); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: purge: %w", err)
	}
	return nil
}
