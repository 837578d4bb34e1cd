// Package proxy connects sessions to WhatsApp through proxies: HTTP and HTTPS with CONNECT, and SOCKS5.
//
// Proxy is the setting of a session. Network dials proxies through the guard for addresses that callers supply.
package proxy
