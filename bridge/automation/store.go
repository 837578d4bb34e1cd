package automation

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store has the settings, rules and answers of all sessions. Its methods may be called from many goroutines.
type Store struct {
	db    *dbutil.Database
	vault *vault.Vault // seals the keys of the background service
}

var keyColumn = vault.Column{Table: "automation_settings", Name: "remove_background_key", Of: []string{"session"}, Place: func(of []string) []string { return keyPlace(of[0]) }, Text: true}

func keyPlace(session string) []string { return []string{"remove_background_key", session} }

// Open brings the tables up to date and returns the store. Secrets sealed with a previous key are sealed with the present one.
func Open(ctx context.Context, db *dbutil.Database, sealed *vault.Vault) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("automation: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "automation", files)
	if err == nil {
		err = sealed.Reseal(ctx, owned, keyColumn)
	}
	if err != nil {
		return nil, fmt.Errorf("automation: %w", err)
	}
	return &Store{db: owned, vault: sealed}, nil
}

// Purge deletes all that is stored for a session.
func (s *Store) Purge(ctx context.Context, session string) error {
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, table := range []string{"settings", "rules", "tasks", "answers"} {
			if _, err := s.db.Exec(ctx, `DELETE FROM automation_`+table+` WHERE session=$1`, session); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("automation: purge: %w", err)
	}
	return nil
}

// readSettings returns the stored settings; stored is false for a session that has none.
func (s *Store) readSettings(ctx context.Context, session string) (set AssistantSettings, stored bool, err error) {
	set = DefaultSettings()
	var text, key string
	var created, updated int64
	err = s.db.QueryRow(ctx, `SELECT settings, remove_background_key, created_at, updated_at FROM automation_settings WHERE session=$1`, session).
		Scan(&text, &key, &created, &updated)
	if errors.Is(err, sql.ErrNoRows) {
		return set, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &set)
	}
	if err != nil {
		return set, false, err
	}
	createdAt, updatedAt := time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	set.CreatedAt, set.UpdatedAt = &createdAt, &updatedAt
	set.RemoveBackgroundKey, err = s.vault.OpenText(key, keyPlace(session)...)
	return set, true, err
}

func (s *Store) putSettings(ctx context.Context, session string, set AssistantSettings, now time.Time) error {
	key := s.vault.SealText(set.RemoveBackgroundKey, keyPlace(session)...)
	set.RemoveBackgroundKey, set.CreatedAt, set.UpdatedAt = "", nil, nil
	text, err := json.Marshal(set)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `
		INSERT INTO automation_settings (session, settings, remove_background_key, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (session) DO UPDATE SET settings=excluded.settings, remove_background_key=excluded.remove_background_key, updated_at=excluded.updated_at
	`, session, string(text), key, now.UnixMilli())
	return err
}

var scanRule = dbutil.ConvertRowFn[*Rule](func(row dbutil.Scannable) (*Rule, error) {
	var r Rule
	var content string
	var created int64
	err := row.Scan(&r.ID, &r.Keyword, &r.Match, &r.ChatType, &content, &created)
	r.Content, r.CreatedAt = json.RawMessage(content), time.UnixMilli(created).UTC()
	return &r, err
})

// listRules returns the rules of a session, oldest first.
func (s *Store) listRules(ctx context.Context, session string) ([]*Rule, error) {
	const query = `SELECT id, keyword, match, chat_type, content, created_at FROM automation_rules WHERE session=$1 ORDER BY created_at, id`
	return scanRule.NewRowIter(s.db.Query(ctx, query, session)).AsList()
}

func (s *Store) putRule(ctx context.Context, session string, r *Rule) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO automation_rules (session, id, keyword, match, chat_type, content, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (session, id) DO UPDATE SET keyword=excluded.keyword, match=excluded.match, chat_type=excluded.chat_type, content=excluded.content
	`, session, r.ID, r.Keyword, r.Match, r.ChatType, string(r.Content), r.CreatedAt.UnixMilli())
	return err
}

// deleteRules deletes one rule, or all with an empty id, and returns how many there were.
func (s *Store) deleteRules(ctx context.Context, session, id string) (int, error) {
	result, err := s.db.Exec(ctx, `DELETE FROM automation_rules WHERE session=$1 AND ($2='' OR id=$2)`, session, id)
	if err != nil {
		return 0, err
	}
	deleted, err := result.RowsAffected()
	return int(deleted), err
}

// addTask stores a task, in the transaction of ctx.
func (s *Store) addTask(ctx context.Context, session string, t *Task) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO automation_tasks (session, id, task, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (session, id) DO NOTHING`,
		session, t.ID, string(raw), time.Now().UnixMilli())
	return err
}

// nextTask returns the oldest task of a session; nil = none.
func (s *Store) nextTask(ctx context.Context, session string) (*Task, error) {
	var id, text string
	err := s.db.QueryRow(ctx, `SELECT id, task FROM automation_tasks WHERE session=$1 ORDER BY created_at, id LIMIT 1`, session).Scan(&id, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := &Task{}
	if err := json.Unmarshal([]byte(text), t); err != nil {
		t = &Task{} // dropped as too old
	}
	t.ID = id
	return t, nil
}

func (s *Store) dropTask(ctx context.Context, session, id string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM automation_tasks WHERE session=$1 AND id=$2`, session, id)
	return err
}

// Waiting returns the keys of the sessions with tasks.
func (s *Store) Waiting(ctx context.Context) ([]string, error) {
	scan := dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string])
	return scan.NewRowIter(s.db.Query(ctx, `SELECT DISTINCT session FROM automation_tasks`)).AsList()
}

// answer is an answer that was decided on.
type answer struct {
	ID      string // of the task
	Message string // id of the message
	Chat    string
	Asker   string
	At      time.Time
}

// addAnswer stores an answer before it is sent.
func (s *Store) addAnswer(ctx context.Context, session string, a *answer) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO automation_answers (session, id, message, chat, asker, answered_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (session, id) DO NOTHING
	`, session, a.ID, a.Message, a.Chat, a.Asker, a.At.UnixMilli())
	return err
}

// isAnswered reports whether the answer to a task was decided on.
func (s *Store) isAnswered(ctx context.Context, session, id string) (bool, error) {
	return s.exists(ctx, `SELECT 1 FROM automation_answers WHERE session=$1 AND id=$2`, session, id)
}

// isAnswer reports whether a message is an answer of any session of this database.
func (s *Store) isAnswer(ctx context.Context, message string) (bool, error) {
	return s.exists(ctx, `SELECT 1 FROM automation_answers WHERE message=$1 LIMIT 1`, message)
}

func (s *Store) exists(ctx context.Context, query string, args ...any) (bool, error) {
	var one int
	err := s.db.QueryRow(ctx, query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// counts are numbers of answers of a session.
type counts struct{ all, chat, chatDay, asker int }

// countAnswers counts the answers of the last hour, those of the last day in a chat, and those to an asker since a time.
func (s *Store) countAnswers(ctx context.Context, session string, a *answer, recent time.Time) (c counts, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN answered_at>$4 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN chat=$2 AND answered_at>$4 THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN chat=$2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN asker=$3 AND answered_at>$5 THEN 1 ELSE 0 END), 0)
		FROM automation_answers WHERE session=$1 AND answered_at>$6
	`, session, a.Chat, a.Asker, a.At.Add(-guardWindow).UnixMilli(), recent.UnixMilli(), a.At.Add(-keepAnswers).UnixMilli()).
		Scan(&c.all, &c.chat, &c.chatDay, &c.asker)
	return c, err
}

// forgetAnswers deletes the answers of a session before a time.
func (s *Store) forgetAnswers(ctx context.Context, session string, before time.Time) error {
	_, err := s.db.Exec(ctx, `DELETE FROM automation_answers WHERE session=$1 AND answered_at<$2`, session, before.UnixMilli())
	return err
}
