package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// deviceHash returns the hash ("phash") by which client and server compare lists of devices.
func deviceHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, jid := range devices {
		names[i] = jid.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

func (a *account) lids() []types.JID {
	var list []types.JID
	for _, d := range a.sortedDevices() {
		list = append(list, d.lid())
	}
	return list
}

func (a *account) pns() []types.JID {
	var list []types.JID
	for _, d := range a.sortedDevices() {
		list = append(list, d.pn())
	}
	return list
}

// announceDevice notifies the account's followers and its own other devices that a device was added or removed.
func (n *Network) announceDevice(d *device, change string) {
	a := d.account
	attrs := waBinary.Attrs{"jid": d.pn(), "lid": d.lid()}
	if change == "add" {
		attrs["key-index"] = strconv.Itoa(int(d.number))
	}
	child := waBinary.Node{
		Tag: change, Attrs: waBinary.Attrs{"device_hash": deviceHash(a.pns()), "device_lid_hash": deviceHash(a.lids())},
		Content: []waBinary.Node{{Tag: "device", Attrs: attrs}},
	}
	for _, follower := range n.followersOf(a) {
		n.notifyDevices(follower.sortedDevices(), a.pn, "devices", waBinary.Attrs{"lid": a.lid}, child)
	}
	list := waBinary.Node{Tag: "devices", Attrs: waBinary.Attrs{"dhash": deviceHash(a.pns())}}
	var children []waBinary.Node
	for _, jid := range a.pns() {
		children = append(children, waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"jid": jid}})
	}
	list.Content = children
	n.notifyDevices(a.otherDevices(d), a.pn, "account_sync", nil, list)
}

// followersOf returns, in a stable order, the other accounts that know the devices of a.
func (n *Network) followersOf(a *account) []*account {
	var list []*account
	for follower := range a.followers {
		if follower != a {
			list = append(list, follower)
		}
	}
	slices.SortFunc(list, func(x, y *account) int { return strings.Compare(x.lid.User, y.lid.User) })
	return list
}

// removeCompanion unlinks a device at its own request, or any companion of the account at the phone's request.
func (n *Network) removeCompanion(r *request) ([]waBinary.Node, error) {
	jid, ok := jidOf(r.child(), "jid")
	target := n.findDevice(jid)
	if !ok || target == nil || target.isPhone() {
		return nil, iqFail(404)
	}
	if target.account != r.device.account || (!r.device.isPhone() && target != r.device) {
		n.recordViolation(r, "unlinks a device of somebody else")
		return nil, iqFail(403)
	}
	// The requester must get its answer before its device is gone.
	r.after(func() { n.unlinkDevice(target, target != r.device) })
	return nil, nil
}

// unlinkDevice removes a device from its account. With notifyDevice its connection ends with the error device_removed. Call under n.mu.
func (n *Network) unlinkDevice(d *device, notifyDevice bool) {
	delete(d.account.devices, d.number)
	n.setPresent(d, false)
	for _, a := range n.byPN {
		delete(a.watchers, d)
	}
	if c := d.conn; c != nil {
		d.conn, d.active = nil, false
		if notifyDevice {
			n.endStream(c, waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "401"}, Content: []waBinary.Node{
				{Tag: "conflict", Attrs: waBinary.Attrs{"type": "device_removed"}},
			}})
		} else {
			n.endStream(c, waBinary.Node{Tag: "xmlstreamend"})
		}
	}
	d.queue = queue{}
	n.announceDevice(d, "remove")
}
