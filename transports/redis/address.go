package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/waystation/waystation/transports/broker"
)

// form is the kind of an address.
type form int

const (
	single form = iota
	sentinel
	cluster
)

// schemes are the accepted URL schemes.
var schemes = map[string]struct {
	form form
	tls  bool
}{
	"redis": {single, false}, "rediss": {single, true},
	"redis+sentinel": {sentinel, false}, "rediss+sentinel": {sentinel, true},
	"redis+cluster": {cluster, false}, "rediss+cluster": {cluster, true},
}

// place is an address taken apart.
type place struct {
	form     form
	tls      bool
	addrs    []string // host:port of servers or sentinels
	user     string
	password string
	master   string // name at the sentinels
	db       int
}

// Errors of an address; none contains any part of it.
var (
	errScheme   = errors.New("must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://")
	errUnread   = errors.New("cannot be read: write special characters of user and password as %xx")
	errHost     = errors.New("names no host, or a port that is no number up to 65535")
	errPath     = errors.New("must end with the number of a database, or nothing")
	errOneHost  = errors.New("names several hosts, which is for redis+sentinel:// and redis+cluster://")
	errMaster   = errors.New("must name the master at the sentinels after the hosts: redis+sentinel://host:26379/name")
	errOneDB    = errors.New("names a database, of which a cluster has only one")
	errNoParams = errors.New("must have no ? or #")
)

// defaultPort is where servers listen when a URL does not say.
var defaultPort = map[form]string{single: "6379", sentinel: "26379", cluster: "6379"}

// parseURL takes an address apart. Hosts are split off by hand, because lists of them are no part of a URL.
func parseURL(text string) (*place, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	kind, known := schemes[scheme]
	if !known {
		return nil, errScheme
	}
	p := &place{form: kind.form, tls: kind.tls}
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		hosts = authority[at+1:]
		u, err := url.Parse("redis://" + authority[:at+1] + "host")
		if err != nil || u.User == nil {
			return nil, errUnread
		}
		p.user = u.User.Username()
		p.password, _ = u.User.Password()
	}
	if strings.ContainsAny(path+hosts, "?#") {
		return nil, errNoParams
	}
	for host := range strings.SplitSeq(hosts, ",") {
		u, err := url.Parse("redis://" + host)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" {
			return nil, errHost
		}
		port := u.Port()
		if port == "" {
			port = defaultPort[p.form]
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errHost
		}
		p.addrs = append(p.addrs, net.JoinHostPort(u.Hostname(), port))
	}
	return p, p.parsePath(path)
}

// Hosts returns the hosts of an address, with their ports; empty for an address that Config.Validate rejects.
func Hosts(address string) []string {
	p, err := parseURL(address)
	if err != nil {
		return nil
	}
	return p.addrs
}

func (p *place) parsePath(path string) error {
	if p.form == single && len(p.addrs) > 1 {
		return errOneHost
	}
	if p.form == sentinel {
		master, db, _ := strings.Cut(path, "/")
		name, err := url.PathUnescape(master)
		if err != nil || name == "" {
			return errMaster
		}
		p.master, path = name, db
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 16)
	if err != nil {
		return errPath
	}
	if p.form == cluster && db != 0 {
		return errOneDB
	}
	p.db = int(db)
	return nil
}

// silenceLog keeps go-redis from writing to standard error: failures are returned as errors.
var silenceLog = sync.OnceFunc(func() { redis.SetLogger(discardLogger{}) })

type discardLogger struct{}

// Printf implements the library's logger.
func (discardLogger) Printf(context.Context, string, ...any) {}

// newClient makes a client; it does not connect yet.
func newClient(p *place, cfg *Config) (redis.UniversalClient, error) {
	silenceLog()
	o := &redis.UniversalOptions{
		Addrs: slices.Clone(p.addrs), DB: p.db, Username: p.user, Password: p.password, MasterName: p.master,
		SentinelUsername: cfg.SentinelUser, SentinelPassword: cfg.SentinelPassword,
		IsClusterMode: p.form == cluster,
		OnConnect: func(ctx context.Context, c *redis.Conn) error {
			err := c.ClientSetName(ctx, "waystation").Err() // shown by CLIENT LIST
			if redis.HasErrorPrefix(err, "NOPERM") {        // an ACL user may lack the command
				return nil
			}
			return err
		},
		MaxRetries: -1, DialerRetries: 1, // the dispatcher tries again
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
		ContextTimeoutEnabled: true,
		PoolSize:              cfg.Pipelines + 1, // one for tests of the connection
		PipelinePoolSize:      cfg.Pipelines,
		DisableIdentity:       true, // commands that an ACL user may lack
		// Notices of planned moves are a command that an ACL user may lack too; a move is a failure that is tried again.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	dial, err := newDialer(p, cfg)
	if err != nil {
		return nil, err
	}
	o.Dialer = dial
	return redis.NewUniversalClient(o), nil
}

// newDialer connects, and speaks TLS where the address says so: with each server of a cluster under its own name.
func newDialer(p *place, cfg *Config) (broker.Dial, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: cfg.Timeout}).DialContext
	}
	if !p.tls {
		return dial, nil
	}
	config, err := cfg.TLS.Config("")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := config
		if c.ServerName == "" {
			c = config.Clone()
			c.ServerName, _, _ = net.SplitHostPort(address)
		}
		secure := tls.Client(conn, c)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}, nil
}
