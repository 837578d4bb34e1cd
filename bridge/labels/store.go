package labels

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Limits bound what is stored for one session. A zero field has its default.
type Limits struct {
	Labels int // labels. Default 1000; WhatsApp's apps permit 20
	Uses   int // chats and messages with a label, for all labels. Default 100000
}

const (
	defaultLabels = 1000
	defaultUses   = 100_000
)

// Store has the labels of all sessions. Its methods may be called from many goroutines.
type Store struct {
	db     *dbutil.Database
	limits Limits
}

// Open brings the tables up to date and returns the store.
func Open(ctx context.Context, db *dbutil.Database, limits Limits) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "labels", files)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	return &Store{db: owned, limits: Limits{Labels: cmp.Or(limits.Labels, defaultLabels), Uses: cmp.Or(limits.Uses, defaultUses)}}, nil
}

// Label is a label with the number of chats that carry it.
type Label struct {
	ID           string    `json:"label_id" doc:"id"`
	Name         string    `json:"name" doc:"name"`
	Color        int       `json:"color" doc:"0-19"`
	ColorHex     string    `json:"color_hex" doc:"#RRGGBB of that index"`
	PredefinedID *int      `json:"predefined_id" doc:"WhatsApp's own labels; else null"`
	ChatCount    int       `json:"chat_count" doc:"chats that carry it"`
	Synced       bool      `json:"synced" doc:"also a WhatsApp Business label"`
	CreatedAt    time.Time `json:"created_at" doc:"first seen"`
	UpdatedAt    time.Time `json:"updated_at" doc:"last change"`
}

// use is a chat or a message that carries a label.
type use struct{ label, chat, message string }

var scanLabel = dbutil.ConvertRowFn[*Label](func(row dbutil.Scannable) (*Label, error) {
	var l Label
	var predefined int
	var created, updated int64
	err := row.Scan(&l.ID, &l.Name, &l.Color, &predefined, &l.Synced, &created, &updated, &l.ChatCount)
	l.ColorHex, l.CreatedAt, l.UpdatedAt = hexOf(l.Color), time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	if predefined != 0 {
		l.PredefinedID = &predefined
	}
	return &l, err
})

var scanUse = dbutil.ConvertRowFn[use](func(row dbutil.Scannable) (u use, err error) {
	return u, row.Scan(&u.label, &u.chat, &u.message)
})

// listLabels returns the labels of a session, by name.
func (s *Store) listLabels(ctx context.Context, session string) ([]*Label, error) {
	const query = `
		SELECT id, name, color, predefined, synced, created_at, updated_at,
			(SELECT COUNT(*) FROM label_uses WHERE label_uses.session=labels.session AND label=id AND message='')
		FROM labels WHERE session=$1 ORDER BY name, id
	`
	return scanLabel.NewRowIter(s.db.Query(ctx, query, session)).AsList()
}

// insertLabel stores a new label and returns false if the id is in use.
func (s *Store) insertLabel(ctx context.Context, session string, l *Label) (bool, error) {
	const query = `
		INSERT INTO labels (session, id, name, color, predefined, synced, created_at, updated_at) VALUES ($1, $2, $3, $4, 0, $5, $6, $6)
		ON CONFLICT (session, id) DO NOTHING
	`
	result, err := s.db.Exec(ctx, query, session, l.ID, l.Name, l.Color, l.Synced, l.UpdatedAt.UnixMilli())
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}

const putLabel = `
	INSERT INTO labels (session, id, name, color, predefined, synced, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
	ON CONFLICT (session, id) DO UPDATE SET name=excluded.name, color=excluded.color, predefined=excluded.predefined, synced=excluded.synced,
		updated_at=excluded.updated_at
`

// putLabel stores a label, in place of one with the same id.
func (s *Store) putLabel(ctx context.Context, session string, l *Label) error {
	predefined := 0
	if l.PredefinedID != nil {
		predefined = *l.PredefinedID
	}
	_, err := s.db.Exec(ctx, putLabel, session, l.ID, l.Name, l.Color, predefined, l.Synced, l.UpdatedAt.UnixMilli())
	return err
}

// removeLabel removes a label from the session and from all that carry it.
func (s *Store) removeLabel(ctx context.Context, session, id string) error {
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `DELETE FROM label_uses WHERE session=$1 AND label=$2`, session, id)
		if err == nil {
			_, err = s.db.Exec(ctx, `DELETE FROM labels WHERE session=$1 AND id=$2`, session, id)
		}
		return err
	})
}

// usesOf returns the labels of chats, or of messages in one chat: all of the session without chats.
func (s *Store) usesOf(ctx context.Context, session string, chats ...string) ([]use, error) {
	query, args := `SELECT label, chat, message FROM label_uses WHERE session=$1`, []any{session}
	for i, chat := range chats {
		glue := ", "
		if i == 0 {
			glue = " AND chat IN ("
		}
		query += fmt.Sprintf("%s$%d", glue, i+2)
		args = append(args, chat)
	}
	if len(chats) > 0 {
		query += ")"
	}
	return scanUse.NewRowIter(s.db.Query(ctx, query+" ORDER BY label, chat, message", args...)).AsList()
}

// countUses returns how many chats and messages of a session carry a label.
func (s *Store) countUses(ctx context.Context, session string) (n int, err error) {
	return n, s.db.QueryRow(ctx, `SELECT COUNT(*) FROM label_uses WHERE session=$1`, session).Scan(&n)
}

// setUses puts labels on chats and messages and takes others off.
func (s *Store) setUses(ctx context.Context, session string, synced bool, added, removed []use) error {
	const insert = `INSERT INTO label_uses (session, label, chat, message, synced) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session, label, chat, message) DO UPDATE SET synced=excluded.synced`
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, u := range removed {
			if _, err := s.db.Exec(ctx, `DELETE FROM label_uses WHERE session=$1 AND label=$2 AND chat=$3 AND message=$4`, session, u.label, u.chat, u.message); err != nil {
				return err
			}
		}
		for _, u := range added {
			if _, err := s.db.Exec(ctx, insert, session, u.label, u.chat, u.message, synced); err != nil {
				return err
			}
		}
		return nil
	})
}

// replaceSynced runs fn, which stores the entries of a complete read, after it has removed those of earlier reads.
func (s *Store) replaceSynced(ctx context.Context, session string, fn func(ctx context.Context) error) error {
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, query := range []string{`DELETE FROM label_uses WHERE session=$1 AND synced`, `DELETE FROM labels WHERE session=$1 AND synced`} {
			if _, err := s.db.Exec(ctx, query, session); err != nil {
				return err
			}
		}
		return fn(ctx)
	})
}

// ChatLabels returns the ids of the labels that chats carry, by the chats' addresses: of all chats of a session without chats.
func (s *Store) ChatLabels(ctx context.Context, session string, chats ...string) (map[string][]string, error) {
	byChat, _, err := s.Carried(ctx, session, chats...)
	return byChat, err
}

// Carried returns the ids of the labels that chats carry, by the chats' addresses, and those that messages in them carry, by message id and
// then by the address of the chat: of all chats of a session without chats.
func (s *Store) Carried(ctx context.Context, session string, chats ...string) (byChat map[string][]string, byMessage map[string]map[string][]string, err error) {
	uses, err := s.usesOf(ctx, session, chats...)
	if err != nil {
		return nil, nil, fmt.Errorf("labels: read the labels of chats: %w", err)
	}
	byChat, byMessage = map[string][]string{}, map[string]map[string][]string{}
	for _, u := range uses {
		carried := byChat
		if u.message != "" {
			if byMessage[u.message] == nil {
				byMessage[u.message] = map[string][]string{}
			}
			carried = byMessage[u.message]
		}
		carried[u.chat] = append(carried[u.chat], u.label) // label, chat and message are the key of the table
	}
	return byChat, byMessage, nil
}

// Purge deletes the labels of a session.
func (s *Store) Purge(ctx context.Context, session string) error {
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, query := range []string{`DELETE FROM label_uses WHERE session=$1`, `DELETE FROM labels WHERE session=$1`} {
			if _, err := s.db.Exec(ctx, query, session); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("labels: purge: %w", err)
	}
	return nil
}
