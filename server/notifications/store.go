// Package notifications stores the notices that the server and administrators leave for accounts.
//
// It must not know HTTP. Enter at Open.
package notifications

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DefaultMaxPerAccount is the number of notices that an account can have.
const DefaultMaxPerAccount = 500

// Store keeps notices.
type Store struct {
	db  *dbutil.Database
	max int
}

var _ servermethods.NoticeStore = (*Store)(nil)

// Open creates or updates the table. maxPerAccount is the number of notices of an account beyond which its oldest are dropped; 0 =
// DefaultMaxPerAccount.
func Open(ctx context.Context, db *dbutil.Database, maxPerAccount int) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	if db, err = database.Migrate(ctx, db, "notices", files); err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	if maxPerAccount <= 0 {
		maxPerAccount = DefaultMaxPerAccount
	}
	return &Store{db: db, max: maxPerAccount}, nil
}

// Add implements servermethods.NoticeStore.
func (s *Store) Add(ctx context.Context, accounts []string, n servermethods.Notice, topic string) (added int, err error) {
	link := ""
	if n.Link != nil {
		link = *n.Link
	}
	err = s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		added = 0
		for _, account := range accounts {
			result, err := s.db.Exec(ctx, `INSERT INTO notices (id, account, topic, title, message, level, link, seen, deleted, created)
				VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8) ON CONFLICT DO NOTHING`,
				ulid.Make().String(), account, topic, n.Title, n.Message, n.Level, link, time.Now().UnixMilli())
			if err != nil {
				return err
			}
			rows, err := result.RowsAffected()
			if err != nil {
				return err
			}
			added += int(rows)
			if _, err := s.db.Exec(ctx, `DELETE FROM notices WHERE account=$1 AND id IN
				(SELECT id FROM notices WHERE account=$1 ORDER BY id DESC LIMIT 1000 OFFSET $2)`, account, s.max); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("notifications: %w", err)
	}
	return added, nil
}

// List implements servermethods.NoticeStore.
func (s *Store) List(ctx context.Context, account string, unreadOnly bool, limit int) ([]servermethods.Notice, int, error) {
	list, unread := []servermethods.Notice{}, 0
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM notices WHERE account=$1 AND deleted=0 AND seen=0`, account).Scan(&unread)
	if err != nil {
		return nil, 0, fmt.Errorf("notifications: %w", err)
	}
	only := ""
	if unreadOnly {
		only = " AND seen=0"
	}
	rows, err := s.db.Query(ctx, `SELECT id, title, message, level, link, seen, created FROM notices WHERE account=$1 AND deleted=0`+only+` ORDER BY id DESC LIMIT $2`, account, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("notifications: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n servermethods.Notice
		var link string
		var seen int
		var created int64
		if err := rows.Scan(&n.ID, &n.Title, &n.Message, &n.Level, &link, &seen, &created); err != nil {
			return nil, 0, fmt.Errorf("notifications: %w", err)
		}
		n.Read, n.CreatedAt = seen != 0, time.UnixMilli(created).UTC()
		if account != "" {
			n.Account = &account
		}
		if link != "" {
			n.Link = &link
		}
		list = append(list, n)
	}
	return list, unread, rows.Err()
}

// MarkRead implements servermethods.NoticeStore.
func (s *Store) MarkRead(ctx context.Context, account string, ids []string) (int, error) {
	query, args := `UPDATE notices SET seen=1 WHERE account=$1 AND deleted=0 AND seen=0`, []any{account}
	if ids != nil {
		places := make([]string, len(ids))
		for i, id := range ids {
			args = append(args, id)
			places[i] = fmt.Sprintf("$%d", i+2)
		}
		if len(ids) == 0 {
			return 0, nil
		}
		query += ` AND id IN (` + strings.Join(places, ",") + `)`
	}
	return s.change(ctx, query, args...)
}

// Delete implements servermethods.NoticeStore.
func (s *Store) Delete(ctx context.Context, account, id string) (bool, error) {
	n, err := s.change(ctx, `UPDATE notices SET deleted=1, title='', message='', link='' WHERE account=$1 AND id=$2 AND deleted=0`, account, id)
	return n > 0, err
}

// DeleteAccount deletes the notices of a deleted account.
func (s *Store) DeleteAccount(ctx context.Context, account string) error {
	_, err := s.change(ctx, `DELETE FROM notices WHERE account=$1`, account)
	return err
}

func (s *Store) change(ctx context.Context, query string, args ...any) (int, error) {
	result, err := s.db.Exec(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("notifications: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}
