package journal

import (
	"math/bits"
	"strconv"
	"strings"

	"go.mau.fi/util/dbutil"
)

// maxRows is the most rows of one statement; longer ones gain nothing.
const maxRows = 64

// statements builds statements for several rows. The number of rows is always a
// power of two, so that few texts exist and the prepared ones are found again.
type statements struct {
	mark  byte   // of placeholders: dbutil would rewrite $1 for SQLite on each use
	blob  string // type name
	lock  string // suffix of a SELECT that holds its rows
	texts map[statementShape]string
}

type statementShape struct {
	kind *statementKind
	rows int
}

// statementKind is a statement with a list of rows in its middle.
type statementKind struct {
	before, after string
	columns       []string // types to cast to ("" = none, "blob" = the dialect's)
	flat          bool     // (1,2,3) instead of (1),(2),(3)
	locks         bool
}

func newStatements(dialect dbutil.Dialect) statements {
	s := statements{mark: '$', blob: "BYTEA", lock: " FOR UPDATE", texts: map[statementShape]string{}}
	if dialect == dbutil.SQLite {
		s.mark, s.blob, s.lock = '?', "BLOB", "" // its transactions exclude each other
	}
	return s
}

// text is used by the committer alone: the map has no lock.
func (s *statements) text(kind *statementKind, rows int) string {
	shape := statementShape{kind, rows}
	if text, ok := s.texts[shape]; ok {
		return text
	}
	var b strings.Builder
	b.WriteString(kind.before)
	n := 0
	for row := range rows {
		if row > 0 {
			b.WriteByte(',')
		}
		if !kind.flat {
			b.WriteByte('(')
		}
		for i, cast := range kind.columns {
			if i > 0 {
				b.WriteByte(',')
			}
			n++
			placeholder := string(s.mark) + strconv.Itoa(n)
			switch cast {
			case "":
				b.WriteString(placeholder)
			case "blob":
				b.WriteString("CAST(" + placeholder + " AS " + s.blob + ")")
			default:
				b.WriteString("CAST(" + placeholder + " AS " + cast + ")")
			}
		}
		if !kind.flat {
			b.WriteByte(')')
		}
	}
	b.WriteString(kind.after)
	if kind.locks {
		b.WriteString(s.lock)
	}
	s.texts[shape] = b.String()
	return s.texts[shape]
}

// part is how many of n rows the next statement takes: the largest power of two.
func part(n int) int {
	return min(maxRows, 1<<(bits.Len(uint(n))-1))
}

// padded is the power of two that n of at most maxRows rows are filled up to; for
// lookups, where a repeated row does no harm.
func padded(n int) int {
	return 1 << bits.Len(uint(n-1))
}

var (
	selectLogs = &statementKind{
		before:  `SELECT id, session, epoch, head, oldest FROM journal_logs WHERE session IN (`,
		columns: []string{""}, flat: true,
		after: `) ORDER BY id`, locks: true,
	}
	insertLogs = &statementKind{
		before:  `INSERT INTO journal_logs (session, epoch, head, oldest, bytes) VALUES `,
		columns: []string{"", "", "", "", ""},
		after:   ` ON CONFLICT (session) DO NOTHING`,
	}
	selectKeys = &statementKind{
		before:  `SELECT log, key, pos, id FROM journal_keys WHERE (log, key) IN (VALUES `,
		columns: []string{"BIGINT", "blob"},
		after:   `)`,
	}
	insertEvents = &statementKind{
		before:  `INSERT INTO journal_events (log, pos, id, type, origin, at, chats, data) VALUES `,
		columns: []string{"", "", "", "", "", "", "", ""},
	}
	insertKeys = &statementKind{
		before:  `INSERT INTO journal_keys (log, key, pos, id, stored) VALUES `,
		columns: []string{"", "", "", "", ""},
	}
	// column1 and so on are the names both databases give to a list of values.
	moveHeads = &statementKind{
		before:  `UPDATE journal_logs SET head = moved.column2, bytes = bytes + moved.column3 FROM (VALUES `,
		columns: []string{"BIGINT", "BIGINT", "BIGINT"},
		after:   `) AS moved WHERE journal_logs.id = moved.column1`,
	}
)
