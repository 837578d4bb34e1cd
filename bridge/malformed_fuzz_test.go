package bridge_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"
)

// FuzzMalformedInput converts the bytes into input for a session of the bridge on an unmodified whatsmeow: a stanza
// with several changes, a message, a message of the phone to its devices, an entry of the app state, or the bytes as a
// frame. A valid message must arrive after each. The process ends if whatsmeow panics in a goroutine of its own.
func FuzzMalformedInput(f *testing.F) {
	for kind := range byte(6) {
		for seed := range byte(8) {
			f.Add([]byte{kind, seed, seed * 31, 7})
		}
	}
	f.Add([]byte{5, 0, 248, 2, 30, 248, 1, 248, 0})
	v := newVictim(newWorld(f))
	v.r.patient = 4 * time.Second // the two waits of check report missing messages before Go's limit of 10 s for one input
	companion := v.ada.LID()
	companion.Device = v.ada.Companions()[0].Device
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		v.w.t = t
		var seed uint64 = 1
		for _, b := range data[1:] {
			seed = seed*1099511628211 ^ uint64(b)
		}
		r := rand.New(rand.NewPCG(seed, uint64(len(data))))
		switch data[0] % 6 {
		case 0, 1:
			bases := v.cast.receivable()
			n := bases[r.IntN(len(bases))]
			for range 1 + r.IntN(3) {
				n = changed(r, n)
			}
			v.inject(n)
		case 2:
			message := filled[*waE2E.Message](seed, 6)
			if raw := data[1:]; len(raw) > 8 { // the bytes themselves, if they are a valid message
				own := &waE2E.Message{}
				if proto.Unmarshal(raw, own) == nil {
					message = own
				}
			}
			_, _ = v.bob.Send(v.w.ctx(), v.ada.JID(), message)
		case 3:
			for _, m := range []*waE2E.ProtocolMessage{filled[*waE2E.ProtocolMessage](seed, 5), peerAnswer(seed)} {
				_ = v.ada.SendPeer(v.w.ctx(), companion, m)
			}
		case 4:
			indexes := oddIndexes()
			_ = v.ada.ChangeState(v.w.ctx(), appstate.PatchInfo{
				Type: appstate.AllPatchNames[r.IntN(len(appstate.AllPatchNames))],
				Mutations: []appstate.MutationInfo{{
					Index: indexes[r.IntN(len(indexes))], Version: int32(r.Uint32()), Value: filled[*waSyncAction.SyncActionValue](seed, 4),
				}},
			})
		case 5:
			_, _ = v.w.net.InjectFrame(victimNumber, data[1:])
		}
		v.check("this input")
	})
}

// changed returns one of the variants of a stanza.
func changed(r *rand.Rand, n waBinary.Node) waBinary.Node {
	all := []func() waBinary.Node{func() waBinary.Node { return n }}
	vary(n, "", func(_ string, build func() waBinary.Node) { all = append(all, build) })
	return all[r.IntN(len(all))]()
}
