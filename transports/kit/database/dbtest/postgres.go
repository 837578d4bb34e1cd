// Package dbtest gives tests a real database: a throw-away PostgreSQL server on
// loopback, one a test binary. It relies on the driver that package database, whose
// users it serves, brings into the binary.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// EnvPostgres names a PostgreSQL to use instead of a server of our own: an address
// with the right to create databases.
const EnvPostgres = "WAYSTATION_TEST_POSTGRES"

// Server is a PostgreSQL server process.
type Server struct {
	dir, bin string
	port     int
	cmd      *exec.Cmd
}

var (
	once      sync.Once
	shared    *Server
	sharedErr error
	databases atomic.Uint64
)

// Runner is a package's tests with Main around them, for goleak.VerifyTestMain.
type Runner struct{ M interface{ Run() int } }

// Run runs the tests and stops the shared PostgreSQL.
func (r Runner) Run() int { return Main(r.M) }

// Main runs a package's tests and stops the shared server after them.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	if shared != nil {
		shared.Close()
	}
	return code
}

// Postgres returns the address of an empty database on the shared server. Its
// absence fails the test, unless -short asks for less.
func Postgres(t testing.TB) string {
	t.Helper()
	testkit.SkipIfShort(t)
	base := os.Getenv(EnvPostgres)
	if base == "" {
		once.Do(func() { shared, sharedErr = StartPostgres() })
		if sharedErr != nil {
			if testing.Short() {
				t.Skipf("no PostgreSQL: %v", sharedErr)
			}
			t.Fatalf("PostgreSQL is needed (package postgresql, or %s): %v", EnvPostgres, sharedErr)
		}
		base = shared.URL("postgres")
	}
	address, err := newDatabase(base, fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newDatabase(base, name string) (string, error) {
	db, err := sql.Open("pgx", base)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if _, err = db.Exec("CREATE DATABASE " + name); err != nil {
		return "", err
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// StartPostgres starts a server of its own, for tests that stop and start it.
func StartPostgres() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "waystation-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if s.port, err = testkit.FreePort(); err == nil {
		err = s.init()
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func binaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL server binaries found")
	}
	return found[len(found)-1], nil
}

// URL is the address of a database on the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// command runs a server program; PostgreSQL refuses to be root.
func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return cmd, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err = os.Chown(s.dir, uid, gid); err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return cmd, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) init() error {
	cmd, err := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// Start starts the server and waits until it answers.
func (s *Server) Start() error {
	cmd, err := s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "logging_collector=off")
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err = cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	return s.waitReady()
}

func (s *Server) waitReady() error {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("PostgreSQL did not start: %w: %s", err, text)
		case <-tick.C:
		}
	}
}

// Stop kills the server at once, as a crash would.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown: children end too
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Close stops the server and removes its files.
func (s *Server) Close() {
	s.Stop()
	_ = os.RemoveAll(s.dir)
}
