package bridge_test

import (
	"bytes"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// outcome is the state of a session after the network ended its connection or refused its login.
type outcome struct {
	state  bridge.State
	reason string
	event  string // type of the event of the state
	back   bool   // the session reconnects automatically
}

func lostBecause(reason string) outcome {
	return outcome{bridge.StateDisconnected, reason, "Disconnected", true}
}

func loginRefused(code int, text string) outcome {
	return lostBecause(fmt.Sprintf("refused: %d: %s", code, text))
}

func linkEnded(code int, text string) outcome {
	return outcome{bridge.StateLoggedOut, fmt.Sprintf("%d: %s", code, text), "LoggedOut", false}
}

// TestEveryRefusalAndStreamErrorHasStateAndReason checks that the session reports each end of a connection by WhatsApp
// with the right state and reason, that the other sessions of the process stay connected, and that the session receives
// messages again as soon as WhatsApp admits it.
func TestEveryRefusalAndStreamErrorHasStateAndReason(t *testing.T) {
	failures := map[int]outcome{
		400: loginRefused(400, "bad request"),
		401: linkEnded(401, "logged out from another device"),
		402: {bridge.StateBanned, "101: you sent too many messages to people who don't have you in their address books", "TemporaryBan", true},
		403: linkEnded(403, "primary device was logged out"),
		405: {bridge.StateOutdated, "", "ClientOutdated", false},
		406: linkEnded(406, "logged out for unknown reason"),
		409: loginRefused(409, "client user agent was rejected"),
		411: loginRefused(411, "unknown error"),
		412: loginRefused(412, "unknown error"),
		413: loginRefused(413, "messenger crypto auth token has expired"),
		414: loginRefused(414, "messenger crypto auth token is invalid"),
		415: loginRefused(415, "account not found"),
		418: loginRefused(418, "client is unknown"),
		500: loginRefused(500, "internal server error"),
		501: loginRefused(501, "feature not implemented"),
		503: loginRefused(503, "service unavailable"),
		599: loginRefused(599, "unknown error"),
	}
	streams := map[string]struct {
		fault sandbox.Fault
		want  outcome
	}{
		"500":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 500}, lostBecause("stream error 500")},
		"503":          {sandbox.Fault{Kind: sandbox.FaultServiceUnavailable}, lostBecause("stream error 503")},
		"515":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 515}, outcome{state: bridge.StateConnected, back: true}},
		"516":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 516}, lostBecause("stream error 516")},
		"409":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 409}, lostBecause("stream error 409")},
		"413":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 413}, lostBecause("stream error 413")},
		"414":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 414}, lostBecause("stream error 414")},
		"other":        {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 7777}, lostBecause("stream error 7777")},
		"replaced":     {sandbox.Fault{Kind: sandbox.FaultStreamReplaced}, outcome{bridge.StateReplaced, "", "StreamReplaced", false}},
		"401":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 401}, lostBecause("stream error 401")},
		"403":          {sandbox.Fault{Kind: sandbox.FaultStreamError, Code: 403}, lostBecause("stream error 403")},
		"removed":      {sandbox.Fault{Kind: sandbox.FaultLoggedOut}, linkEnded(401, "logged out from another device")},
		"xmlstreamend": {sandbox.Fault{Kind: sandbox.FaultStreamEnd}, lostBecause("connection_lost")},
		"cut":          {sandbox.Fault{}, lostBecause("connection_lost")},
	}
	for code, want := range failures {
		t.Run(fmt.Sprintf("failure %d", code), func(t *testing.T) {
			t.Parallel()
			endConnection(t, want, func(w *world, number string) {
				fault := sandbox.Fault{Kind: sandbox.FaultRefuseLogin, Session: number, Code: code, Times: 2}
				if code == 402 {
					fault.Delay, fault.Times = time.Second, 1
				}
				if _, err := w.net.Inject(fault); err != nil {
					t.Fatal(err)
				}
				if _, err := w.net.Cut(number); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
	for name, c := range streams {
		t.Run("stream "+name, func(t *testing.T) {
			t.Parallel()
			endConnection(t, c.want, func(w *world, number string) {
				if c.fault.Kind == "" {
					if _, err := w.net.Cut(number); err != nil {
						t.Fatal(err)
					}
					return
				}
				c.fault.Session = number
				if _, err := w.net.Inject(c.fault); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// endConnection pairs two sessions, ends the connection of one and checks the outcome.
func endConnection(t *testing.T, want outcome, end func(w *world, number string)) {
	w := newWorld(t)
	ada, bob := w.account("15550001001", "Ada"), w.account("15550001002", "Bob")
	s, other := w.paired("ada", ada), w.paired("bob", bob)
	r := w.reader("ada")
	r.of("Connected")
	end(w, "15550001001")
	if want.event == "" { // the session logs in again without an event
		time.Sleep(100 * time.Millisecond)
		w.reaches(s, bridge.StateConnected)
		r.of("OfflineSyncCompleted")
		arrives(w, r, bob, ada)
		return
	}
	e := r.until(want.event+" because of "+want.reason, func(e event) bool {
		reason, _ := e.data["reason"].(string)
		return e.Type == want.event && reason == want.reason
	})
	if state, _ := e.data["state"].(string); state != string(want.state) {
		t.Errorf("event %s has state %q, want %q", e.Type, state, want.state)
	}
	if !want.back {
		if st := s.Status(); st.State != want.state || st.Reason != want.reason {
			t.Errorf("status is %s because of %q, want %s because of %q", st.State, st.Reason, want.state, want.reason)
		}
	}
	if st := other.Status(); st.State != bridge.StateConnected {
		t.Errorf("the other session is %s (%s)", st.State, st.Reason)
	}
	w.net.ClearFaults()
	switch {
	case want.back:
		w.reaches(s, bridge.StateConnected)
	case want.state == bridge.StateLoggedOut:
		w.link(s, ada)
	default:
		if err := s.Connect(w.ctx()); err != nil {
			t.Fatal(err)
		}
		w.reaches(s, bridge.StateConnected)
	}
	arrives(w, r, bob, ada)
}

// arrives sends a message and waits for its event.
func arrives(w *world, r *reader, from, to *sandbox.Phone) {
	w.t.Helper()
	text := "text " + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := from.Send(w.ctx(), to.JID(), sandbox.Text(text)); err != nil {
		w.t.Fatal(err)
	}
	r.text(text)
}

// TestRefusalTableIsComplete compares the codes of TestEveryRefusalAndStreamErrorHasStateAndReason with those in whatsmeow's source.
func TestRefusalTableIsComplete(t *testing.T) {
	own, err := os.ReadFile("refusal_test.go")
	if err != nil {
		t.Fatal(err)
	}
	failures, streams, _ := bytes.Cut(own, []byte("streams := map"))
	for _, source := range []struct {
		importPath, file, code string
		table                  []byte
		entry                  string
		least                  int
	}{
		{"go.mau.fi/whatsmeow/types/events", "events.go", `ConnectFailureReason = (\d+)`, failures, "\n\t\t%s: ", 14},
		{"go.mau.fi/whatsmeow", "connectionevents.go", `code == "(\d+)"`, streams, "\n\t\t\"%s", 3},
	} {
		pkg, err := build.Import(source.importPath, ".", build.FindOnly)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(pkg.Dir, source.file))
		if err != nil {
			t.Fatal(err)
		}
		codes := regexp.MustCompile(source.code).FindAllSubmatch(text, -1)
		if len(codes) < source.least {
			t.Errorf("%s has %d codes, want %d or more", source.file, len(codes), source.least)
		}
		for _, code := range codes {
			if !bytes.Contains(source.table, fmt.Appendf(nil, source.entry, code[1])) {
				t.Errorf("no case for code %s of %s", code[1], source.file)
			}
		}
	}
}
