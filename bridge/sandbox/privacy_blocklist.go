package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"
)

func (n *Network) blocklistRoutes() iqRoutes {
	return iqRoutes{
		"blocklist/get":      func(r *request) ([]waBinary.Node, error) { return []waBinary.Node{r.device.account.blockNode()}, nil },
		"blocklist/set/item": n.changeBlocklist,
	}
}

// blocks reports whether an account blocked another.
func (a *account) blocks(other *account) bool { return slices.Contains(a.profile.blocked, other) }

// blockHash returns a hash of the block list, by which clients detect changes.
func (a *account) blockHash() string {
	hash := sha256.New()
	for _, other := range a.profile.blocked {
		hash.Write([]byte(other.lid.User + ","))
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

func (a *account) blockNode() waBinary.Node {
	var items []waBinary.Node
	for _, other := range a.profile.blocked {
		items = append(items, waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"jid": other.lid, "pn_jid": other.pn}})
	}
	return waBinary.Node{Tag: "list", Attrs: waBinary.Attrs{"dhash": a.blockHash(), "addressing_mode": "lid"}, Content: items}
}

// changeBlocklist blocks or unblocks one account and notifies the requester's other devices.
func (n *Network) changeBlocklist(r *request) ([]waBinary.Node, error) {
	own := r.device.account
	jid, _ := jidOf(r.child(), "jid")
	other := n.find(jid)
	if other == nil {
		return nil, iqFail(404)
	}
	action, previous := text(r.child(), "action"), own.blockHash()
	switch {
	case other == own:
		return nil, iqFail(406)
	case action == string(events.BlocklistChangeActionBlock):
		if len(own.profile.blocked) >= n.options.Limits.Blocked {
			return nil, iqFail(419)
		}
		if !own.blocks(other) {
			own.profile.blocked = append(own.profile.blocked, other)
		}
	case action == string(events.BlocklistChangeActionUnblock):
		own.profile.blocked = slices.DeleteFunc(own.profile.blocked, func(a *account) bool { return a == other })
	default:
		return nil, iqFail(400)
	}
	r.after(func() {
		n.notifyDevices(own.otherDevices(r.device), own.pn, "account_sync", nil, waBinary.Node{
			Tag:   "blocklist",
			Attrs: waBinary.Attrs{"dhash": own.blockHash(), "prev_dhash": previous},
			Content: []waBinary.Node{{Tag: "item", Attrs: waBinary.Attrs{
				"jid": other.lid, "pn_jid": other.pn, "action": action,
			}}},
		})
	})
	return []waBinary.Node{own.blockNode()}, nil
}
