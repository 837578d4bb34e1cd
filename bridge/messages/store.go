package messages

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Errors of reads. Every other error is the database's.
var (
	// ErrNotFound: there is no such message or chat.
	ErrNotFound = errors.New("messages: not found")
	// ErrAmbiguous: the message id occurs in several chats and none was named.
	ErrAmbiguous = errors.New("messages: the message id occurs in several chats")
)

// Store holds the messages of all sessions. Its methods may be called from many
// goroutines; those that write join the transaction of their context.
type Store struct {
	db    *dbutil.Database
	hints hints
}

// Open brings the tables up to date and returns the store.
func Open(ctx context.Context, db *dbutil.Database) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "messages", files)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return &Store{db: owned}, nil
}

// inTransaction runs fn in the transaction of ctx, or in one of its own.
func (s *Store) inTransaction(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	if err := database.Transact(ctx, s.db, fn); err != nil {
		return fmt.Errorf("messages: %s: %w", what, err)
	}
	return nil
}

func (s *Store) execQuery(ctx context.Context, query string, args ...any) error {
	_, err := s.db.Exec(ctx, query, args...)
	return err
}

// insertRow runs an INSERT and returns the number of the new row, which is in column;
// 0 when there was a conflict. SQLite knows the number without RETURNING, for which
// it fills a temporary table.
func (s *Store) insertRow(ctx context.Context, query, column string, args ...any) (row int64, err error) {
	if s.db.Dialect != dbutil.SQLite {
		err = s.db.QueryRow(ctx, query+` RETURNING `+column, args...).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, nil
		}
		return row, err
	}
	result, err := s.db.Exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	return result.LastInsertId()
}

// details are the tables that hang on a message by chat and id.
var details = []string{"messages_receipts", "messages_reactions", "messages_votes"}

// Holds reports whether anything is stored of a session.
func (s *Store) Holds(ctx context.Context, session string) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM messages_chats WHERE session=$1 LIMIT 1) AS stored`, session).Scan(&n)
	return n > 0, err
}

// purgeChats is how many chats Purge deletes with one statement.
const purgeChats = 200

// Purge deletes everything of a session. A chat that another transaction creates meanwhile stays, whole.
func (s *Store) Purge(ctx context.Context, session string) error {
	return s.inTransaction(ctx, "purge", func(ctx context.Context) error {
		lock := ""
		if s.db.Dialect != dbutil.SQLite {
			lock = ` FOR UPDATE`
		}
		chats, err := scanChatID.NewRowIter(s.db.Query(ctx, `SELECT chat_id FROM messages_chats WHERE session=$1 ORDER BY chat_id`+lock, session)).AsList()
		if err != nil {
			return err
		}
		for part := range slices.Chunk(chats, purgeChats) {
			if err := s.purgeChats(ctx, part); err != nil {
				return err
			}
		}
		for _, query := range []string{
			`DELETE FROM messages_search WHERE session=$1 AND NOT EXISTS (SELECT 1 FROM messages_messages m WHERE m.row_id=messages_search.row_id)`,
			`DELETE FROM messages_aliases WHERE session=$1 AND NOT EXISTS (SELECT 1 FROM messages_chats c WHERE c.chat_id=messages_aliases.chat_id)`,
		} {
			if err := s.execQuery(ctx, query, session); err != nil {
				return err
			}
		}
		return nil
	})
}

// purgeChats deletes chats with all their rows, except their addresses and the search index.
func (s *Store) purgeChats(ctx context.Context, chats []int64) error {
	marks, args := make([]string, len(chats)), make([]any, len(chats))
	for i, chat := range chats {
		marks[i], args[i] = "$"+strconv.Itoa(i+1), chat
	}
	for _, table := range append([]string{"messages_messages", "messages_chats"}, details...) {
		if err := s.execQuery(ctx, `DELETE FROM `+table+` WHERE chat_id IN (`+strings.Join(marks, ",")+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

// sortedUnique returns ids in order and each once: transactions that write rows of several ids take them in this order.
func sortedUnique(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

func millis(t time.Time) int64 {
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
