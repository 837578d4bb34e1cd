package database

import (
	"context"
	"fmt"
	"io/fs"

	"go.mau.fi/util/dbutil"
)

// Migrate brings one owner's tables up to date and returns the handle that the
// owner uses from then on; it shares connections and transactions with db.
//
// files holds the owner's migrations at its root, one file a version in dbutil's
// form (first line "-- v1 -> v2: what"). Which version is installed stands in the
// table <owner>_version.
func Migrate(ctx context.Context, db *dbutil.Database, owner string, files fs.FS) (table *dbutil.Database, err error) {
	readable, ok := files.(interface {
		fs.ReadFileFS
		fs.ReadDirFS
	})
	if !ok {
		return nil, fmt.Errorf("database: migrations of %s: the file system cannot list files", owner)
	}
	defer func() {
		// dbutil panics on a malformed migration file.
		if r := recover(); r != nil {
			err = fmt.Errorf("database: migrations of %s: %v", owner, r)
		}
	}()
	owned := db.Child(owner+"_version", dbutil.BuildUpgradeTable().WithFS(readable).Finish(), nil)
	if db.Dialect == dbutil.Postgres {
		// Nodes that start together wait for each other here; the whole upgrade is one
		// transaction, which dbutil's own transactions join.
		err = db.DoTxn(ctx, nil, func(ctx context.Context) error {
			if _, err := db.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "migrate "+owner); err != nil {
				return err
			}
			return owned.Upgrade(ctx)
		})
	} else {
		err = owned.Upgrade(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("database: migrations of %s: %w", owner, err)
	}
	return owned, nil
}
