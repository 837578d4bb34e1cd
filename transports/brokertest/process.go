package brokertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// envAll makes a program that is missing a failure.
const envAll = "WAYSTATION_TEST_ALL"

// requireProgram finds a program, or ends the test.
func requireProgram(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	name := filepath.Base(names[0])
	if os.Getenv(envAll) != "" {
		t.Fatalf("%s is needed", name)
	}
	t.Skipf("%s is not installed; make test sees to it", name)
	return ""
}

// process is a server that is started and killed, any number of times.
type process struct {
	name    string
	log     string // file
	command func() *exec.Cmd
	ready   func(ctx context.Context) error // asked until it is nil
	cmd     *exec.Cmd
	ended   chan struct{}
}

// startTimeout is how long a server may take until it answers; a busy machine needs a lot for RabbitMQ.
const startTimeout = 90 * time.Second

func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own ends with all its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(p.ended)
	if err := p.awaitReady(); err != nil {
		p.kill()
		return err
	}
	return nil
}

func (p *process) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-p.ended:
			err = errors.New("it ended")
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s did not start: %w\n%s", p.name, err, text)
	}
}

// kill ends the server at once, as a crash does.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
	p.cmd = nil
}

// sendSignal reaches the server and its children.
func (p *process) sendSignal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// server is a process that listens on a port of its own on this machine.
type server struct {
	process
	Port int
}

// Start starts the server again, on the same port.
func (s *server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server as a crash does.
func (s *server) Kill() { s.kill() }

// Freeze stops the server where it is: connections stay and nothing answers.
func (s *server) Freeze() { s.sendSignal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *server) Thaw() { s.sendSignal(syscall.SIGCONT) }

// Addr is where the server listens.
func (s *server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

func freePort(t testing.TB) int {
	t.Helper()
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// inMemory is a folder for the length of the test that no slow disk holds up, where there is such: sentinels and cluster nodes
// wait for their files, and one that waited for two seconds does nothing for half a minute.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "waystation-") //nolint:usetesting // that is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func logIn(dir string) string { return filepath.Join(dir, "log") }
