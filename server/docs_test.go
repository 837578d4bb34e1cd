package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// docPage is how the code blocks of a page are run. A page without an entry has none that need a server.
type docPage struct {
	// env returns further variables for the commands of the page, such as the address of a receiver.
	env func(t *testing.T) []string
	// wants are texts that the output of the page's commands contains.
	wants []string
	// programs is what each program (js, go) of the page prints once it works, in the order of the page.
	programs []string
	// times says how often a text is in the output of the page's commands.
	times map[string]int
	// failing says that the page shows a call that is refused.
	failing bool
	// notRun is how many blocks are marked as not run.
	notRun int
}

// docPages has the pages with commands or programs, and how many blocks of a page are not run.
var docPages = map[string]docPage{
	"README.md":               {programs: []string{" Hello\n"}, notRun: 1, wants: []string{"event"}},
	".github/CONTRIBUTING.md": {notRun: 1},
	"docs/architecture.md":    {notRun: 1},
	"docs/automation.md":      {wants: []string{`"auto_reply_id":"`}},
	"docs/benchmarks.md":      {notRun: 1},
	"docs/accounts.md": {wants: []string{
		`"role":"SUPERADMIN"`, `"access_id":"`, `"email":"staff@example.com"`, `"state":"created"`, `"effects":["read"]`, `"logged_out":true`,
	}},
	"docs/delivery.md": {env: redisURL, wants: []string{
		`"stream":"shop:{event_type}"`, `"ok":true`, `"published_count":`, `"replayed_count":0`, `"skip_global":["amqp","redis"]`, `"result":{"transport":"redis"}`,
	}},
	"docs/media-storage.md": {env: storageURL, times: map[string]int{`"media_id":"demo-`: 2}, wants: []string{
		`"media_id":"demo-`, "notes", `"url":"http://`, "Upload-Offset: 5", `"secret_key":"***"`, `"ok":true`, `"media_delivery":"url"`, `"deleted":true`,
	}},
	"docs/operations/backup.md":     {notRun: 2},
	"docs/operations/docker.md":     {notRun: 1},
	"docs/operations/install.md":    {notRun: 2},
	"docs/operations/proxy.md":      {notRun: 2},
	"docs/passkey.md":               {wants: []string{`"state":"connected"`}},
	"docs/quickstart.md":            {programs: []string{": Hello from Node", " Hello from Go"}, notRun: 1, wants: []string{"event", `"message_id":"3EB0`, `"type":"Message"`}},
	"docs/operations/monitoring.md": {wants: []string{`"status":"healthy"`}},
	"docs/protocol.md":              {wants: []string{`"ticket":"`, "retry: 2000", "event: hello"}},
	"docs/reference/errors.md":      {failing: true},
	"docs/rest/digigo.md":           {wants: []string{`"SkipGroups":true`, `"skipGlobalWebhook":false`, `"total_count":0`}},
	"docs/rest/operations.md":       {wants: []string{`{"enabled":true,"error_count":0}`, `{"jids":[`, `{"pruned_count":0}`}},
	"docs/rest/waakg.md": {wants: []string{
		`"sessionId":"`, `"pushname":"`, `"message":"Message sent successfully"`, `"exists":`,
	}},
	"docs/rest/wuzapi.md": {wants: []string{
		`{"code":200,"data":{"Connected":true,"LoggedIn":true,"connected":true,"loggedIn":true,"jid":"15550100001@s.whatsapp.net"},"success":true}`,
		`"Details":"Sent"`, `"IsInWhatsapp":false`, `{"Groups":[]}`,
	}},
	"docs/rest/wwebjs.md": {wants: []string{
		`{"success":true,"message":"pong"}`, `"message":"Session initiated successfully"`, `{"success":true,"state":"CONNECTED","message":"session_connected"}`, `{"success":true,"result":true}`,
		`"chats":[`, `"message":"Logged out successfully"`,
	}},
	"docs/sandbox.md":                          {wants: []string{`"text":"Are you there?"`, `"connections":1`, `"fault_id":"`}},
	"docs/transports/rabbitmq.md":              {notRun: 1},
	"docs/transports/redis.md":                 {notRun: 1},
	"examples/rabbitmq-consumer/README.md":     {notRun: 2},
	"examples/redis-subscriber/README.md":      {notRun: 2},
	"examples/rest-curl/README.md":             {notRun: 1},
	"examples/sqs-worker/README.md":            {notRun: 2},
	"examples/webhook-receiver/go/README.md":   {notRun: 1},
	"examples/webhook-receiver/node/README.md": {notRun: 1},
	"docs/transports/webhooks.md": {env: hook, wants: []string{
		`"webhook_id":"default"`, `"has_secret":true`, `"delivered":true,"status":204`, `"secret":"whsec_`, `"deliveries":[]`, `"active":true`, `"active":false`,
	}},
}

// Every code block of every page is run, compiled or parsed, by its language:
//
//	sh          a server with the session "demo" on the simulated network answers the commands; see runCommands
//	sh start    starts a server; it must come up
//	frames      frames of a socket: those sent are sent, those received must come; see runFrames
//	js, go      a whole program, which has to print what docPages says; go in=DIR is a file of the package in DIR
//	json        must be JSON; json call is an example of the reference of methods, see TestReferenceExamplesAreAccepted
//	yaml, ini   must be YAML, or a file for -env-file
//
// Blocks with a comment "<!-- not run: reason -->" above them are counted.
func TestDocs(t *testing.T) {
	testkit.SkipIfShort(t)
	pages := doctest.AllPages(t)
	for name := range docPages {
		if !slices.ContainsFunc(pages, func(p *doctest.Page) bool { return p.Path == name }) {
			t.Errorf("docPages has %s, which does not exist", name)
		}
	}
	for _, page := range pages {
		if len(page.Blocks) == 0 && docPages[page.Path].notRun == 0 {
			continue
		}
		t.Run(page.Path, func(t *testing.T) { checkPage(t, page) })
	}
}

func checkPage(t *testing.T, page *doctest.Page) {
	how := docPages[page.Path]
	w := &docWorld{t: t, page: page, how: how}
	skipped := 0
	for i := range page.Blocks {
		b := &page.Blocks[i]
		switch {
		case !b.Fenced:
			t.Errorf("%s:%d: code by indentation has no language: use a fence", page.Path, b.Line)
		case b.NotRun != "":
			skipped++
		default:
			w.run(b)
		}
	}
	if skipped != how.notRun {
		t.Errorf("%s has %d blocks that are not run, docPages says %d", page.Path, skipped, how.notRun)
	}
	w.end()
}

// run runs one block.
func (w *docWorld) run(b *doctest.Block) {
	w.t.Helper()
	switch b.Lang {
	case "sh":
		if b.Has("start") {
			w.runStart(b)
		} else {
			w.runCommands(b)
		}
	case "frames":
		w.runFrames(b)
	case "js", "go":
		w.runProgram(b)
	case "json":
		checkJSON(w.t, b)
	case "yaml":
		checkYAML(w.t, b)
	case "ini":
		checkEnvFile(w.t, b)
	default:
		w.t.Errorf("%s:%d: no test runs blocks in %q; give the reason in a comment <!-- not run: ... -->", b.Page, b.Line, b.Lang)
	}
}

// hook is a receiver of webhooks that answers 204.
func hook(t *testing.T) []string {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	return []string{"HOOK=" + receiver.URL}
}

// redisURL is a Redis server.
func redisURL(t *testing.T) []string {
	return []string{"REDIS=" + brokertest.Redis(t, brokertest.RedisOptions{}).URL()}
}

// storageURL is an object storage.
func storageURL(t *testing.T) []string { return []string{"S3=" + objectStorage(t)} }

// checkOutput compares the output of a page's commands with what docPages wants.
func (w *docWorld) checkOutput() {
	out := w.output.String()
	for _, want := range w.how.wants {
		if !strings.Contains(out, want) {
			w.t.Errorf("no %s in\n%s", want, out)
		}
	}
	for text, n := range w.how.times {
		if got := strings.Count(out, text); got != n {
			w.t.Errorf("%s is there %d times, not %d, in\n%s", text, got, n, out)
		}
	}
	if !w.how.failing && (strings.Contains(out, `"error":{`) || strings.Contains(out, `"error":"`)) {
		w.t.Errorf("a call was refused in\n%s", out)
	}
}

// The file of global transports is taken as it stands.
func TestDocumentedGlobals(t *testing.T) {
	block := doctest.ReadPage(t, "docs/delivery.md").Block(t, "Global transports", "ini", 0)
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte(block.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, unknown, err := config.Parse([]string{"-env-file", file}, nil)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	globals, err := globalsOf(&cfg.Global)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t)
	if err := namedBySetting(s.app.outlets.SetGlobals(t.Context(), globals)); err != nil {
		t.Fatal(err)
	}
	if now := s.app.outlets.Globals(); len(now.Brokers) != 3 || now.Webhook == nil || !now.WebSocket {
		t.Errorf("%+v", now)
	}
}

// The README is two screens: at most 100 lines of 100 columns.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		lines += 1 + (len([]rune(strings.TrimSuffix(line, "\n")))-1)/100
	}
	if lines > 100 {
		t.Errorf("the README takes %d lines of 100 columns, 100 are allowed: move text to docs", lines)
	}
}

// Continuous integration runs the command that the README names.
func TestContinuousIntegration(t *testing.T) {
	const command = "make test"
	for _, file := range []string{"README.md", ".github/CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"} {
		text, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), command) {
			t.Errorf("%s does not name %s", file, command)
		}
		if filepath.Ext(file) == ".yml" {
			checkYAML(t, &doctest.Block{Page: file, Text: string(text)})
		}
	}
}
