package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// docWorld is what the blocks of a page run in: a directory with the program in bin/, and a server with the session demo, whose
// number is 15550100001; 15550100002 answers every message with its own text.
type docWorld struct {
	t      *testing.T
	page   *doctest.Page
	how    docPage
	dir    string
	server *testServer
	token  string   // of the session demo
	url    string   // of the server that commands use: the one above, or one that a block "sh start keep" has started
	env    []string // for commands
	output testkit.Buffer
	client *frameClient
	ran    int // programs
}

// begin starts the server when the first block needs it.
func (w *docWorld) begin() {
	w.t.Helper()
	if w.dir != "" {
		return
	}
	w.dir = w.t.TempDir()
	if err := os.Mkdir(filepath.Join(w.dir, "bin"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	w.script("waystation", childMode+`=1 exec "`+self+`" "$@"`)
	// make prints what it would run; what follows the build is run.
	w.script("make", `command="$(`+lookPath(w.t, "make")+` -s -n -C "`+doctest.RepositoryRoot()+`" "$@" | tail -n 1)"; exec sh -c "$command ${LISTEN:+-listen $LISTEN}"`)
	w.server = startServer(w.t, "-allow-hosts", "127.0.0.1")
	w.token = w.server.pair("demo", "15550100001")
	w.server.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer", "auto_reply": "echo"})
	w.url = w.server.url("")
	if w.how.env != nil {
		w.env = w.how.env(w.t)
	}
}

func lookPath(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("needs %s", program)
	}
	return path
}

func (w *docWorld) script(name, body string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "bin", name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *docWorld) command(script string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), "sh", "-eu", "-c", script)
	c.Dir = w.dir
	c.Env = append(append(os.Environ(), w.env...), "PATH="+filepath.Join(w.dir, "bin")+":"+os.Getenv("PATH"), "URL="+w.url, "TOKEN="+w.token,
		"ADMIN="+w.server.token, "SESSION=demo", "no_proxy=*", "WAYSTATION_URL="+strings.Replace(w.url, "http", "ws", 1)+"/v1/ws", "WAYSTATION_TOKEN="+w.token)
	return c
}

// runCommands runs a block of commands, with URL, TOKEN (of the session), ADMIN and SESSION as variables.
func (w *docWorld) runCommands(b *doctest.Block) {
	w.t.Helper()
	for _, program := range []string{"sh", "curl", "sha256sum", "openssl"} {
		lookPath(w.t, program)
	}
	w.begin()
	c := w.command(strings.ReplaceAll(b.Text, "http://127.0.0.1:8480", w.url))
	c.Stdout, c.Stderr = &w.output, &w.output
	if err := c.Run(); err != nil {
		w.t.Errorf("%s:%d: %v in\n%s", b.Page, b.Line, err, w.output.String())
	}
}

var (
	fixedPort = regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0):84[0-9]{2}`)
	isUp      = regexp.MustCompile(`msg=listening|address +\S+|Token +\S+`)
	demoToken = regexp.MustCompile(`Token +(\S+)`)
	demoURL   = regexp.MustCompile(`Socket +ws://(\S+)/v1/ws`)
)

// runStart runs a block that starts a server, on a free port. With the word keep further blocks of the page use it.
func (w *docWorld) runStart(b *doctest.Block) {
	w.t.Helper()
	w.begin()
	free := testkit.FreeAddress(w.t)
	c := w.command(fixedPort.ReplaceAllString(b.Text, free))
	c.Env = append(c.Env, "WAYSTATION_LISTEN="+free, "LISTEN="+free)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out testkit.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	kill := func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
	}
	pattern := isUp
	if strings.Contains(b.Text, "demo") || strings.Contains(b.Text, "make run") {
		pattern = demoToken
	}
	testkit.Eventually(w.t, fmt.Sprintf("%s:%d: the server comes up", b.Page, b.Line), func() bool {
		return pattern.MatchString(out.String()) || w.t.Context().Err() != nil
	})
	if !b.Has("keep") {
		kill()
		return
	}
	w.t.Cleanup(kill)
	w.token = demoToken.FindStringSubmatch(out.String())[1]
	w.url = "http://" + demoURL.FindStringSubmatch(out.String())[1]
}

// runProgram runs a program until it has printed what docPages says, or compiles a file of a package.
func (w *docWorld) runProgram(b *doctest.Block) {
	w.t.Helper()
	if len(b.Attrs) > 0 && strings.HasPrefix(b.Attrs[0], "in=") {
		compileFile(w.t, b, strings.TrimPrefix(b.Attrs[0], "in="))
		return
	}
	w.begin()
	if w.ran >= len(w.how.programs) {
		w.t.Fatalf("%s:%d: docPages does not say what the program prints", b.Page, b.Line)
	}
	want := w.how.programs[w.ran]
	w.ran++
	dir := w.t.TempDir()
	var c *exec.Cmd
	if b.Lang == "js" {
		node := w.node(dir)
		file := filepath.Join(dir, "program.mjs")
		w.write(file, b.Text)
		c = w.command(`exec "` + node + `" "` + file + `"`)
	} else {
		file := filepath.Join(dir, "main.go")
		w.write(file, b.Text)
		binary := filepath.Join(dir, "program")
		build := exec.CommandContext(w.t.Context(), "go", "build", "-buildvcs=false", "-o", binary, file)
		build.Dir = doctest.RepositoryRoot()
		if out, err := build.CombinedOutput(); err != nil {
			w.t.Fatalf("%s:%d: %v\n%s", b.Page, b.Line, err, out)
		}
		c = w.command(`exec "` + binary + `"`)
	}
	var out testkit.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	defer func() {
		_ = c.Process.Kill()
		<-ended
		if w.t.Failed() {
			w.t.Logf("%s:%d printed\n%s", b.Page, b.Line, out.String())
		}
	}()
	testkit.Eventually(w.t, fmt.Sprintf("%s:%d prints %q", b.Page, b.Line, want), func() bool {
		if len(ended) > 0 && !strings.Contains(out.String(), want) {
			w.t.Errorf("%s:%d ended without printing %q:\n%s", b.Page, b.Line, want, out.String())
			return true
		}
		return strings.Contains(out.String(), want)
	})
}

// node finds Node and makes the module ws available in dir.
func (w *docWorld) node(dir string) string {
	w.t.Helper()
	modules := filepath.Join(doctest.RepositoryRoot(), "examples", "echo-bot", "node_modules")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "ws"))
	}
	if err == nil {
		err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		if os.Getenv("WAYSTATION_TEST_ALL") != "" {
			w.t.Fatal(err)
		}
		w.t.Skip("needs Node and npm ci in examples/echo-bot:", err)
	}
	return node
}

func (w *docWorld) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// compileFile compiles a block as a further file of a package of the repository.
func compileFile(t *testing.T, b *doctest.Block, dir string) {
	t.Helper()
	tmp, name := t.TempDir(), "zz_documentation.go"
	if b.Has("test") {
		name = "zz_documentation_test.go"
	}
	file := filepath.Join(tmp, name)
	if err := os.WriteFile(file, []byte(b.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(object{"Replace": map[string]string{filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(dir), name): file}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "go", "vet", "-overlay", list, "./"+dir)
	c.Dir = doctest.RepositoryRoot()
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s", b.Page, b.Line, err, out)
	}
}

// end checks the output of the page's commands.
func (w *docWorld) end() {
	if w.client != nil {
		_ = w.client.ws.CloseNow()
	}
	w.checkOutput()
	if w.ran != len(w.how.programs) {
		w.t.Errorf("docPages says that %s has %d programs, it has %d", w.page.Path, len(w.how.programs), w.ran)
	}
}

func checkJSON(t *testing.T, b *doctest.Block) {
	t.Helper()
	if !json.Valid([]byte(b.Text)) {
		t.Errorf("%s:%d: not JSON", b.Page, b.Line)
	}
}

func checkYAML(t *testing.T, b *doctest.Block) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(b.Text)))
	var value map[string]any
	if err := decoder.Decode(&value); err != nil || len(value) == 0 {
		t.Errorf("%s:%d: not YAML: %v", b.Page, b.Line, err)
	}
}

// checkEnvFile reads a block as the file of -env-file; every name in it is a setting.
func checkEnvFile(t *testing.T, b *doctest.Block) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte(b.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, unknown, err := config.Parse([]string{"-env-file", file}, nil); err != nil || len(unknown) > 0 {
		t.Errorf("%s:%d: %v %v", b.Page, b.Line, err, unknown)
	}
}
