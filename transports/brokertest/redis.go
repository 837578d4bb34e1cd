package brokertest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// RedisOptions say how a Redis is set up.
type RedisOptions struct {
	User, Password string   // an ACL user with all rights; the default user is then disabled
	TLS            bool     // speaks nothing else
	Persist        bool     // keeps its data over a kill
	Args           []string // more of the command line
}

// RedisServer is a redis-server.
type RedisServer struct {
	server
	CAFile string // of its certificate, with TLS
	dir    string
	opt    RedisOptions
}

// Redis starts a server for the length of the test.
func Redis(t testing.TB, opt RedisOptions) *RedisServer {
	t.Helper()
	testkit.SkipIfShort(t)
	program := requireProgram(t, "redis-server")
	s := &RedisServer{server: server{Port: freePort(t)}, dir: inMemory(t), opt: opt}
	if opt.Persist {
		s.dir = t.TempDir()
	}
	args := []string{"--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--port", strconv.Itoa(s.Port), "--appendonly", "no", "--repl-diskless-sync-delay", "0"}
	if opt.Persist {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	if opt.TLS {
		cert, key := newCertificate(t, s.dir)
		s.CAFile = cert
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(s.Port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	}
	if opt.User != "" {
		rules := fmt.Sprintf("user default off\nuser %s on >%s ~* &* +@all\n", opt.User, opt.Password)
		acl := filepath.Join(s.dir, "users.acl")
		if err := os.WriteFile(acl, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--aclfile", acl)
	}
	s.process = process{
		name: "Redis", log: logIn(s.dir), ready: s.respondsTo,
		command: func() *exec.Cmd { return exec.Command(program, append(args, opt.Args...)...) },
	}
	t.Cleanup(s.Kill)
	s.Start(t)
	return s
}

// Replica starts a server that copies another one, and waits until it does.
func Replica(t testing.TB, of *RedisServer) *RedisServer {
	t.Helper()
	s := Redis(t, RedisOptions{Args: []string{"--replicaof", "127.0.0.1", strconv.Itoa(of.Port)}})
	s.waitUntil(t, "INFO replication", "master_link_status:up")
	return s
}

// Sentinel starts a sentinel that watches a server under the name "main" and knows all of its replicas. Half a second of
// silence is an end to it.
func Sentinel(t testing.TB, of *RedisServer, replicas int) *RedisServer {
	t.Helper()
	program := requireProgram(t, "redis-server")
	s := &RedisServer{server: server{Port: freePort(t)}, dir: inMemory(t)}
	conf := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n", s.Port, s.dir, of.Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = process{
		name: "Sentinel", log: logIn(s.dir), ready: s.respondsTo,
		command: func() *exec.Cmd { return exec.Command(program, conf, "--sentinel") },
	}
	t.Cleanup(s.Kill)
	s.Start(t)
	s.waitUntil(t, "INFO sentinel", fmt.Sprintf("slaves=%d,", replicas))
	return s
}

// Cluster starts masters, which share the slots between them, and replicas of the first one. They take half a second of
// silence for an end.
func Cluster(t testing.TB, masters, replicas int) []*RedisServer {
	t.Helper()
	testkit.SkipIfShort(t)
	const slots = 16384
	nodes := make([]*RedisServer, masters+replicas)
	var meet []string
	for i := range nodes {
		bus := freePort(t)
		nodes[i] = Redis(t, RedisOptions{Args: []string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "500", "--cluster-replica-validity-factor", "0",
		}})
		if i < masters {
			nodes[i].Do(t, fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/masters, (i+1)*slots/masters-1))
			nodes[i].Do(t, fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
		}
		if i > 0 {
			meet = append(meet, fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", nodes[i].Port, bus))
		}
	}
	joinCluster(t, nodes, meet)
	if replicas > 0 {
		name, err := nodes[0].sendCommand(context.Background(), "CLUSTER MYID")
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range nodes[masters:] {
			node.Do(t, "CLUSTER REPLICATE "+name)
			node.waitUntil(t, "INFO replication", "master_link_status:up")
		}
	}
	for _, node := range nodes {
		for _, replica := range nodes[masters:] {
			node.waitUntil(t, "CLUSTER NODES", fmt.Sprintf("127.0.0.1:%d@", replica.Port), "slave")
		}
	}
	return nodes
}

// URL is the server's address as clients take it.
func (s *RedisServer) URL() string { return s.URLAt(s.Addr()) }

// URLAt is the same with another host and port, a proxy's for example.
func (s *RedisServer) URLAt(addr string) string {
	scheme, user := "redis", ""
	if s.opt.TLS {
		scheme = "rediss"
	}
	if s.opt.User != "" {
		user = s.opt.User + ":" + s.opt.Password + "@"
	}
	return scheme + "://" + user + addr + "/0"
}

// Do runs a command that answers OK, as the user of the options.
func (s *RedisServer) Do(t testing.TB, command string) {
	t.Helper()
	if answer, err := s.sendCommand(context.Background(), command); err != nil || !strings.HasPrefix(answer, "+OK") {
		t.Fatalf("%s: %s %v", command, answer, err)
	}
}

// InStep waits until a replica has all that the server has.
func (s *RedisServer) InStep(t testing.TB, replica *RedisServer) {
	t.Helper()
	const field = "master_repl_offset:"
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		mine, err := s.sendCommand(context.Background(), "INFO replication")
		if at := strings.Index(mine, field); err == nil && at >= 0 {
			line, _, _ := strings.Cut(mine[at:], "\r\n")
			if theirs, _ := replica.sendCommand(context.Background(), "INFO replication"); strings.Contains(theirs, line+"\r\n") {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the replica did not catch up: %s %v", mine, err)
		}
	}
}

// joinCluster has the nodes of a cluster know each other. It says it again after a while, since they forget an introduction
// that takes them a second on a busy machine.
func joinCluster(t testing.TB, nodes []*RedisServer, meet []string) {
	t.Helper()
	const patience = 3 * time.Second
	together := fmt.Sprintf("cluster_known_nodes:%d", len(nodes))
	strangers := func(node *RedisServer) bool {
		_, ok := node.replyContains("CLUSTER INFO", "cluster_state:ok", together)
		return !ok
	}
	var said time.Time
	for deadline := time.Now().Add(startTimeout); slices.ContainsFunc(nodes, strangers); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			answer, _ := nodes[0].sendCommand(context.Background(), "CLUSTER NODES")
			t.Fatalf("the cluster does not come together: %s", answer)
		}
		if time.Since(said) > patience {
			said = time.Now()
			for _, command := range meet {
				nodes[0].Do(t, command)
			}
		}
	}
}

// replyContains sends a query, and reports whether the reply contains all of some texts.
func (s *RedisServer) replyContains(command string, texts ...string) (answer string, ok bool) {
	answer, err := s.sendCommand(context.Background(), command)
	return answer, err == nil && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(answer, text) })
}

// waitUntil repeats a command until its answer has all of some texts.
func (s *RedisServer) waitUntil(t testing.TB, command string, texts ...string) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		answer, ok := s.replyContains(command, texts...)
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has not %v in time: %s", command, texts, answer)
		}
	}
}

func (s *RedisServer) respondsTo(ctx context.Context) error {
	answer, err := s.sendCommand(ctx, "PING")
	if err == nil && !strings.HasPrefix(answer, "+PONG") && !strings.HasPrefix(answer, "-NOAUTH") {
		err = errors.New(answer)
	}
	return err
}

// sendCommand authenticates, sends one command as a line and returns the first reply.
func (s *RedisServer) sendCommand(ctx context.Context, command string) (string, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return "", err
	}
	if s.opt.TLS {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(conn)
	if s.opt.User != "" {
		if _, err = fmt.Fprintf(conn, "AUTH %s %s\r\n", s.opt.User, s.opt.Password); err == nil {
			_, err = r.ReadString('\n')
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(conn, "%s\r\n", command)
	}
	if err != nil {
		return "", err
	}
	line, err := r.ReadString('\n')
	if err == nil && line[0] == '$' { // a text of that many bytes follows
		size, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
		text := make([]byte, max(size, 0))
		_, err = io.ReadFull(r, text)
		line = string(text)
	}
	return line, err
}
