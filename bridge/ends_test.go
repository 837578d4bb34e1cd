package bridge_test

import (
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

func TestReplacedDoesNotReconnect(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultStreamReplaced, Session: "4915550001"}); err != nil {
		t.Fatal(err)
	}
	st := w.reaches(s, bridge.StateReplaced)
	if !st.RetryAt.IsZero() || st.HasClient {
		t.Errorf("replaced: %+v", st)
	}
	w.reader("ada").of("StreamReplaced")
	w.restart()
	s = w.session("ada")
	if st = s.Status(); st.State != bridge.StateReplaced || st.HasClient || !st.RetryAt.IsZero() {
		t.Errorf("after restart: %+v", st)
	}
	if err := s.Connect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
}

func TestBanIsWaitedOut(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	id, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultTemporaryBan, Session: "4915550001", Delay: time.Hour, Times: -1})
	if err != nil {
		t.Fatal(err)
	}
	st := w.reaches(s, bridge.StateBanned)
	if left := time.Until(st.Until); left < 50*time.Minute || left > 70*time.Minute {
		t.Errorf("the ban ends in %v", left)
	}
	st, err = s.Wait(w.ctx(), func(st bridge.Status) bool { return !st.RetryAt.IsZero() }) // the attempt is scheduled after the state
	if err != nil || !st.RetryAt.Equal(st.Until) {
		t.Errorf("retry at %v, ban until %v, %v", st.RetryAt, st.Until, err)
	}
	if e := w.reader("ada").of("TemporaryBan"); e.data["code"] != float64(101) || e.data["until"] == nil {
		t.Errorf("event says %v", e.data)
	}
	if err = s.Connect(w.ctx()); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("connect while banned: %v", err)
	}
	w.net.ClearFault(id)
	w.restart()
	if st = w.session("ada").Status(); st.State != bridge.StateBanned || st.HasClient {
		t.Errorf("after restart: %+v", st)
	}
}

func TestShortBanEndsByItself(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultTemporaryBan, Session: "4915550001", Delay: time.Second}); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateBanned)
	w.reaches(s, bridge.StateConnected)
}

func TestOutdated(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultClientOutdated, Session: "4915550001"}); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateOutdated)
	if e := w.reader("ada").of("ClientOutdated"); e.data["version"] != s.ClientVersion() {
		t.Errorf("event says %v", e.data)
	}
}

func TestRefusedLoginIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	r := w.reader("ada")
	for _, code := range []int{503, 418} {
		if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseLogin, Session: "4915550001", Code: code, Times: 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.net.Cut("4915550001"); err != nil {
			t.Fatal(err)
		}
		r.of("Disconnected")
		r.of("Connected")
		w.reaches(s, bridge.StateConnected)
	}
}

func TestUnauthorizedLoginIsQuarantined(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseLogin, Session: "4915550001", Code: 403}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.net.Cut("4915550001"); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateLoggedOut)
	if n := w.rows("whatsmeow_device"); n != 1 {
		t.Errorf("%d devices are stored", n)
	}
}
