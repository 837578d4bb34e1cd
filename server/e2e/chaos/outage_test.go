package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

const (
	outageSession = "outage"
	outageToken   = "token-of-the-outage-session"
	outageOwn     = "15550400001"
	outagePeer    = "15550400002"
	// sentMeanwhile is the number of messages that the peer sends while the store is unavailable.
	sentMeanwhile = 40
)

// outage is a running server whose store can be made unavailable.
type outage struct {
	network, server *e2etest.Process
	begin, end      func()
	sent            int
}

func startOutage(t *testing.T, dataDir, database string, begin, end func()) *outage {
	t.Helper()
	network, root := e2etest.StartSandbox(t)
	o := &outage{network: network, begin: begin, end: end}
	o.server = e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dataDir, database, "-calls-per-second", "10000", "-call-burst", "10000")
	e2etest.PairSession(t, o.server, network, outageSession, outageOwn)
	e2etest.MustCall(t, o.server.Addr, "session.update", object{"session": outageSession, "token": outageToken}, nil)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": outagePeer, "push_name": "Peer"}, nil)
	e2etest.MustCall(t, o.server.Addr, "message.sendText", o.text("own-before"), nil)
	o.peerSends(t, 10)
	e2etest.ReadHistory(t, o.server, outageSession, time.Minute, o.received)
	return o
}

func (o *outage) text(text string) object {
	return object{"session": outageSession, "to": outagePeer, "text": text, "message_id": strings.ToUpper("OUTAGE-" + text)}
}

func (o *outage) peerSends(t *testing.T, n int) {
	t.Helper()
	for range n {
		e2etest.MustCall(t, o.network.Addr, "sandbox.send", object{
			"account": outagePeer, "to": outageOwn, "content": object{"type": "text", "text": fmt.Sprintf("p-%d", o.sent)},
		}, nil)
		o.sent++
	}
}

// texts returns the number of events for each text of the peer.
func texts(all []e2etest.Event) map[string]int {
	seen := map[string]int{}
	for _, e := range all {
		if e.Type == "Message" && !e.Data.FromMe {
			seen[e.Data.Text]++
		}
	}
	return seen
}

func (o *outage) received(all []e2etest.Event) bool { return len(texts(all)) >= o.sent }

// checkFailing checks that a call fails soon, with a typed error that asks for a retry.
func (o *outage) checkFailing(t *testing.T, token, method string, params object) {
	t.Helper()
	began := time.Now()
	r := e2etest.PostBody(t, o.server.Addr, token, e2etest.RequestBody(method, params))
	switch {
	case r.Error == nil:
		t.Errorf("%s works: %.300s", method, r.Raw)
	case !r.Error.Data.Retryable || r.Error.Data.Reason != "storage" && r.Error.Data.Reason != "timeout" && r.Error.Data.Reason != "session_not_connected":
		t.Errorf("%s: %s", method, r.Raw)
	default:
		t.Logf("%s after %s: %s: %s", method, time.Since(began).Round(time.Millisecond), r.Error.Data.Reason, r.Error.Message)
	}
}

// checkAllArrived checks the state after the store is available again.
func (o *outage) checkAllArrived(t *testing.T) {
	t.Helper()
	testkit.Within(t, 90*time.Second, "the session is connected again", func() bool { return e2etest.IsConnected(o.server, outageSession) })
	e2etest.ReadHistory(t, o.server, outageSession, 90*time.Second, o.received)
	// The last message proves that sending works, and everything before it has arrived by then.
	for _, text := range []string{"own-before", "own-meanwhile", "own-after"} {
		e2etest.MustCall(t, o.server.Addr, "message.sendText", o.text(text), nil)
	}
	o.peerSends(t, 1)
	all := e2etest.ReadHistory(t, o.server, outageSession, time.Minute, o.received)
	for i, e := range all {
		if e.Offset != all[0].Offset+uint64(i) || all[0].Offset != 1 {
			t.Fatalf("event %d has offset %d: a hole", i, e.Offset)
		}
	}
	seen := texts(all)
	for i := range o.sent {
		if n := seen[fmt.Sprintf("p-%d", i)]; n != 1 {
			t.Errorf("p-%d is in the journal %d times", i, n)
		}
	}
	var list struct {
		Messages []struct{ Text string }
	}
	e2etest.MustCall(t, o.server.Addr, "message.list", object{"session": outageSession, "chat": outagePeer, "limit": 200}, &list)
	stored := map[string]int{}
	for _, m := range list.Messages {
		stored[m.Text]++
	}
	for i := range o.sent {
		if n := stored[fmt.Sprintf("p-%d", i)]; n != 1 {
			t.Errorf("p-%d is stored %d times", i, n)
		}
	}
	var inbox struct {
		Messages []struct{ Text string }
	}
	e2etest.MustCall(t, o.network.Addr, "sandbox.listMessages", object{"account": outagePeer, "limit": 100}, &inbox)
	got := []string{}
	for _, m := range inbox.Messages {
		if strings.HasPrefix(m.Text, "own-") {
			got = append(got, m.Text)
		}
	}
	if want := []string{"own-before", "own-meanwhile", "own-after"}; !slices.Equal(got, want) {
		t.Errorf("the peer has %v, want %v", got, want)
	}
	var sessions struct {
		Sessions []struct {
			SessionID string `json:"session_id"`
		}
	}
	e2etest.MustCall(t, o.server.Addr, "session.list", object{}, &sessions)
	if len(sessions.Sessions) != 1 {
		t.Errorf("sessions: %v", sessions.Sessions)
	}
	if strings.Contains(o.server.Text(), "panic") {
		t.Error("the server's log has a panic")
	}
	t.Logf("%d events, %d messages of the peer", len(all), o.sent)
	e2etest.CheckNetwork(t, o.network)
}

func health(t *testing.T, server *e2etest.Process) (status int, body string) {
	t.Helper()
	response, err := e2etest.Client.Get("http://" + server.Addr + "/v1/health")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// TestDatabaseThatGoesAway stops the database of a running server and starts it again.
func TestDatabaseThatGoesAway(t *testing.T) {
	postgres, err := dbtest.StartPostgres()
	if err != nil {
		if testing.Short() {
			t.Skipf("no PostgreSQL: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(postgres.Close)
	o := startOutage(t, t.TempDir(), postgres.URL("postgres"), postgres.Stop, func() {
		if err := postgres.Start(); err != nil {
			t.Fatal(err)
		}
	})
	o.begin()
	o.peerSends(t, sentMeanwhile/2)
	on := func(params object) object { params["session"] = outageSession; return params }
	for _, c := range []struct {
		token, method string
		params        object
	}{
		{e2etest.AdminToken, "chat.list", on(object{})},
		{e2etest.AdminToken, "message.list", on(object{"chat": outagePeer})},
		{e2etest.AdminToken, "message.get", on(object{"message_id": "X"})},
		{e2etest.AdminToken, "message.search", on(object{"query": "p"})},
		{e2etest.AdminToken, "contact.list", on(object{})},
		{e2etest.AdminToken, "session.create", object{"session_id": "late"}},
		{e2etest.AdminToken, "session.updateSettings", on(object{"reject_calls": true})},
		{e2etest.AdminToken, "session.update", on(object{"name": "late"})},
		{e2etest.AdminToken, "session.delete", on(object{})},
		{e2etest.AdminToken, "chat.setPinned", on(object{"chat": outagePeer, "pinned": true})},
		{e2etest.AdminToken, "chat.markRead", on(object{"chat": outagePeer})},
		{e2etest.AdminToken, "message.sendText", o.text("own-meanwhile")},
		{e2etest.AdminToken, "media.upload", on(object{"media": object{"base64": "data:text/plain;base64,aGVsbG8="}})},
		{outageToken, "session.get", object{}}, // the token itself is in the database
	} {
		o.checkFailing(t, c.token, c.method, c.params)
	}
	if status, body := health(t, o.server); status != http.StatusServiceUnavailable || !strings.Contains(body, `"database":{"status":"unhealthy"`) {
		t.Errorf("/v1/health: %d %s", status, body)
	}
	o.peerSends(t, sentMeanwhile/2)
	o.end()
	testkit.Within(t, 30*time.Second, "the server is healthy again", func() bool { status, _ := health(t, o.server); return status == http.StatusOK })
	o.checkAllArrived(t)
	var r struct{ Session json.RawMessage }
	if reply := e2etest.PostBody(t, o.server.Addr, outageToken, e2etest.RequestBody("session.get", object{})); json.Unmarshal(reply.Result, &r) != nil || len(r.Session) == 0 {
		t.Errorf("the session's token after the outage: %s", reply.Raw)
	}
}

// TestFullDisk fills the disk of a running server and frees it again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	const size = 24 << 20 // bytes; a full SQLite database of this test has a quarter
	if err := syscall.Mount("waystation-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	o := startOutage(t, dir, filepath.Join(dir, "waystation.db"), func() { fill(t, ballast) }, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
	o.begin()
	// The database has some free pages in its own files; the peer's messages use them up.
	o.peerSends(t, sentMeanwhile)
	on := func(params object) object { params["session"] = outageSession; return params }
	upload := on(object{"media": object{"base64": e2etest.DataURL("application/octet-stream", make([]byte, 1<<20))}})
	o.checkFailing(t, e2etest.AdminToken, "media.upload", upload)
	full := false
	for i := 0; i < 2000 && !full; i++ { // each call writes, until there is no space
		r := e2etest.PostBody(t, o.server.Addr, e2etest.AdminToken, e2etest.RequestBody("session.update", on(object{"name": strings.Repeat("n", 200) + fmt.Sprint(i)})))
		full = r.Error != nil
	}
	if !full {
		t.Fatal("the disk is not full")
	}
	fill(t, ballast) // space that a checkpoint may have freed meanwhile
	for _, c := range []struct {
		method string
		params object
	}{
		{"session.create", object{"session_id": "late"}},
		{"message.sendText", o.text("own-meanwhile")},
		{"session.updateSettings", on(object{"reject_calls": true})},
		{"session.delete", on(object{})},
	} {
		o.checkFailing(t, e2etest.AdminToken, c.method, c.params)
	}
	e2etest.MustCall(t, o.server.Addr, "message.list", on(object{"chat": outagePeer}), nil) // reads need no space
	if status, body := health(t, o.server); body == "" {
		t.Errorf("/health: %d", status)
	}
	o.end()
	o.checkAllArrived(t)
	e2etest.MustCall(t, o.server.Addr, "media.upload", upload, nil)
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			block = block[:len(block)/2]
		}
	}
}
