package guard

import (
	"fmt"
	"net/netip"
	"strings"
)

// refused lists what is not public beyond what netip can tell (private,
// loopback, link-local, multicast, unspecified), after the IANA registries of
// special-purpose addresses.
var refused = prefixes(
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

// assigned is what of IPv6 is given out for the open internet. Outside of it are the forms that carry IPv4 addresses to
// translators (64:ff9b::/96, ::ffff:0:0:0/96) and what each network does with as it likes.
var assigned = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// public tells whether an address belongs to the open internet.
func public(addr netip.Addr) bool {
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
	hosts    map[string]bool
	prefixes []netip.Prefix
}

func parseAllowList(entries []string) (allowList, error) {
	list := allowList{hosts: map[string]bool{}}
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			list.prefixes = append(list.prefixes, prefix.Masked())
			continue
		}
		if addr, err := netip.ParseAddr(entry); err == nil {
			addr = addr.Unmap()
			list.prefixes = append(list.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		host := canonicalHost(entry)
		if strings.ContainsAny(host, "/:@ ") || numericHost(host) {
			return allowList{}, fmt.Errorf("guard: allow list: %q is neither a host name, an address nor a CIDR", entry)
		}
		list.hosts[host] = true
	}
	return list, nil
}

func (l allowList) addr(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, prefix := range l.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func canonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
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
