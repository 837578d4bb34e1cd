package formats

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// hookFormat is a documented format of webhooks.
type hookFormat struct {
	name   string   // of the webhook's format
	events []string // subscribed to
	// read returns the documented body of a request and the name of its event.
	read func(t *testing.T, r e2etest.HookRequest) (body map[string]any, event string)
	// documented is the API that documents the events.
	documented string
	rules      resttest.Rules
	gaps       []hookGap
}

// hookGap has documented fields that are never filled, with all fields below them; without a path, events that never occur.
type hookGap struct {
	events string // names, separated by blanks
	path   string
	reason string
}

func (g *hookGap) of(event string) bool { return slices.Contains(strings.Fields(g.events), event) }

const (
	formatKey    = "a key that receivers know"
	formatSecret = "a secret that signs bodies"
)

func hookFormats(t *testing.T) []hookFormat {
	every := []string{"*"}
	// The document of DIGIGO names its events without examples: these names are for subscriptions.
	var named []string
	for _, e := range documentedEvents(t, "digigo").Events {
		named = append(named, e.Name)
	}
	return []hookFormat{
		{
			name: "wwebjs", events: every, documented: "wwebjs", gaps: wwebjsGaps,
			rules: resttest.Rules{Extra: []string{"data.ids"}, Absent: []string{"data.vote.selectedOptions[].id"}},
			read: func(t *testing.T, r e2etest.HookRequest) (map[string]any, string) {
				if got := r.Header.Get("X-Api-Key"); got != formatKey {
					t.Errorf("the key is %q", got)
				}
				body := e2etest.ReadJSON(t, r.Body)
				return body, e2etest.TextOf(body["dataType"])
			},
		},
		{
			name: "waakg", events: every, documented: "waakg", gaps: waakgGaps,
			rules: resttest.Rules{Extra: []string{"data.keyIds", "data.ephemeralDuration", "data.inviteCode", "data.joinApprovalMode"}},
			read: func(t *testing.T, r e2etest.HookRequest) (map[string]any, string) {
				mac := hmac.New(sha256.New, []byte(formatSecret))
				mac.Write(r.Body)
				if got := r.Header.Get("X-Webhook-Signature"); got != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
					t.Errorf("the signature is %q", got)
				}
				body := e2etest.ReadJSON(t, r.Body)
				return body, e2etest.TextOf(body["event"])
			},
		},
		{
			name: "wuzapi", events: append(slices.Clone(every), "Presence", "ChatPresence"), documented: "wuzapi", gaps: wuzapiGaps,
			rules: resttest.Rules{Extra: append([]string{"event.Info.IsFromAPI"}, laterFields()...)},
			read: func(t *testing.T, r e2etest.HookRequest) (map[string]any, string) {
				form, err := url.ParseQuery(string(r.Body))
				if err != nil || form.Get("token") != formatKey {
					t.Errorf("%v in %.200s", err, r.Body)
				}
				body := e2etest.ReadJSON(t, []byte(form.Get("jsonData")))
				return body, e2etest.TextOf(body["type"])
			},
		},
		{
			name: "wuzapi_json", events: every, documented: "wuzapi", gaps: wuzapiGaps,
			rules: resttest.Rules{Extra: append([]string{"userID", "instanceName", "event.Info.IsFromAPI"}, laterFields()...)},
			read: func(t *testing.T, r e2etest.HookRequest) (map[string]any, string) {
				body := e2etest.ReadJSON(t, r.Body)
				return body, e2etest.TextOf(body["type"])
			},
		},
		{
			name: "native", events: named, documented: "digigo", gaps: digigoGaps,
			read: func(t *testing.T, r e2etest.HookRequest) (map[string]any, string) {
				body := e2etest.ReadJSON(t, r.Body)
				return body, e2etest.TextOf(body["type"])
			},
		},
	}
}

// laterFields returns the fields of whatsmeow's structs that are newer than the document of wuzapi.
func laterFields() (paths []string) {
	for _, name := range []string{"AddressingMode", "SenderAlt", "RecipientAlt", "BroadcastRecipients"} {
		paths = append(paths, "event."+name, "event.Info."+name)
	}
	return append(paths, "event.Info.MsgBotInfo", "event.Info.MsgMetaInfo")
}

func documentedEvents(t *testing.T, dialect string) *resttest.Events {
	t.Helper()
	events, err := resttest.LoadEvents(dialect)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestWebhookFormats takes a session on the simulated network through all events of the documented webhook formats.
// The webhooks have the documented fields and types, and each field is filled at least once, except for those
// in the tables of gaps.
func TestWebhookFormats(t *testing.T) {
	w := startFormatWorld(t)
	w.causeEvents(t)
	for _, f := range w.formats {
		t.Run(f.name, func(t *testing.T) {
			events := documentedEvents(t, f.documented)
			bodies := map[string]int{}
			filled := map[string]map[string]bool{}
			for _, r := range w.receiver.RequestsTo("/" + f.name) {
				body, name := f.read(t, r)
				bodies[name]++
				e := events.Event(name)
				if e == nil {
					if f.documented == "wuzapi" || f.documented == "digigo" { // whose documents name more fields than they show
						continue
					}
					t.Errorf("%s is not documented: %.300s", name, r.Body)
					continue
				}
				for _, finding := range e.Compare(body, f.rules) {
					t.Errorf("%s in %.2000s", finding, r.Body)
				}
				if filled[name] == nil {
					filled[name] = map[string]bool{}
				}
				for _, path := range e.FilledIn(body) {
					filled[name][path] = true
				}
			}
			for _, problem := range gapsOf(events, bodies, filled, f.gaps) {
				t.Error(problem)
			}
			t.Logf("%v", bodies)
		})
	}
	var dead struct{ Total int }
	e2etest.MustCall(t, w.server.Addr, "archive.list", object{"status": "dead_letter"}, &dead)
	if dead.Total != 0 {
		t.Errorf("%d events could not be written in some format", dead.Total)
	}
	e2etest.CheckNetwork(t, w.network)
}

// gapsOf returns the differences between a table of gaps and the received events.
func gapsOf(events *resttest.Events, bodies map[string]int, filled map[string]map[string]bool, gaps []hookGap) (problems []string) {
	used := make([]bool, len(gaps))
	known := func(event, path string) (found, byChanceOnly bool) {
		for i := range gaps {
			rest, below := strings.CutPrefix(path, gaps[i].path)
			if gaps[i].of(event) && (gaps[i].path == "") == (path == "") && below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				found, used[i] = true, true
				byChanceOnly = gaps[i].reason == byChance
			}
		}
		return found, byChanceOnly
	}
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, e := range events.Events {
		absent, _ := known(e.Name, "")
		switch {
		case bodies[e.Name] == 0 && !absent:
			note("%s never came", e.Name)
			continue
		case bodies[e.Name] > 0 && absent:
			note("%s came, and the table says that it does not", e.Name)
		case absent:
			continue
		}
		for path := range e.Fields {
			gap, chance := known(e.Name, path)
			switch says := filled[e.Name][path]; {
			case !says && !gap:
				note("%s: %s never says anything", e.Name, path)
			case says && gap && !chance:
				note("%s: %s says something, and the table says that it does not", e.Name, path)
			}
		}
	}
	for i, g := range gaps {
		if !used[i] {
			note("the table has %s %s, which is not documented", g.events, g.path)
		}
	}
	slices.Sort(problems)
	return problems
}

// formatWorld is a session with a webhook of every format, created before the session is linked.
type formatWorld struct {
	network, server *e2etest.Process
	receiver        *e2etest.Receiver
	formats         []hookFormat
}

const (
	formatSession = "ann" // the session whose webhooks are checked
	formatNumber  = "15550800001"
)

func startFormatWorld(t *testing.T) *formatWorld {
	t.Helper()
	network, root := e2etest.StartSandbox(t)
	dir := t.TempDir()
	w := &formatWorld{network: network, receiver: e2etest.NewReceiver(t), formats: hookFormats(t)}
	w.server = e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"), e2etest.HookSettings...)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": formatNumber, "push_name": formatSession}, nil)
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": formatSession}, nil)
	for _, f := range w.formats {
		e2etest.MustCall(t, w.server.Addr, "webhook.create", object{
			"session": formatSession, "name": f.name, "url": w.receiver.URL + "/" + f.name, "events": f.events, "format": f.name,
			"secret": formatSecret, "body_token": formatKey,
		}, nil)
	}
	return w
}
