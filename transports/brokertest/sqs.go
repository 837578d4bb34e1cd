package brokertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// SQSServer is an SQS server that keeps its data after a kill; only deleted messages reappear. It accepts any credentials.
type SQSServer struct {
	server
	kept string // file
}

// SQS starts a server for the length of the test.
func SQS(t testing.TB) *SQSServer {
	t.Helper()
	testkit.SkipIfShort(t)
	node := requireProgram(t, "node")
	_, here, _, _ := runtime.Caller(0)
	program := filepath.Join(filepath.Dir(here), "testdata", "sqs", "server.js")
	if _, err := os.Stat(filepath.Join(filepath.Dir(program), "node_modules", "local-aws-sqs")); err != nil {
		if os.Getenv(envAll) != "" {
			t.Fatal(err)
		}
		t.Skip("needs npm ci in brokertest/testdata/sqs, which make test sees to:", err)
	}
	dir := t.TempDir()
	s := &SQSServer{server: server{Port: freePort(t)}, kept: filepath.Join(dir, "kept")}
	s.process = process{
		name: "SQS", log: logIn(dir), ready: listensAt(s.Port),
		command: func() *exec.Cmd { return exec.Command(node, program, strconv.Itoa(s.Port), s.kept) },
	}
	t.Cleanup(s.Kill)
	s.Start(t)
	return s
}

// Forget deletes the data of a killed server: it starts without queues.
func (s *SQSServer) Forget(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(s.kept); err != nil {
		t.Fatal(err)
	}
}

// URL is the server's endpoint.
func (s *SQSServer) URL() string { return "http://" + s.Addr() }
