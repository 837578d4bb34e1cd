package proxy

import (
	"net/url"
	"strings"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// Proxy is the proxy through which a session connects to WhatsApp. URL may contain a password: it is never logged, and
// other packages receive only the result of Masked.
type Proxy struct {
	Enabled bool   `json:"enabled"`
	URL     string `json:"url"`
}

const (
	maskedSecret   = "***"
	maxProxyLength = 2048
)

// Masked returns the proxy with its password masked.
func (p Proxy) Masked() Proxy {
	u, err := url.Parse(p.URL)
	if err != nil {
		return Proxy{Enabled: p.Enabled}
	}
	if _, has := u.User.Password(); has {
		name := u.User.Username()
		u.User = nil
		masked := u.String()
		if scheme, rest, found := strings.Cut(masked, "//"); found {
			masked = scheme + "//" + url.User(name).String() + ":" + maskedSecret + "@" + rest
		}
		p.URL = masked
		return p
	}
	return p
}

// MergeChange returns the proxy after a change: an empty URL, or the masked form of the stored URL, keeps the stored one.
func (p Proxy) MergeChange(change Proxy) (Proxy, error) {
	change.URL = strings.TrimSpace(change.URL)
	out := Proxy{Enabled: change.Enabled, URL: guard.NormalizeOrKeep(change.URL)}
	if change.URL == "" || change.URL == p.Masked().URL {
		out.URL = p.URL
	}
	return out, out.CheckURL()
}

// CheckURL returns an error that names the field url if the address is not usable.
func (p Proxy) CheckURL() error {
	if p.URL == "" {
		if p.Enabled {
			return wa.BadParam("url", "is needed to switch the proxy on")
		}
		return nil
	}
	if len(p.URL) > maxProxyLength {
		return wa.BadParam("url", "is longer than %d characters", maxProxyLength)
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return wa.BadParam("url", "is not an address like socks5://user:password@host:port")
	}
	switch u.Scheme {
	case "http", "https", "socks5":
	default:
		return wa.BadParam("url", "must begin with http, https or socks5")
	}
	if password, _ := u.User.Password(); password == maskedSecret {
		return wa.BadParam("url", "holds a masked password that is not the stored one's")
	}
	return nil
}
