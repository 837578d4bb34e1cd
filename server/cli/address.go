package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// endpoints are the paths that people copy as the address of a server; the longer ones come before their suffixes.
var endpoints = []string{"/v1/health", "/v1/ws", "/v1/rpc", "/v1/events", "/health", "/ws"}

// endpointURL returns the URL of one endpoint of a server from user input: a host, host:port, or a URL with http,
// https, ws or wss, with or without a path. scheme is http or ws and becomes secure if the input is secure; an
// endpoint at the end of the input is replaced by path, and any other path is kept in front of it, as proxies need
// it.
func endpointURL(address, scheme, path string) (string, error) {
	text := strings.TrimSpace(address)
	if !strings.Contains(text, "://") {
		if strings.HasPrefix(text, ":") {
			text = "127.0.0.1" + text
		}
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("%w: -url: %q is not an address; use host:port or http://host:port", errUsage, withoutUser(address))
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		u.Scheme = scheme
	case "https", "wss":
		u.Scheme = scheme + "s"
	default:
		return "", fmt.Errorf("%w: -url: %q is not one of http, https, ws, wss", errUsage, u.Scheme)
	}
	prefix := strings.TrimRight(u.Path, "/")
	if i := slices.IndexFunc(endpoints, func(e string) bool { return strings.HasSuffix(prefix, e) }); i >= 0 {
		prefix = strings.TrimSuffix(prefix, endpoints[i])
	}
	u.Path, u.RawPath, u.Fragment = prefix+path, "", ""
	return u.String(), nil
}

// withoutUser removes credentials from an address for an error text.
func withoutUser(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return "***" + address[i:]
	}
	return address
}
