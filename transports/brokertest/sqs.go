package brokertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// SQSServer is an SQS server in memory: what it had is gone with it. It takes any credentials.
type SQSServer struct {
	server
}

// SQS starts a server for the length of the test.
func SQS(t testing.TB) *SQSServer {
	t.Helper()
	node := need(t, "node")
	_, here, _, _ := runtime.Caller(0)
	program := filepath.Join(filepath.Dir(here), "testdata", "sqs", "server.js")
	if _, err := os.Stat(filepath.Join(filepath.Dir(program), "node_modules", "local-aws-sqs")); err != nil {
		if os.Getenv(envAll) != "" {
			t.Fatal(err)
		}
		t.Skip("needs npm ci in brokertest/testdata/sqs, which make test sees to:", err)
	}
	s := &SQSServer{server: server{Port: freePort(t)}}
	s.process = process{
		name: "SQS", log: logIn(t.TempDir()), ready: listens(s.Port),
		command: func() *exec.Cmd { return exec.Command(node, program, strconv.Itoa(s.Port)) },
	}
	t.Cleanup(s.Kill)
	s.Start(t)
	return s
}

// URL is the server's endpoint.
func (s *SQSServer) URL() string { return "http://" + s.Addr() }
