package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// refused lists addresses that are not public besides those known to netip (private, loopback, link-local, multicast, unspecified), after the IANA
// registries of special-purpose addresses.
var refused = parsePrefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // carrier-grade NAT; cloud metadata of some providers
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, and broadcast
	"2001::/23",       // protocol assignments, Teredo among them
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: carries an IPv4 address
	"3fff::/20",       // documentation
)

// assigned is the part of IPv6 allocated to the public internet. Outside of it are the forms that carry IPv4 addresses to translators (64:ff9b::/96,
// ::ffff:0:0:0/96) and addresses for private use.
var assigned = netip.MustParsePrefix("2000::/3")

func parsePrefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// isPublic reports whether an address belongs to the public internet.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Zone() != "" || addr.Is6() && !assigned.Contains(addr) {
		return false
	}
	for _, prefix := range refused {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}

// allowList holds the operator's exceptions.
type allowList struct {
	hosts    map[string]portSet
	prefixes []allowedPrefix
}

type allowedPrefix struct {
	prefix netip.Prefix
	ports  portSet
}

// portSet are the ports that an entry allows.
type portSet struct {
	all   bool
	ports []uint16
}

func (s portSet) with(other portSet) portSet {
	return portSet{s.all || other.all, append(s.ports[:len(s.ports):len(s.ports)], other.ports...)}
}

// has reports whether a port is in the set; port 0 is any of them.
func (s portSet) has(port uint16) bool { return s.all || port == 0 || slices.Contains(s.ports, port) }

func parseAllowList(entries []string, bare []uint16) (allowList, error) {
	list := allowList{hosts: map[string]portSet{}}
	for _, entry := range entries {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		target, ports, ok := splitEntry(entry, portSet{len(bare) == 0, bare})
		if !ok {
			return allowList{}, fmt.Errorf("guard: allow list: %q has a port that is neither a number from 1 to 65535 nor *", entry)
		}
		if prefix, err := netip.ParsePrefix(target); err == nil {
			list.prefixes = append(list.prefixes, allowedPrefix{prefix.Masked(), ports})
			continue
		}
		if addr, err := netip.ParseAddr(target); err == nil {
			addr = addr.Unmap()
			list.prefixes = append(list.prefixes, allowedPrefix{netip.PrefixFrom(addr, addr.BitLen()), ports})
			continue
		}
		host := canonicalHost(target)
		if strings.ContainsAny(host, "/:@[] ") || numericHost(host) || !isASCII(host) {
			return allowList{}, fmt.Errorf("guard: allow list: %q is neither a host name, an address nor a CIDR, with or without :port", entry)
		}
		list.hosts[host] = list.hosts[host].with(ports)
	}
	return list, nil
}

// splitEntry splits an entry into host, address or network, and the ports of "host:8080", "host:*", "[fd00::1]:8080" or
// "10.0.0.0/8:8080". An entry without a port has the bare ones. It reports false for a port that is not usable.
func splitEntry(entry string, bare portSet) (target string, ports portSet, ok bool) {
	_, notPrefix := netip.ParsePrefix(entry)
	_, notAddr := netip.ParseAddr(entry)
	colon := strings.LastIndexByte(entry, ':')
	unbracketed := func(text string) string { return strings.TrimSuffix(strings.TrimPrefix(text, "["), "]") }
	if notPrefix == nil || notAddr == nil || colon < 0 || strings.HasSuffix(entry, "]") {
		return unbracketed(entry), bare, true
	}
	target = unbracketed(entry[:colon])
	if entry[colon+1:] == "*" {
		return target, portSet{all: true}, true
	}
	if strings.Contains(entry, "://") { // an URL, which the caller refuses as a host
		return entry, bare, true
	}
	port, err := strconv.ParseUint(entry[colon+1:], 10, 16)
	return target, portSet{ports: []uint16{uint16(port)}}, err == nil && port != 0
}

// addr reports whether an address and port are allowed.
func (l allowList) addr(addr netip.Addr, port uint16) bool {
	addr = addr.Unmap()
	for _, allowed := range l.prefixes {
		if allowed.prefix.Contains(addr) && allowed.ports.has(port) {
			return true
		}
	}
	return false
}

// host reports whether a host, which is canonical, and a port are allowed.
func (l allowList) host(host string, port uint16) bool {
	ports, listed := l.hosts[host]
	return listed && ports.has(port)
}

// numericHost finds hosts that some resolvers read as an address although they
// are not written as one: 2130706433, 0x7f.1, 017700000001, 127.1.
func numericHost(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return true
	}
	if strings.HasPrefix(last, "0x") {
		return true
	}
	return strings.Trim(last, "0123456789") == ""
}
