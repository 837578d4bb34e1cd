package api

import (
	"container/list"
	"net"
	"net/http"
	"sync"

	"github.com/waystation/waystation/server/address"
)

// plainConns limits the open connections that are not sockets. A connection between requests, or before its first
// header, is closed in favour of a new one; the one that has waited longest is closed first. Its Changed is for
// http.Server.ConnState.
type plainConns struct {
	most, perAddress int
	proxies          *address.Proxies

	mu     sync.Mutex
	open   map[net.Conn]*plainConn
	byAddr map[string]int
	idle   list.List // of *plainConn, the one that has waited longest first
}

type plainConn struct {
	conn  net.Conn
	from  string        // key of the address; "" = a trusted proxy, which has no limit
	place *list.Element // in idle; nil = a request is running
}

func newPlainConns(most, perAddress int, proxies *address.Proxies) *plainConns {
	return &plainConns{most: most, perAddress: perAddress, proxies: proxies, open: make(map[net.Conn]*plainConn), byAddr: make(map[string]int)}
}

// Changed tracks the state of a connection and closes one when there are too many.
func (p *plainConns) Changed(c net.Conn, state http.ConnState) {
	var victim net.Conn
	p.mu.Lock()
	switch state {
	case http.StateNew:
		victim = p.add(c)
	case http.StateActive:
		if pc := p.open[c]; pc != nil && pc.place != nil {
			p.idle.Remove(pc.place)
			pc.place = nil
		}
	case http.StateIdle:
		if pc := p.open[c]; pc != nil && pc.place == nil {
			pc.place = p.idle.PushBack(pc)
		}
	case http.StateClosed, http.StateHijacked:
		p.remove(c)
	}
	p.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
}

// add counts a new connection and returns one that must be closed in its favour, or itself; p.mu is held.
func (p *plainConns) add(c net.Conn) (victim net.Conn) {
	pc := &plainConn{conn: c}
	if peer := address.Peer(c.RemoteAddr().String()); !p.proxies.Trusts(peer) {
		pc.from = address.Key(peer)
		p.byAddr[pc.from]++
	}
	p.open[c] = pc
	full := len(p.open) > p.most
	tooMany := pc.from != "" && p.byAddr[pc.from] > p.perAddress
	if full || tooMany {
		victim = c
		for e := p.idle.Front(); e != nil; e = e.Next() {
			if other := e.Value.(*plainConn); !tooMany || other.from == pc.from {
				victim = other.conn
				break
			}
		}
	}
	pc.place = p.idle.PushBack(pc)
	if victim != nil {
		p.remove(victim) // immediately: it is closed before its state changes
	}
	return victim
}

// remove removes a connection; no-op if it is unknown. p.mu is held.
func (p *plainConns) remove(c net.Conn) {
	pc := p.open[c]
	if pc == nil {
		return
	}
	delete(p.open, c)
	if pc.place != nil {
		p.idle.Remove(pc.place)
	}
	if pc.from != "" {
		if p.byAddr[pc.from]--; p.byAddr[pc.from] <= 0 {
			delete(p.byAddr, pc.from)
		}
	}
}
