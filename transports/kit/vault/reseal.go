package vault

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// Column names stored values that a vault sealed.
type Column struct {
	Table, Name string
	// Of are the columns that identify a row.
	Of []string
	// Place returns the place of a value, as it was given to Seal, from the values of Of. nil = the values themselves.
	Place func(of []string) []string
	// Text marks a column of text, as written by SealText. Plain text values are sealed.
	Text bool
}

// Reseal seals the values of the columns with the current key if a previous key sealed them, or if they are stored in clear
// in a column of text. Without previous keys only columns of text are read. The error is ErrDamaged if a value opens with
// none of the keys.
func (v *Vault) Reseal(ctx context.Context, db *dbutil.Database, columns ...Column) error {
	return database.Transact(ctx, db, func(ctx context.Context) error {
		if db.Dialect == dbutil.SQLite {
			// Otherwise the former bytes stay in the free space of the file.
			if _, err := db.Exec(ctx, `PRAGMA secure_delete=ON`); err != nil {
				return fmt.Errorf("vault: %w", err)
			}
			defer func() { _, _ = db.Exec(ctx, `PRAGMA secure_delete=OFF`) }() // the connection goes back to the pool
		}
		for _, column := range columns {
			if !column.Text && len(v.previous) == 0 {
				continue
			}
			if err := v.resealColumn(ctx, db, &column); err != nil {
				return fmt.Errorf("vault: %s of %s: %w", column.Name, column.Table, err)
			}
		}
		return nil
	})
}

// stale is a value that has to be sealed again.
type stale struct {
	of    []any
	value any
}

func (v *Vault) resealColumn(ctx context.Context, db *dbutil.Database, c *Column) error {
	none := "IS NOT NULL"
	if c.Text {
		none = "<> ''"
	}
	rows, err := db.Query(ctx, `SELECT `+c.Name+`, `+strings.Join(c.Of, ", ")+` FROM `+c.Table+` WHERE `+c.Name+` `+none)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (*stale, error) { return v.scanStale(row, c) }, err).AsList()
	if err != nil {
		return err
	}
	where := make([]string, len(c.Of))
	for i, name := range c.Of {
		where[i] = fmt.Sprintf("%s=$%d", name, i+2)
	}
	for _, s := range list {
		if s == nil {
			continue
		}
		query := `UPDATE ` + c.Table + ` SET ` + c.Name + `=$1 WHERE ` + strings.Join(where, " AND ")
		if _, err := db.Exec(ctx, query, append([]any{s.value}, s.of...)...); err != nil {
			return err
		}
	}
	return nil
}

// scanStale reads a row and returns nil if its value is sealed with the current key.
func (v *Vault) scanStale(row dbutil.Scannable, c *Column) (*stale, error) {
	var stored []byte
	s := &stale{of: make([]any, len(c.Of))}
	into := []any{&stored}
	for i := range s.of {
		into = append(into, &s.of[i])
	}
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	place := make([]string, len(s.of))
	for i, value := range s.of {
		if text, ok := value.([]byte); ok {
			value, s.of[i] = string(text), string(text)
		}
		place[i] = fmt.Sprint(value)
	}
	if c.Place != nil {
		place = c.Place(place)
	}
	var text string
	var old bool
	var err error
	if c.Text {
		text, old, err = v.openText(string(stored), place)
		s.value = v.SealText(text, place...)
	} else {
		text, old, err = v.open(stored, place)
		s.value = v.Seal(text, place...)
	}
	if err != nil || !old {
		return nil, err
	}
	return s, nil
}
