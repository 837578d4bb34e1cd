package sandbox

import (
	"encoding/hex"
	"slices"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"google.golang.org/protobuf/proto"
)

// keyIndexPrefix starts the text that the phone signs for a list of key indexes.
var keyIndexPrefix = []byte{6, 2}

// keyIndexList is the phone's signed list of the account's companions, for the installation with the key identity.
type keyIndexList struct {
	identity [32]byte
	indexes  []uint32
	node     waBinary.Node
}

// identityID returns the number of the phone's installation, the same in the identities of all of its companions. Call under n.mu.
func (n *Network) identityID(a *account) uint32 {
	return uint32(n.random.derive("adv/" + a.pn.User + "/" + hex.EncodeToString(a.phone.device.keys.identity[:])).uint64())
}

// keyIndexes returns the element with the signed list of the account's companions; it is signed again after a device was
// added or removed. Call under n.mu.
func (n *Network) keyIndexes(a *account) waBinary.Node {
	var indexes []uint32
	for _, d := range a.sortedDevices() {
		if !d.isPhone() {
			indexes = append(indexes, uint32(d.number))
		}
	}
	identity := a.phone.device.keys.identity
	if known := a.keyIndex; known != nil && known.identity == identity && slices.Equal(known.indexes, indexes) {
		return known.node
	}
	current := uint32(0)
	if len(indexes) > 0 {
		current = slices.Max(indexes)
	}
	now := n.now()
	details, _ := proto.Marshal(&waAdv.ADVKeyIndexList{
		RawID: proto.Uint32(n.identityID(a)), Timestamp: proto.Uint64(uint64(now.Unix())), CurrentIndex: &current, ValidIndexes: indexes,
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*a.phone.identity.Priv), slices.Concat(keyIndexPrefix, details))
	signed, _ := proto.Marshal(&waAdv.ADVSignedKeyIndexList{Details: details, AccountSignature: signature[:]})
	node := leaf("key-index-list", signed)
	node.Attrs = waBinary.Attrs{"ts": unix(now)}
	a.keyIndex = &keyIndexList{identity: identity, indexes: indexes, node: node}
	return node
}
