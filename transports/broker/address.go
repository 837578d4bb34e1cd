package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/waystation/waystation/transports/kit/refusal"
)

// Mask is a URL as it may be shown: without password, query and fragment. It reads any text, lists of hosts and passwords
// with characters that should have been escaped among them.
func Mask(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return "***"
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, _, secret := strings.Cut(rest[:at], ":")
		if secret {
			user += ":***"
		}
		rest = user + rest[at:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + "://" + rest
}

// TLS configures the verification of the broker and the client certificate. Its zero value verifies against the machine's roots.
type TLS struct {
	CAFile            string // PEM; certificates that are believed, in the place of the machine's
	CertFile, KeyFile string // PEM; of the client, both or none
	ServerName        string // in the certificate; empty = the host of the URL
	SkipVerify        bool   // believe any certificate; for tests
}

// Config reads the files. The error names the field.
func (t TLS) Config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: t.SkipVerify}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, refusal.Problems{{Field: "tls_ca_file", Text: "cannot be read: " + fileReason(err)}}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, refusal.Problems{{Field: "tls_ca_file", Text: "holds no PEM certificate"}}
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, refusal.Problems{{Field: "tls_cert_file", Text: fmt.Sprintf("and tls_key_file are no pair: %s", fileReason(err))}}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// fileReason returns the error of a file, without its path.
func fileReason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Dial opens connections to a broker: the place where the addresses that tenants may name are guarded.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)
