package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

const columns = `session, id, name, url, events, format, files, active, secret, previous_secret, previous_until, body_token, created, updated`

// Names of the encrypted columns in the vault. A stored secret decrypts under its column's name only.
const (
	fieldSecret    = "secret"
	fieldPrevious  = "previous_secret"
	fieldBodyToken = "body_token"
)

// read returns the webhooks of a session, of all if it is empty; the default one of each session first.
func (s *store) read(ctx context.Context, session string) ([]*Webhook, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM webhooks WHERE $1='' OR session=$1
		ORDER BY session, CASE WHEN id='default' THEN 0 ELSE 1 END, created, id`, session)
	list, err := dbutil.NewRowIterWithError(rows, s.scanRow, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("webhook: read: %w", err)
	}
	return list, nil
}

// statementSessions limits the sessions of one statement, because databases limit parameters.
const statementSessions = 500

// readMany returns the webhooks of some sessions, in the order of read.
func (s *store) readMany(ctx context.Context, sessions []string) ([]*Webhook, error) {
	var all []*Webhook
	for part := range slices.Chunk(sessions, statementSessions) {
		places, args := make([]string, len(part)), make([]any, len(part))
		for i, session := range part {
			places[i], args[i] = "$"+strconv.Itoa(i+1), session
		}
		rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM webhooks WHERE session IN (`+strings.Join(places, ",")+`)
			ORDER BY session, CASE WHEN id='default' THEN 0 ELSE 1 END, created, id`, args...)
		list, err := dbutil.NewRowIterWithError(rows, s.scanRow, err).AsList()
		if err != nil {
			return nil, fmt.Errorf("webhook: read: %w", err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// readOne returns nil if there is no such row.
func (s *store) readOne(ctx context.Context, key Key) (*Webhook, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM webhooks WHERE session=$1 AND id=$2`, key.Session, key.ID)
	list, err := dbutil.NewRowIterWithError(rows, s.scanRow, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("webhook: read: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

func (s *store) scanRow(row dbutil.Scannable) (*Webhook, error) {
	var w Webhook
	var events string
	var secret, previous, token []byte
	var until, created, updated int64
	err := row.Scan(&w.Session, &w.ID, &w.Name, &w.URL, &events, &w.Format, &w.Files, &w.Active, &secret, &previous, &until, &token, &created, &updated)
	if err != nil {
		return nil, err
	}
	if err = json.Unmarshal([]byte(events), &w.Events); err != nil {
		return nil, fmt.Errorf("events of %s: %w", w.ID, err)
	}
	for _, sealed := range []struct {
		field string
		bytes []byte
		into  *string
	}{{fieldSecret, secret, &w.Secret}, {fieldPrevious, previous, &w.PreviousSecret}, {fieldBodyToken, token, &w.BodyToken}} {
		if *sealed.into, err = s.vault.open(sealed.bytes, w.Key, sealed.field); err != nil {
			return nil, err
		}
	}
	if until != 0 {
		w.PreviousUntil = time.UnixMilli(until).UTC()
	}
	w.Created, w.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return &w, nil
}

func (s *store) write(ctx context.Context, w *Webhook) error {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return fmt.Errorf("webhook: write: %w", err)
	}
	var until int64
	if !w.PreviousUntil.IsZero() {
		until = w.PreviousUntil.UnixMilli()
	}
	_, err = s.execStatement(ctx, `INSERT INTO webhooks (`+columns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)
		ON CONFLICT (session, id) DO UPDATE SET name=excluded.name, url=excluded.url, events=excluded.events,
			format=excluded.format, files=excluded.files, active=excluded.active, secret=excluded.secret, previous_secret=excluded.previous_secret,
			previous_until=excluded.previous_until, body_token=excluded.body_token, updated=excluded.updated`,
		w.Session, w.ID, w.Name, w.URL, string(events), string(w.Format), string(cmp.Or(w.Files, FilesNone)), w.Active,
		s.vault.seal(w.Secret, w.Key, fieldSecret), s.vault.seal(w.PreviousSecret, w.Key, fieldPrevious), until,
		s.vault.seal(w.BodyToken, w.Key, fieldBodyToken), w.Created.UnixMilli(), w.Updated.UnixMilli())
	return err
}

// count returns the number of a session's webhooks besides the default one.
func (s *store) count(ctx context.Context, session string) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM webhooks WHERE session=$1 AND id<>'default'`, session).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("webhook: count: %w", err)
	}
	return n, nil
}

func (s *store) execStatement(ctx context.Context, query string, args ...any) (rows int64, err error) {
	result, err := database.Exec(ctx, s.db, query, args...)
	if err == nil {
		rows, err = result.RowsAffected()
	}
	if err != nil {
		return 0, fmt.Errorf("webhook: %w", err)
	}
	return rows, nil
}
