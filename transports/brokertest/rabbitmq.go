package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// RabbitMQServer is a RabbitMQ node with an Erlang port mapper of its own. User and password are guest.
type RabbitMQServer struct {
	process
	Port    int
	CAFile  string // of its certificate
	secure  int    // port that speaks TLS
	dir     string
	env     []string
	mapper  process
	control string // rabbitmqctl
}

var (
	sharedOnce sync.Once
	shared     *RabbitMQServer
	sharedErr  error
)

// Runner is a package's tests with Main around them, for goleak.VerifyTestMain.
type Runner struct{ M interface{ Run() int } }

// Run runs the tests and stops the shared RabbitMQ.
func (r Runner) Run() int { return Main(r.M) }

// Main runs a package's tests and stops the shared RabbitMQ after them.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	if shared != nil {
		shared.close()
	}
	return code
}

// RabbitMQ returns the server that all tests of a package share, since it takes seconds to start; it is started if a test
// killed it. The package's TestMain calls Main.
func RabbitMQ(t testing.TB) *RabbitMQServer {
	t.Helper()
	testkit.SkipIfShort(t)
	// Debian's program on the path switches to a user that may not read the folder.
	program := requireProgram(t, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
	requireProgram(t, "epmd")
	sharedOnce.Do(func() { shared, sharedErr = newRabbitMQ(t, program) })
	if sharedErr != nil {
		t.Fatal(sharedErr)
	}
	if shared.cmd == nil {
		shared.Start(t)
	}
	return shared
}

func newRabbitMQ(t testing.TB, program string) (*RabbitMQServer, error) {
	dir, err := os.MkdirTemp("", "waystation-rabbitmq-") //nolint:usetesting // it outlives the test that starts it
	if err != nil {
		return nil, err
	}
	s := &RabbitMQServer{dir: dir, control: filepath.Join(filepath.Dir(program), "rabbitmqctl")}
	ports := make([]int, 4)
	for i := range ports {
		if ports[i], err = testkit.FreePort(); err != nil {
			return nil, err
		}
	}
	s.Port, s.secure = ports[0], ports[3]
	cert, key := newCertificate(t, dir)
	s.CAFile = cert
	s.env = append(os.Environ(),
		"HOME="+dir, "ERL_EPMD_PORT="+strconv.Itoa(ports[1]), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=way"+strconv.Itoa(s.Port)+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+strconv.Itoa(s.Port), "RABBITMQ_DIST_PORT="+strconv.Itoa(ports[2]),
		"RABBITMQ_MNESIA_BASE="+dir+"/data", "RABBITMQ_LOG_BASE="+dir+"/logs", "RABBITMQ_CONF_ENV_FILE="+dir+"/env.conf",
		"RABBITMQ_CONFIG_FILE="+dir+"/rabbitmq", "RABBITMQ_ENABLED_PLUGINS_FILE="+dir+"/plugins", "RUNNING_UNDER_SYSTEMD=true",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +sbwt none",
	)
	for name, text := range map[string]string{
		".erlang.cookie": "WAYSTATIONTESTCOOKIE", "env.conf": "", "plugins": "[].\n",
		"rabbitmq.conf": fmt.Sprintf("loopback_users.guest = true\nlog.console = true\nlog.file = false\nlisteners.ssl.1 = 127.0.0.1:%d\n"+
			"ssl_options.cacertfile = %s\nssl_options.certfile = %s\nssl_options.keyfile = %s\nssl_options.verify = verify_none\n", s.secure, cert, cert, key),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o400); err != nil {
			return nil, err
		}
	}
	s.mapper = process{
		name: "epmd", log: filepath.Join(dir, "epmd.log"),
		command: func() *exec.Cmd {
			cmd := exec.Command("epmd", "-port", strconv.Itoa(ports[1]), "-address", "127.0.0.1")
			cmd.Env = s.env
			return cmd
		},
		ready: listensAt(ports[1]),
	}
	s.process = process{
		name: "RabbitMQ", log: logIn(dir),
		command: func() *exec.Cmd {
			cmd := exec.Command(program)
			cmd.Env, cmd.Dir = s.env, dir
			return cmd
		},
		ready: s.complete,
	}
	if err := s.mapper.start(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// listensAt returns a function that reports whether a server accepts connections at a port.
func listensAt(port int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
}

// complete looks for the line with which the server says that it is there.
func (s *RabbitMQServer) complete(context.Context) error {
	text, err := os.ReadFile(s.log)
	if err == nil && !bytes.Contains(text, []byte("Server startup complete")) {
		err = errors.New("still starting")
	}
	return err
}

// Start starts the server again, on the same port and with its data.
func (s *RabbitMQServer) Start(t testing.TB) {
	t.Helper()
	_ = os.Remove(s.log)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server as a crash does. Its data on disk stays.
func (s *RabbitMQServer) Kill() { s.kill() }

// Control runs rabbitmqctl, which takes seconds.
func (s *RabbitMQServer) Control(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command(s.control, args...)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rabbitmqctl %v: %v\n%s", args, err, out)
	}
}

// Rights are the rights of a user in the virtual host /: patterns of the names it may declare, publish to and read from. Keys, if set, are the
// routing keys that it may publish with to the topic exchange Exchange.
type Rights struct {
	Configure, Write, Read string
	Exchange, Keys         string
}

// All is the pattern of every name, None that of no name.
const (
	All  = ".*"
	None = "^$"
)

// SetUser creates a user, or changes its rights, with its name as the password; it takes seconds. An open channel caches its rights.
func (s *RabbitMQServer) SetUser(t testing.TB, name string, r Rights) {
	t.Helper()
	quote := func(text string) string { return `<<"` + strings.ReplaceAll(text, `\`, `\\`) + `">>` }
	user, host, by := quote(name), quote("/"), quote("test")
	steps := []string{
		fmt.Sprintf("case rabbit_auth_backend_internal:exists(%s) of true -> rabbit_auth_backend_internal:change_password(%s,%s,%s); false -> rabbit_auth_backend_internal:add_user(%s,%s,%s) end",
			user, user, user, by, user, user, by),
		fmt.Sprintf("ok = rabbit_auth_backend_internal:set_permissions(%s,%s,%s,%s,%s,%s)", user, host, quote(r.Configure), quote(r.Write), quote(r.Read), by),
	}
	if r.Keys != "" {
		steps = append(steps, fmt.Sprintf("ok = rabbit_auth_backend_internal:set_topic_permissions(%s,%s,%s,%s,%s,%s)", user, host, quote(r.Exchange), quote(r.Keys), quote(All), by))
	}
	s.Control(t, "eval", strings.Join(steps, ", ")+".")
}

// Addr is where the server listens.
func (s *RabbitMQServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is the server's address as clients take it.
func (s *RabbitMQServer) URL() string { return s.URLAt(s.Addr()) }

// TLSURL is the server's address for clients that speak TLS.
func (s *RabbitMQServer) TLSURL() string {
	return fmt.Sprintf("amqps://guest:guest@127.0.0.1:%d/", s.secure)
}

// URLAt is the same with another host and port, a proxy's for example.
func (s *RabbitMQServer) URLAt(addr string) string {
	return fmt.Sprintf("amqp://guest:guest@%s/", addr)
}

func (s *RabbitMQServer) close() {
	s.kill()
	s.mapper.kill()
	_ = os.RemoveAll(s.dir)
}
