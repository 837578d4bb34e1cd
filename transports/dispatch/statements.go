package dispatch

import (
	"strconv"
	"strings"

	"go.mau.fi/util/dbutil"
)

// maxRows is the most rows of one statement: 17 parameters each, and SQLite takes 32766.
const maxRows = 64

// statement is a statement with a list of rows in its middle.
type statement struct {
	before, after string
	columns       int
	types         []string // of the columns, where PostgreSQL cannot tell them
}

var (
	insertEntries = &statement{
		before: `INSERT INTO dispatch_archive (status, event, session, from_pos, pos, type, transport, target, attempts, at, first_at, last_at,
			archived, took, error, code, replay_of) VALUES `,
		columns: 17,
	}
	// column1 and so on are the names PostgreSQL gives to a list of values.
	moveCursors = &statement{
		before: `UPDATE dispatch_cursors SET epoch=moved.column2, pos=moved.column3 FROM (VALUES `, columns: 3, types: []string{"BIGINT", "TEXT", "BIGINT"},
		after: `) AS moved WHERE dispatch_cursors.id=moved.column1`,
	}
)

type shape struct {
	statement *statement
	rows      int
}

// text is used by the committer alone: the map has no lock.
func (s *store) text(kind *statement, rows int) string {
	text, ok := s.texts[shape{kind, rows}]
	if !ok {
		text = kind.before + s.values(rows, kind.columns, kind.types...) + kind.after
		s.texts[shape{kind, rows}] = text
	}
	return text
}

// rowsOf is how many of n rows the next statement takes: a power of two, so that few texts exist and prepared ones are
// found again.
func rowsOf(n int) int {
	rows := maxRows
	for rows > n {
		rows /= 2
	}
	return rows
}

// values is a list of rows of numbered parameters.
func (s *store) values(rows, columns int, types ...string) string {
	mark := "$"
	if s.db.Dialect == dbutil.SQLite {
		mark = "?" // dbutil would rewrite it on each use
	}
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		if types == nil {
			b.WriteString(mark + strconv.Itoa(n+1))
		} else {
			b.WriteString("CAST(" + mark + strconv.Itoa(n+1) + " AS " + types[n%columns] + ")")
		}
	}
	b.WriteByte(')')
	return b.String()
}
