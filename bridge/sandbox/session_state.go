package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxPushAttrs bounds the attributes of a registration for push notifications.
const maxPushAttrs = 32

// dirtyKinds are the kinds of data that the server can mark as changed.
var dirtyKinds = []string{"account_sync", "groups", "communities", "newsletter_metadata"}

func (n *Network) deviceStateRoutes() iqRoutes {
	return iqRoutes{
		"urn:xmpp:whatsapp:dirty/set/clean":   n.cleanDirty,
		"urn:xmpp:whatsapp:push/set/config":   n.setPushConfig,
		"urn:xmpp:whatsapp:push/get/settings": n.getPushConfig,
	}
}

// setPushConfig stores where the device gets push notifications; the network sends none. 400 without a platform and an
// address.
func (n *Network) setPushConfig(r *request) ([]waBinary.Node, error) {
	config := r.child().Attrs
	if text(r.child(), "platform") == "" || text(r.child(), "id") == "" && text(r.child(), "endpoint") == "" || len(config) > maxPushAttrs {
		return nil, iqFail(400)
	}
	r.device.push = maps.Clone(config)
	return nil, nil
}

// getPushConfig returns the device's own registration; settings without a config if it has none.
func (n *Network) getPushConfig(r *request) ([]waBinary.Node, error) {
	settings := waBinary.Node{Tag: "settings"}
	if r.device.push != nil {
		settings.Content = []waBinary.Node{{Tag: "config", Attrs: maps.Clone(r.device.push)}}
	}
	return []waBinary.Node{settings}, nil
}

// MarkDirty marks data of the account as changed: account_sync, groups, communities or newsletter_metadata. Companions
// get the mark now and after each login, until they clean it.
func (p *Phone) MarkDirty(kind string) error {
	if !slices.Contains(dirtyKinds, kind) {
		return fmt.Errorf("sandbox: no kind of data %q", kind)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, d := range p.account.otherDevices(p.device) {
		if d.dirty == nil {
			d.dirty = map[string]time.Time{}
		}
		d.dirty[kind] = p.net.now()
		p.net.sendDirty(d, kind)
	}
	return nil
}

// Dirty returns the kinds of data that a companion has not cleaned, sorted. It returns nil for an unknown companion.
func (p *Phone) Dirty(companion types.JID) []string {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if d := p.net.findDevice(companion); d != nil {
		return slices.Sorted(maps.Keys(d.dirty))
	}
	return nil
}

// sendDirty sends a mark to a connected device. Call under n.mu.
func (n *Network) sendDirty(d *device, kind string) {
	if d.conn == nil || !d.active {
		return
	}
	n.send(d.conn, waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{
		{Tag: "dirty", Attrs: waBinary.Attrs{"type": kind, "timestamp": unix(d.dirty[kind])}},
	}})
}

// sendAllDirty sends all marks of a device. Call under n.mu.
func (n *Network) sendAllDirty(d *device) {
	for _, kind := range slices.Sorted(maps.Keys(d.dirty)) {
		n.sendDirty(d, kind)
	}
}

// cleanDirty removes a mark, unless the data changed after the timestamp of the request.
func (n *Network) cleanDirty(r *request) ([]waBinary.Node, error) {
	kind := text(r.child(), "type")
	at, err := strconv.ParseInt(text(r.child(), "timestamp"), 10, 64)
	if err != nil || !slices.Contains(dirtyKinds, kind) {
		return nil, iqFail(400)
	}
	if marked, dirty := r.device.dirty[kind]; dirty && marked.Unix() <= at {
		delete(r.device.dirty, kind)
	}
	return nil, nil
}
