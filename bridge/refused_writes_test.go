package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// TestMessagesSurviveRefusedWrites makes SQLite refuse the writes to one table after the other, as on a full disk,
// while two messages from a new sender in a new group arrive: both are in the journal once when the table accepts
// writes again.
func TestMessagesSurviveRefusedWrites(t *testing.T) {
	w := newWorld(t)
	ada := w.account("15550900001", "Ada")
	w.paired("ada", ada)
	r := w.reader("ada")
	rows, err := w.db.Query(w.ctx(), `SELECT name FROM sqlite_master WHERE type='table' AND (name LIKE 'whatsmeow_%' OR name LIKE 'journal_%' OR name LIKE 'bridge_%')`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var table string
		if err = rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err = rows.Err(); err != nil || len(tables) < 20 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	exec := func(query string) {
		t.Helper()
		if _, err := w.db.Exec(w.ctx(), query); err != nil {
			t.Fatal(err)
		}
	}
	for i, table := range tables {
		if strings.HasSuffix(table, "_version") {
			continue
		}
		sender := w.account(fmt.Sprint(15550910000+i), "Bob")
		group, err := sender.CreateGroup(sandbox.GroupOptions{Subject: table, Members: []types.JID{ada.JID()}})
		if err != nil {
			t.Fatal(err)
		}
		w.reaches(w.session("ada"), bridge.StateConnected)
		for _, write := range []string{"INSERT", "UPDATE", "DELETE"} {
			exec(`CREATE TRIGGER refuse_` + write + table + ` BEFORE ` + write + ` ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'refused'); END`)
		}
		texts := []string{table + " a", table + " b"}
		for _, text := range texts {
			if _, err = sender.Send(w.ctx(), group, sandbox.Text(text)); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(100 * time.Millisecond)
		for _, write := range []string{"INSERT", "UPDATE", "DELETE"} {
			exec(`DROP TRIGGER refuse_` + write + table)
		}
		from := r.after
		for _, text := range texts {
			r.after = from
			r.text(text)
		}
	}
	w.eachTextOnce("ada")
}
