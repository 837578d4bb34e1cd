package outlets

import (
	"context"
	"math"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/redis"
)

// redisOptions are documented at redis.Config.
type redisOptions struct {
	Stream           string `json:"stream"`
	Channel          string `json:"channel"`
	MaxLen           int64  `json:"max_len"`
	MaxBytes         int    `json:"max_bytes"`
	Replicas         int    `json:"replicas"`
	TimeoutMS        int64  `json:"timeout_ms"`
	SentinelUser     string `json:"sentinel_user"`
	SentinelPassword string `json:"sentinel_password"`
	tlsOptions
}

// tlsOptions are documented at broker.TLS.
type tlsOptions struct {
	CAFile     string `json:"tls_ca_file"`
	CertFile   string `json:"tls_cert_file"`
	KeyFile    string `json:"tls_key_file"`
	ServerName string `json:"tls_server_name"`
	SkipVerify bool   `json:"tls_skip_verify"`
}

// resolveTLS refuses files of the server to all but its operator.
func (o *tlsOptions) resolveTLS(access Access) (broker.TLS, error) {
	var p refusal.Problems
	for _, f := range []struct{ field, path string }{{"tls_ca_file", o.CAFile}, {"tls_cert_file", o.CertFile}, {"tls_key_file", o.KeyFile}} {
		if f.path != "" && !access.Operator {
			p.Add(f.field, "is for global transports alone: it names a file of the server")
		}
	}
	return broker.TLS{CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile, ServerName: o.ServerName, SkipVerify: o.SkipVerify}, p.Err()
}

var redisKind = Kind{
	New: func() Options {
		return &redisOptions{MaxLen: redis.DefaultMaxLen, MaxBytes: redis.DefaultMaxBytes, TimeoutMS: redis.DefaultTimeout.Milliseconds()}
	},
	Secrets: []string{"sentinel_password"},
	Told:    []string{"sentinel_password"},
}

// applyDefaults names the stream that is used when nothing is named.
func (o *redisOptions) applyDefaults() {
	if o.Stream == "" && o.Channel == "" {
		o.Stream = redis.DefaultStream
	}
}

// Open implements Options.
func (o *redisOptions) Open(address string, access Access) (Connection, error) {
	secured, err := o.resolveTLS(access)
	if err != nil {
		return nil, err
	}
	s, err := redis.Open(redis.Config{
		URL: address, SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword, TLS: secured, Dial: access.Dial,
		Stream: o.Stream, Channel: o.Channel, MaxLen: o.MaxLen, MaxBytes: o.MaxBytes, Replicas: o.Replicas,
		Timeout: milliseconds(o.TimeoutMS), MaxHalves: access.MaxNames,
	})
	if err != nil {
		return nil, renameFields(err, map[string]string{"timeout": "timeout_ms"})
	}
	return redisConnection{s, address}, nil
}

// Hosts implements Options.
func (o *redisOptions) Hosts(address string) (list []Host) {
	for _, at := range redis.Hosts(address) {
		host, _, err := net.SplitHostPort(at)
		if err == nil {
			list = append(list, Host{"url", host})
		}
	}
	return list
}

type redisConnection struct {
	*redis.Sink
	address string
}

// Test implements Connection.
func (c redisConnection) Test(ctx context.Context, session string) (r Report, err error) {
	r.Host, r.Port = hostPort(c.address)
	_, err = c.Sink.Test(ctx, session)
	return r, err
}

// Figures implements Connection.
func (c redisConnection) Figures() Figures { return Figures{Figures: c.Stats()} }

// hostPort are those of an address with one host.
func hostPort(address string) (host string, port int) {
	u, err := url.Parse(address)
	if err != nil {
		return "", 0
	}
	host, text, err := net.SplitHostPort(u.Host)
	if err != nil {
		return u.Hostname(), 0
	}
	port, _ = strconv.Atoi(text)
	return host, port
}

// milliseconds converts milliseconds; an overflow becomes a value that every field rejects.
func milliseconds(ms int64) time.Duration {
	switch {
	case ms < 0:
		return -1
	case ms > math.MaxInt64/int64(time.Millisecond):
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
