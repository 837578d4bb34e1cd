package journal

import (
	"math/bits"
	"strconv"
	"strings"

	"go.mau.fi/util/dbutil"
)

// maxRows is the maximum number of rows in one statement; longer ones gain nothing.
const maxRows = 64

// statements builds statements for several rows. The number of rows is always a power of two, so that few texts exist and prepared statements are
// reused.
type statements struct {
	dialect dbutil.Dialect
	texts   map[statementShape]string
}

type statementShape struct {
	kind *statementKind
	rows int
}

// statementKind is a statement with a list of rows in its middle.
type statementKind struct {
	before, row, between, after string
	// sqlite is the form for SQLite, where it differs: constructs that make it fill a temporary table (IN with a list, UPDATE with FROM, RETURNING)
	// cost more than the statement.
	sqlite *statementKind
}

func newStatements(dialect dbutil.Dialect) statements {
	return statements{dialect: dialect, texts: map[statementShape]string{}}
}

// statementText is used by the committer alone: the map has no lock.
func (s *statements) statementText(kind *statementKind, rows int) string {
	if kind.sqlite != nil && s.dialect == dbutil.SQLite {
		kind = kind.sqlite
	}
	shape := statementShape{kind, rows}
	if text, ok := s.texts[shape]; ok {
		return text
	}
	s.texts[shape] = s.numberParams(kind.before + strings.Repeat(kind.row+kind.between, rows-1) + kind.row + kind.after)
	return s.texts[shape]
}

// numberParams numbers each ? in the syntax of the dialect: dbutil would rewrite $1 for SQLite on each use.
func (s *statements) numberParams(text string) string {
	mark := "$"
	if s.dialect == dbutil.SQLite {
		mark = "?"
	}
	var b strings.Builder
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			b.WriteString(mark + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// partSize returns how many of n rows the next statement contains: the largest power of two.
func partSize(n int) int {
	return min(maxRows, 1<<(bits.Len(uint(n))-1))
}

// paddedSize returns the power of two to which n of at most maxRows rows are padded; for lookups, where a repeated row has no effect.
func paddedSize(n int) int {
	return 1 << bits.Len(uint(n-1))
}

var (
	// On PostgreSQL the rows are locked, in one order; SQLite's transactions exclude each other.
	selectLogs = &statementKind{
		before: `SELECT id, session, epoch, head, oldest FROM journal_logs WHERE session IN (`,
		row:    `?`, between: `,`,
		after:  `) ORDER BY id FOR UPDATE`,
		sqlite: &statementKind{row: `SELECT id, session, epoch, head, oldest FROM journal_logs WHERE session=?`, between: ` UNION ALL `},
	}
	insertLogs = &statementKind{
		before: `INSERT INTO journal_logs (session, epoch, head, oldest, bytes) VALUES `,
		row:    `(?,?,?,?,?)`, between: `,`,
		after: ` ON CONFLICT (session) DO NOTHING`,
	}
	selectKeys = &statementKind{
		before: `SELECT log, key, pos, id FROM journal_keys WHERE (log, key) IN (VALUES `,
		row:    `(CAST(? AS BIGINT),CAST(? AS BYTEA))`, between: `,`,
		after:  `)`,
		sqlite: &statementKind{row: `SELECT log, key, pos, id FROM journal_keys WHERE log=? AND key=?`, between: ` UNION ALL `},
	}
	insertEvents = &statementKind{
		before: `INSERT INTO journal_events (log, pos, id, type, origin, at, chats, data) VALUES `,
		row:    `(?,?,?,?,?,?,?,?)`, between: `,`,
	}
	insertKeys = &statementKind{
		before: `INSERT INTO journal_keys (log, key, pos, id, stored) VALUES `,
		row:    `(?,?,?,?,?)`, between: `,`,
	}
	// column1 and so on are PostgreSQL's names for the columns of a VALUES list. On SQLite the rows, which exist, are upserted.
	moveHeads = &statementKind{
		before: `UPDATE journal_logs SET head = moved.column2, bytes = bytes + moved.column3 FROM (VALUES `,
		row:    `(CAST(? AS BIGINT),CAST(? AS BIGINT),CAST(? AS BIGINT))`, between: `,`,
		after: `) AS moved WHERE journal_logs.id = moved.column1`,
		sqlite: &statementKind{
			before: `INSERT INTO journal_logs (id, epoch, oldest, head, bytes) VALUES `,
			row:    `(?,'',0,?,?)`, between: `,`,
			after: ` ON CONFLICT (id) DO UPDATE SET head=excluded.head, bytes=journal_logs.bytes+excluded.bytes`,
		},
	}
)
