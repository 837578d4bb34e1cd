package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// catchAll makes a session answer every message with a text.
func catchAll(w *world, s *bridge.Session, text string) {
	w.t.Helper()
	keyword, match := ".*", automation.MatchRegex
	_, err := s.Automation().CreateRule(w.ctx(), &automation.RulePatch{Keyword: &keyword, Match: &match, Content: &message.Content{Type: "text", Text: text}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestAnswersToEachOtherStop lets sessions with auto-replies for every message write to each other: two of one server, which
// recognise each other's answers, and two of different servers, which count.
func TestAnswersToEachOtherStop(t *testing.T) {
	w := newWorld(t)
	other := &world{t: t, url: t.TempDir() + "/other.db", net: w.net, wire: w.wire, names: w.names, config: w.config}
	other.config.Automation.ChatAnswers = 5
	w.stop()
	w.config.Automation.ChatAnswers = 8
	w.start()
	other.start()
	t.Cleanup(other.stop)
	ada, bob, eve := w.account("15550000002", "Ada"), w.account("15550000003", "Bob"), w.account("15550000004", "Eve")
	a, b, e := w.paired("ada", ada), w.paired("bob", bob), other.paired("eve", eve)
	for _, s := range []*bridge.Session{a, b} {
		catchAll(w, s, "answer of "+s.ID())
	}
	catchAll(other, e, "answer of eve")

	if _, err := a.SendText(w.ctx(), bob.JID(), "hello Bob"); err != nil {
		t.Fatal(err)
	}
	w.reader("ada").text("answer of bob")
	if _, err := a.SendText(w.ctx(), eve.JID(), "hello Eve"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the last answer between the servers", func() bool {
		return other.count("eve", "answer of ada") == 5 && openTasks(other) == 0 && openTasks(w) == 0
	})
	if got := w.count("ada", "answer of eve"); got != 5 {
		t.Errorf("%d answers of Eve, want as many as her server permits", got)
	}
	if got := w.count("ada", "answer of bob"); got != 1 {
		t.Errorf("%d answers of Bob, want 1", got)
	}
	if got := w.count("bob", "answer of ada"); got != 0 {
		t.Errorf("Ada answers %d answers of a session of the same server", got)
	}
}

// openTasks returns the number of messages that may still be answered.
func openTasks(w *world) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(w.ctx(), `SELECT COUNT(*) FROM automation_tasks`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}
