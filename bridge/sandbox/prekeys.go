package sandbox

import (
	"slices"
	"strconv"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"
)

const (
	// refillBelow is the number of one-time prekeys below which a device is asked to upload more.
	refillBelow = 5
	// maxPreKeys bounds the one-time prekeys of a device.
	maxPreKeys = 4096
)

// deviceKeys are a device's public keys at the server.
type deviceKeys struct {
	noise        [32]byte
	registration [4]byte
	identity     [32]byte
	signed       signedPreKey
	oneTime      []preKey
	uploaded     bool
	adv          []byte // signed device identity, companions only
	// props are the device properties of a companion's registration.
	props *waCompanionReg.DeviceProps
}

type preKey struct {
	id     [3]byte
	public [32]byte
}

type signedPreKey struct {
	id        [3]byte
	public    [32]byte
	signature [64]byte
}

func (k signedPreKey) isSignedBy(identity [32]byte) bool {
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(identity), append([]byte{ecc.DjbType}, k.public[:]...), k.signature)
}

func (n *Network) preKeyRoutes() iqRoutes {
	return iqRoutes{
		"encrypt/get/count":        n.countPreKeys,
		"encrypt/set/registration": n.storePreKeys,
		"encrypt/get/key":          n.fetchBundles,
	}
}

func (n *Network) countPreKeys(r *request) ([]waBinary.Node, error) {
	count := len(r.device.keys.oneTime)
	if !r.device.keys.uploaded && n.options.PreKeyCount > 0 {
		count = n.options.PreKeyCount
	}
	return []waBinary.Node{{Tag: "count", Attrs: waBinary.Attrs{"value": strconv.Itoa(count)}}}, nil
}

func (n *Network) storePreKeys(r *request) ([]waBinary.Node, error) {
	k := &r.device.keys
	signed, ok := readSignedPreKey(r.node)
	if !ok || !slices.Equal(childContent(r.node, "identity"), k.identity[:]) || !slices.Equal(childContent(r.node, "registration"), k.registration[:]) {
		n.recordViolation(r, "prekeys of another identity or without signed prekey")
		return nil, iqFail(406)
	}
	if !signed.isSignedBy(k.identity) {
		n.recordViolation(r, "prekeys with a bad signature")
		return nil, iqFail(406)
	}
	list := r.node.GetChildByTag("list")
	keys, ok := readPreKeys(&list)
	if !ok || len(k.oneTime)+len(keys) > maxPreKeys {
		n.recordViolation(r, "unreadable or too many prekeys")
		return nil, iqFail(406)
	}
	k.signed, k.uploaded = signed, true
	for _, key := range keys {
		if !slices.ContainsFunc(k.oneTime, func(have preKey) bool { return have.id == key.id }) {
			k.oneTime = append(k.oneTime, key)
		}
	}
	return nil, nil
}

func readSignedPreKey(node *waBinary.Node) (signedPreKey, bool) {
	skey := node.GetChildByTag("skey")
	id, public, signature := childContent(&skey, "id"), childContent(&skey, "value"), childContent(&skey, "signature")
	if len(id) != 3 || len(public) != 32 || len(signature) != 64 {
		return signedPreKey{}, false
	}
	return signedPreKey{id: [3]byte(id), public: [32]byte(public), signature: [64]byte(signature)}, true
}

func readPreKeys(list *waBinary.Node) ([]preKey, bool) {
	var keys []preKey
	for _, child := range list.GetChildrenByTag("key") {
		id, public := childContent(&child, "id"), childContent(&child, "value")
		if len(id) != 3 || len(public) != 32 {
			return nil, false
		}
		keys = append(keys, preKey{id: [3]byte(id), public: [32]byte(public)})
	}
	return keys, true
}

func (n *Network) fetchBundles(r *request) ([]waBinary.Node, error) {
	var users []waBinary.Node
	for _, user := range r.child().GetChildrenByTag("user") {
		jid, ok := jidOf(&user, "jid")
		if !ok {
			n.recordViolation(r, "bundle request without JID")
			return nil, iqFail(400)
		}
		d := n.findDevice(jid)
		if d == nil {
			users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: []waBinary.Node{
				{Tag: "error", Attrs: waBinary.Attrs{"code": "404", "text": iqTexts[404]}},
			}})
			continue
		}
		users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid, "t": n.unixNow()}, Content: n.bundle(d)})
	}
	return []waBinary.Node{{Tag: "list", Content: users}}, nil
}

// bundle returns the keys to open a Signal session with a device; it consumes a one-time prekey. Call under n.mu.
func (n *Network) bundle(d *device) []waBinary.Node {
	k := &d.keys
	nodes := []waBinary.Node{
		leaf("registration", k.registration[:]),
		leaf("type", []byte{ecc.DjbType}),
		leaf("identity", k.identity[:]),
	}
	if key := n.takePreKey(d); key != nil {
		nodes = append(nodes, waBinary.Node{Tag: "key", Content: []waBinary.Node{leaf("id", key.id[:]), leaf("value", key.public[:])}})
	}
	nodes = append(nodes, waBinary.Node{Tag: "skey", Content: []waBinary.Node{
		leaf("id", k.signed.id[:]), leaf("value", k.signed.public[:]), leaf("signature", k.signed.signature[:]),
	}})
	if k.adv != nil {
		nodes = append(nodes, leaf("device-identity", k.adv))
	}
	return nodes
}

// takePreKey consumes a one-time prekey (nil when there is none) and asks the device to upload more when few are left. Call under n.mu.
func (n *Network) takePreKey(d *device) *preKey {
	k := &d.keys
	if len(k.oneTime) == 0 {
		return nil
	}
	key := k.oneTime[0]
	k.oneTime = k.oneTime[1:]
	// Only when the number falls below the threshold, else each further bundle would repeat the notification.
	if !d.isPhone() && len(k.oneTime) == refillBelow-1 {
		n.requestPreKeys(d)
	}
	return &key
}

func (n *Network) requestPreKeys(d *device) {
	n.notifyDevices([]*device{d}, types.ServerJID, "encrypt", nil,
		waBinary.Node{Tag: "count", Attrs: waBinary.Attrs{"value": strconv.Itoa(len(d.keys.oneTime))}})
}
