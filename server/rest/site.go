package rest

import (
	"net/http"
	"net/url"
	"strings"
)

// BaseURL returns the address of this server without a slash at the end, as the caller knows it.
func (x *Exchange) BaseURL() string {
	if public := x.shim.cfg.PublicURL; public != "" {
		return strings.TrimSuffix(public, "/")
	}
	if x.Request.TLS != nil {
		return "https://" + x.Request.Host
	}
	return "http://" + x.Request.Host
}

// IsSafe reports whether the request changes nothing by its HTTP method.
func (x *Exchange) IsSafe() bool {
	return x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
}

// IsSameOrigin reports whether the request comes from a page of this server, or from no page: browsers name the page in each request that changes
// something.
func (x *Exchange) IsSameOrigin() bool {
	if site := x.Request.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	page := x.Request.Header.Get("Origin")
	if page == "" {
		return true
	}
	from, err := url.Parse(page)
	if err != nil || from.Host == "" {
		return false
	}
	base, err := url.Parse(x.BaseURL())
	return strings.EqualFold(from.Host, x.Request.Host) || err == nil && strings.EqualFold(from.Host, base.Host) && from.Scheme == base.Scheme
}
