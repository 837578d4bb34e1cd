package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// NoSession is the value of Session for no session.
const NoSession = "none"

// maxTokenFile limits a token file, in bytes.
const maxTokenFile = 4096

// check checks the rules that span fields, and reads the admin token's file.
func (c *Config) check() (problems []error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.AdminToken != "" && c.AdminTokenFile != "" {
		problem("admin-token and admin-token-file are both set; give one")
	} else if c.AdminTokenFile != "" {
		token, err := ReadTokenFile(c.AdminTokenFile)
		if err != nil {
			problem("admin-token-file: %w", err)
		}
		c.AdminToken = token
	}
	for _, err := range c.readSecrets() {
		problem("%w", err)
	}
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		problem("listen: %q is not host:port", c.Listen)
	case c.AdminToken == "" && c.AdminTokenFile == "" && !isLoopback(host):
		problem("listen: %s can be reached from other machines, which needs an admin token: set %sADMIN_TOKEN or -admin-token-file, or listen on 127.0.0.1", c.Listen, Prefix)
	}
	if u, err := url.Parse(c.PublicURL); err != nil || c.PublicURL != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		problem("public-url: %q is not an http or https address", c.PublicURL)
	}
	if u, err := url.Parse(c.UpdateFeed); err != nil || c.UpdateFeed != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		problem("update-feed: is no http or https address")
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		problem("timezone: %q is no IANA time zone", c.Timezone)
	}
	if u, err := url.Parse(c.RemoveBackgroundURL); err != nil || c.RemoveBackgroundURL != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		problem("remove-background-url: %q is not an http or https address", c.RemoveBackgroundURL)
	}
	if _, _, err := net.SplitHostPort(c.MetricsListen); c.MetricsListen != "" && err != nil {
		problem("metrics-listen: %q is not host:port", c.MetricsListen)
	}
	if c.DataDir == "" {
		problem("data-dir: must not be empty")
	}
	if scheme, _, isURL := strings.Cut(c.Database, "://"); isURL && scheme != "postgres" && scheme != "postgresql" {
		problem("database: %s:// is no database of this server; give a file path for SQLite, or postgres://user:password@host/name", scheme)
	}
	if c.Sandbox && c.SandboxAddr != "" {
		problem("sandbox and sandbox-addr exclude each other: the network is in this process or in another")
	}
	if c.GovernorPauseMax < c.GovernorPauseMin {
		problem("governor-pause-max: %v is less than governor-pause-min, %v", c.GovernorPauseMax, c.GovernorPauseMin)
	}
	if c.Demo && !c.Sandbox {
		problem("demo needs sandbox")
	}
	if c.SandboxRoot != "" {
		if c.SandboxAddr == "" {
			problem("sandbox-root needs sandbox-addr")
		}
		if b, err := hex.DecodeString(c.SandboxRoot); err != nil || len(b) != 32 {
			problem("sandbox-root: must be 64 hexadecimal digits")
		}
	}
	if c.SandboxAddr != "" {
		host, _, err := net.SplitHostPort(c.SandboxAddr)
		if err != nil || !isLoopback(host) {
			problem("sandbox-addr: %q is not host:port on this machine; the sandbox speaks plain TCP", c.SandboxAddr)
		}
	}
	return problems
}

// OnSandbox reports whether the server uses the simulated network.
func (c *Config) OnSandbox() bool { return c.Sandbox || c.SandboxAddr != "" }

// DatabasePath returns the path or URL of the database, including the default, and whether it is that default.
func (c *Config) DatabasePath() (path string, isDefault bool) {
	switch {
	case c.Database != "":
		return c.Database, false
	case c.Sandbox:
		return filepath.Join(c.DataDir, "sandbox.db"), true
	case c.SandboxAddr != "":
		return filepath.Join(c.DataDir, "sandbox-attached.db"), true
	}
	return filepath.Join(c.DataDir, "waystation.db"), true
}

// Root is SandboxRoot decoded; ok is false when it is not set.
func (c *Config) Root() (root [32]byte, ok bool) {
	b, err := hex.DecodeString(c.SandboxRoot)
	if err != nil || len(b) != len(root) {
		return root, false
	}
	return [32]byte(b), true
}

// ReadTokenFile reads a token from a file that contains only the token; surrounding white space is dropped.
func ReadTokenFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxTokenFile {
		return "", fmt.Errorf("%s is too large for a token", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", errors.New(path + " is empty")
	}
	return token, nil
}

// isLoopback reports whether only this machine can connect to the host. An empty host is every address.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
