package dispatch

import (
	"strconv"
	"strings"

	"go.mau.fi/util/dbutil"
)

// maxRows is the maximum number of rows in one statement: 17 parameters each, and SQLite allows 32766.
const maxRows = 64

// statement is an SQL statement with a list of rows in its middle.
type statement struct {
	before, after string
	columns       int
	types         []string // types of the columns if PostgreSQL cannot infer them
}

var (
	insertEntries = &statement{
		before: `INSERT INTO dispatch_archive (status, event, session, from_pos, pos, type, transport, target, attempts, at, first_at, last_at,
			archived, took, error, code, replay_of) VALUES `,
		columns: 17,
	}
	// column1 and so on are PostgreSQL's names for the columns of a VALUES list.
	moveCursors = &statement{
		before: `UPDATE dispatch_cursors SET epoch=moved.column2, pos=moved.column3 FROM (VALUES `, columns: 3, types: []string{"BIGINT", "TEXT", "BIGINT"},
		after: `) AS moved WHERE dispatch_cursors.id=moved.column1`,
	}
)

type shape struct {
	statement *statement
	rows      int
}

// statementText is used by the committer alone: the map has no lock.
func (s *store) statementText(kind *statement, rows int) string {
	text, ok := s.texts[shape{kind, rows}]
	if !ok {
		text = kind.before + s.valuesList(rows, kind.columns, kind.types...) + kind.after
		s.texts[shape{kind, rows}] = text
	}
	return text
}

// rowsOf returns how many of n rows the next statement contains: a power of two, so that few texts exist and prepared statements are reused.
func rowsOf(n int) int {
	rows := maxRows
	for rows > n {
		rows /= 2
	}
	return rows
}

// valuesList returns a list of rows of numbered parameters.
func (s *store) valuesList(rows, columns int, types ...string) string {
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
