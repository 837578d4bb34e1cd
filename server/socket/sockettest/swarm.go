package sockettest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// env carries the options to the process of the clients.
const env = "WAYSTATION_SOCKETTEST"

// Options configure the clients. They are the same for all clients.
type Options struct {
	Addr     string // host:port
	Path     string // of the upgrade; default /
	Token    string // bearer token of the upgrade; empty = none
	Sockets  int    // clients
	Greeting string // first frame; one message is awaited in reply. Empty = none
	Call     string // sent by Call
	Lines    bool   // a frame holds as many messages as lines; else it is one
}

// Swarm is a process of connected clients.
type Swarm struct {
	tb  testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start connects the clients of a new process; it ends with the test.
func Start(tb testing.TB, o Options) *Swarm {
	tb.Helper()
	if o.Path == "" {
		o.Path = "/"
	}
	raw, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	s := &Swarm{tb: tb, cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(os.Environ(), env+"="+string(raw))
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.stopProcess)
	s.readAnswer()
	return s
}

func (s *Swarm) stopProcess() {
	_ = s.in.Close()
	_ = s.cmd.Wait() // it may have ended with an error of its own, which it has printed
}

func (s *Swarm) readAnswer() string {
	s.tb.Helper()
	line, err := s.out.ReadString('\n')
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "ok")
	if err != nil || !ok {
		s.tb.Fatalf("clients: %q %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (s *Swarm) sendCommand(format string, args ...any) string {
	s.tb.Helper()
	if _, err := fmt.Fprintf(s.in, format+"\n", args...); err != nil {
		s.tb.Fatal(err)
	}
	return s.readAnswer()
}

// Await returns when the clients together have received n more messages than at its last return.
func (s *Swarm) Await(n int) {
	s.tb.Helper()
	s.sendCommand("await %d", n)
}

// Call makes the first client send Options.Call n times, with at most inFlight unanswered. It returns when all are
// answered.
func (s *Swarm) Call(n, inFlight int) {
	s.tb.Helper()
	s.sendCommand("call %d %d", n, inFlight)
}

// Redial closes all connections and reconnects them with another greeting, atOnce at a time. It returns when each
// client has received messages messages after the reply to the greeting.
func (s *Swarm) Redial(greeting string, atOnce, messages int) {
	s.tb.Helper()
	raw, _ := json.Marshal(greeting) // on one line
	s.sendCommand("redial %d %d %s", atOnce, messages, raw)
}
