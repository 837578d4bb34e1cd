package bridge_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/binary/token"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// indexNames are the kinds of app-state entries that whatsmeow and the bridge read, and one unknown kind.
var indexNames = []string{
	appstate.IndexMute, appstate.IndexPin, appstate.IndexArchive, appstate.IndexContact, appstate.IndexLIDContact, appstate.IndexClearChat, appstate.IndexDeleteChat,
	appstate.IndexStar, appstate.IndexDeleteMessageForMe, appstate.IndexMarkChatAsRead, appstate.IndexSettingPushName, appstate.IndexSettingUnarchiveChats,
	appstate.IndexUserStatusMute, appstate.IndexLabelEdit, appstate.IndexLabelAssociationChat, appstate.IndexLabelAssociationMessage, appstate.IndexNCTSaltSync,
	appstate.IndexSettingLocale, appstate.IndexQuickReply, "", "unknown",
}

// oddIndexes returns indexes of each length, with and without addresses, including empty ones.
func oddIndexes() [][]string {
	list := [][]string{{}, nil, {""}, {"", ""}}
	for _, name := range indexNames {
		for _, rest := range [][]string{{}, {""}, {"1@lid"}, {"@"}, {"1", "1@s.whatsapp.net"}, {"1-2@g.us", "ID", "0"}, {"1@lid", "ID", "1", "0"}, {"1@lid", "ID", "0", "x", "y", "z"}} {
			list = append(list, append([]string{name}, rest...))
		}
	}
	return list
}

// TestMalformedAppStateIsSurvived writes entries of the account's synchronised settings, which any client of the
// account can write. They neither end the process nor block the following entries, in the same patch or later.
func TestMalformedAppStateIsSurvived(t *testing.T) {
	v := newVictim(newWorld(t))
	began, entries := time.Now(), 0
	for i, index := range oddIndexes() {
		value := &waSyncAction.SyncActionValue{}
		if i%2 == 1 {
			value = filled[*waSyncAction.SyncActionValue](uint64(i), 3)
		}
		patch := appstate.PatchInfo{
			Type:      appstate.AllPatchNames[i/2%len(appstate.AllPatchNames)],
			Mutations: []appstate.MutationInfo{{Index: slices.Clone(index), Version: 1, Value: value}},
		}
		marker := fmt.Sprintf("1555%07d@s.whatsapp.net", i)
		patch.Mutations = append(patch.Mutations, appstate.BuildPin(v.bob.JID(), true).Mutations[0])
		last := &patch.Mutations[len(patch.Mutations)-1]
		last.Index = []string{appstate.IndexPin, marker}
		entries += len(patch.Mutations)
		if err := v.ada.ChangeState(v.w.ctx(), patch); err != nil {
			t.Fatalf("index %q: %v", index, err)
		}
		v.r.until(fmt.Sprintf("the entry behind the index %q", index), func(e event) bool {
			return e.Type == "Pin" && fmt.Sprint(e.data["chat"], e.data["chat_pn"], e.data["jid"]) != "" && bytes.Contains(e.Data, []byte(marker))
		})
		if i%20 == 0 {
			v.check(fmt.Sprintf("index %q", index))
		}
	}
	v.check("all indexes")
	if err := v.s.Chats().SetPinned(v.w.ctx(), v.bob.JID().String(), false); err != nil {
		t.Errorf("the session's own change: %v", err)
	}
	t.Logf("%d entries in %v", entries, time.Since(began).Round(time.Millisecond))
}

// messagesOfEachKind calls found with a message for each field of waE2E.Message, empty and filled at random.
func messagesOfEachKind(rounds int, found func(name string, m *waE2E.Message)) {
	eachField(func(name string, m *waE2E.Message) { found(name+", empty", m) })
	for seed := range uint64(rounds) {
		found(fmt.Sprintf("random %d", seed), filled[*waE2E.Message](seed, 5))
	}
}

// TestMalformedMessagesAreSurvived checks that a message of any content is recorded or ignored, and the next one
// arrives.
func TestMalformedMessagesAreSurvived(t *testing.T) {
	v := newVictim(newWorld(t))
	began, sent := time.Now(), 0
	messagesOfEachKind(3000/sample(), func(name string, m *waE2E.Message) {
		to := v.ada.JID()
		if sent%4 == 3 {
			to = v.cast.group
		}
		from := v.bob
		if sent%5 == 4 { // an own message, from the phone
			from, to = v.ada, v.bob.JID()
		}
		if _, err := from.Send(v.w.ctx(), to, m); err != nil {
			t.Logf("%s was not sent: %v", name, err)
			return
		}
		if sent++; sent%20 == 0 {
			v.check("message " + name)
		}
	})
	v.check("all messages")
	t.Logf("%d messages in %v", sent, time.Since(began).Round(time.Millisecond))
}

// TestMalformedPeerMessagesAreSurvived checks that messages of the phone to its own devices (history, keys, answers to
// requests) are read or ignored, and the next message arrives.
func TestMalformedPeerMessagesAreSurvived(t *testing.T) {
	v := newVictim(newWorld(t))
	began, sent := time.Now(), 0
	companion := v.s.Status().JID
	if list := v.ada.Companions(); len(list) == 1 {
		companion = v.ada.LID()
		companion.Device = list[0].Device
	} else {
		t.Fatalf("companions %v", list)
	}
	send := func(name string, m *waE2E.ProtocolMessage) {
		t.Helper()
		if err := v.ada.SendPeer(v.w.ctx(), companion, m); err != nil {
			t.Logf("%s was not sent: %v", name, err)
			return
		}
		if sent++; sent%20 == 0 {
			v.check("peer message " + name)
		}
	}
	eachField(func(name string, m *waE2E.ProtocolMessage) { send(name, m) })
	for seed := range uint64(1500 / sample()) {
		send("random", filled[*waE2E.ProtocolMessage](seed, 4))
		share := &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(), AppStateSyncKeyShare: filled[*waE2E.AppStateSyncKeyShare](seed, 4)}
		if seed%10 == 0 {
			send("key share", share)
		}
		send("answer", peerAnswer(seed))
		send("history", &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: historyNotice(seed),
		})
	}
	v.check("all peer messages")
	t.Logf("%d peer messages in %v", sent, time.Since(began).Round(time.Millisecond))
}

// peerAnswer returns an answer to one of a companion's requests to its phone.
func peerAnswer(seed uint64) *waE2E.ProtocolMessage {
	answer := filled[*waE2E.PeerDataOperationRequestResponseMessage](seed, 4)
	answer.PeerDataOperationRequestType = waE2E.PeerDataOperationRequestType(int32(seed % 12)).Enum()
	raw, _ := proto.Marshal(filled[*waWeb.WebMessageInfo](seed, 4))
	answer.PeerDataOperationResult = append(answer.PeerDataOperationResult, &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{
		PlaceholderMessageResendResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse{WebMessageInfoBytes: raw},
	})
	if seed%3 == 0 {
		recovery := filled[*waSyncdSnapshotRecovery.SyncdSnapshotRecovery](seed, 4)
		recovery.CollectionName = proto.String(string(appstate.WAPatchRegular))
		recovery.CollectionLthash = make([]byte, 128)
		raw, _ = proto.Marshal(recovery)
		answer.PeerDataOperationRequestType = waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY.Enum()
		answer.PeerDataOperationResult = []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
			SyncdSnapshotFatalRecoveryResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse{
				CollectionSnapshot: raw, IsCompressed: proto.Bool(seed%2 == 1),
			},
		}}
	}
	return &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(), PeerDataOperationRequestResponseMessage: answer}
}

// historyNotice returns a history notification with an inline payload: random, without conversations, or no history at
// all.
func historyNotice(seed uint64) *waE2E.HistorySyncNotification {
	notice := filled[*waE2E.HistorySyncNotification](seed, 3)
	raw, _ := proto.Marshal(filled[*waHistorySync.HistorySync](seed, 6))
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	_, _ = writer.Write(raw)
	_ = writer.Close()
	notice.InitialHistBootstrapInlinePayload = [][]byte{packed.Bytes(), packed.Bytes(), raw, {}}[seed%4]
	return notice
}

// TestMalformedFramesAreSurvived checks that a frame that is not a stanza is dropped, and the connection stays open.
func TestMalformedFramesAreSurvived(t *testing.T) {
	w := newWorld(t)
	w.config.StanzaBytes, w.config.StanzaDepth = 1<<20, 32
	w.restart()
	v := newVictim(w)
	zipped := func(size int) []byte {
		var out bytes.Buffer
		out.WriteByte(2)
		writer := zlib.NewWriter(&out)
		_, _ = writer.Write(make([]byte, size))
		_ = writer.Close()
		return out.Bytes()
	}
	deep := []byte{0}
	for range 200_000 {
		deep = append(deep, token.List8, 2, 30, token.List8, 1)
	}
	wide := []byte{0}
	for range 2000 {
		wide = append(wide, token.List8, 2, 30, token.List16, 0xff, 0xff)
	}
	whole, err := waBinary.Marshal(node("message", attrs{"id": "1"}, children(node("enc", nil, []byte{1}))))
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string][]byte{
		"empty": {}, "only the flags": {0}, "compressed nothing": {2}, "a bomb": zipped(64 << 20), "compressed zeros": zipped(100), "deep": deep, "wide": wide,
		"an empty list": {0, 0}, "no list": {0, 30}, "no tag": {0, token.List8, 1, 0}, "a list as tag": {0, token.List8, 1, token.List8, 0}, "an end of stream": {0, token.List8, 1, 2},
		"an address as tag": {0, token.List8, 1, token.JIDPair, 0, 30}, "an address without server": {0, token.List8, 3, 30, 30, token.JIDPair, 30, 0},
		"an address with a list as user": {0, token.List8, 3, 30, 30, token.ADJID, 0, 0, token.List8, 0}, "less than no digits": {0, token.List8, 1, token.Nibble8, 0x80},
		"bytes that do not follow": {0, token.List8, 2, 30, token.Binary32, 0xff, 0xff, 0xff, 0xff}, "unknown token": {0, token.List8, 1, 243},
		"unknown double token": {0, token.List8, 1, token.Dictionary3, 255}, "a messenger address": {0, token.List8, 3, 30, 30, token.FBJID, 0, 0, 0, 0},
		"too large": slices.Concat([]byte{0, token.List8, 2, 30, token.Binary32, 0, 0x20, 0, 0}, make([]byte, 2<<20)),
	}
	for i := range whole {
		frames[fmt.Sprintf("cut after %d", i)] = whole[:i]
		for _, b := range []byte{0, 127, 248, 249, 250, 255} {
			changed := slices.Clone(whole)
			changed[i] = b
			frames[fmt.Sprintf("byte %d is %d", i, b)] = changed
		}
	}
	for name, frame := range frames {
		if _, err := v.w.net.InjectFrame(victimNumber, frame); err != nil {
			t.Fatal(err)
		}
		v.check("a frame: " + name)
	}
	v.inject(node("0", nil, nil))
	tagless, err := waBinary.Marshal(node("message", nil, children(node("0", nil, nil), node("0", nil, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = v.w.net.InjectFrame(victimNumber, tagless); err != nil {
		t.Fatal(err)
	}
	v.check("stanzas without a tag")
	t.Logf("%d frames", len(frames))
}

// operations returns calls that make whatsmeow query WhatsApp and read the answer.
func (v *victim) operations() map[string]func(ctx context.Context) error {
	s, bob, group := v.s, v.bob.JID().String(), v.cast.group.String()
	return map[string]func(ctx context.Context) error{
		"send": func(ctx context.Context) error {
			_, err := s.Messages().Send(ctx, bob, text("x"), &outbound.SendOptions{})
			return err
		},
		"send to group": func(ctx context.Context) error {
			_, err := s.Messages().Send(ctx, group, text("x"), &outbound.SendOptions{})
			return err
		},
		"pin": func(ctx context.Context) error { return s.Chats().SetPinned(ctx, bob, true) },
		"refresh": func(ctx context.Context) error {
			_, err := s.Account().Refresh(ctx, account.RefreshOptions{AppState: true, PreKeys: true, Privacy: true})
			return err
		},
		"block": func(ctx context.Context) error {
			_, err := s.Contacts().SetBlocked(ctx, []string{bob}, false)
			return err
		},
		"blocked": func(ctx context.Context) error { _, err := s.Contacts().ListBlocked(ctx); return err },
		"contact": func(ctx context.Context) error {
			_, err := s.Contacts().Get(ctx, bob, []string{"registration", "user_info", "picture", "business_profile", "devices"})
			return err
		},
		"registered": func(ctx context.Context) error {
			_, err := s.Contacts().CheckRegistered(ctx, []string{"15550002002"})
			return err
		},
		"user info": func(ctx context.Context) error { _, err := s.Contacts().GetUserInfo(ctx, []string{bob}); return err },
		"groups":    func(ctx context.Context) error { _, err := s.Groups().List(ctx, true); return err },
		"group":     func(ctx context.Context) error { _, err := s.Groups().Get(ctx, group, true); return err },
		"requests":  func(ctx context.Context) error { _, err := s.Groups().ListJoinRequests(ctx, group); return err },
		"privacy":   func(ctx context.Context) error { _, err := s.Account().GetPrivacy(ctx, true); return err },
		"status":    func(ctx context.Context) error { _, err := s.Account().GetStatusPrivacy(ctx); return err },
		"devices": func(ctx context.Context) error {
			_, err := s.Contacts().ListDevices(ctx, []string{bob}, time.Second)
			return err
		},
		"linked": func(ctx context.Context) error { _, err := s.Contacts().ListLinkedDevices(ctx); return err },
		"link":   func(ctx context.Context) error { _, err := s.Account().GetContactLink(ctx, false); return err },
		"about":  func(ctx context.Context) error { return s.Account().SetAbout(ctx, "x") },
		"bots":   func(ctx context.Context) error { _, err := s.BotProfiles(ctx); return err },
	}
}

func text(body string) *message.Content { return &message.Content{Type: "text", Text: body} }

// TestMalformedAnswersAreSurvived checks that an answer of WhatsApp with a missing or replaced part fails only the
// call.
func TestMalformedAnswersAreSurvived(t *testing.T) {
	testkit.SkipIfShort(t)
	v := newVictim(newWorld(t))
	began := time.Now()
	for name, call := range v.operations() {
		replies := 0
		record := func(reply waBinary.Node) waBinary.Node { replies++; return reply }
		id := v.fault(record)
		_ = v.s.Call(func() error { return call(v.w.ctx()) })
		v.w.net.ClearFault(id)
		for place := range max(1, replies) {
			for round := range 200 {
				if round%sample() != place%sample() {
					continue
				}
				seen, exhausted := 0, false
				id := v.fault(func(reply waBinary.Node) waBinary.Node {
					if seen++; seen != place+1 {
						return reply
					}
					all := answers(reply)
					if exhausted = round >= len(all); exhausted {
						return reply
					}
					v.inputs++
					return all[round].node
				})
				ctx, cancel := context.WithTimeout(v.w.t.Context(), 300*time.Millisecond)
				_ = v.s.Call(func() error { return call(ctx) })
				cancel()
				v.w.net.ClearFault(id)
				if exhausted {
					break
				}
				if v.inputs%20 == 0 {
					v.check(name)
				}
			}
		}
		v.check(name)
	}
	t.Logf("%d answers in %v", v.inputs, time.Since(began).Round(time.Millisecond))
}

func (v *victim) fault(reply func(waBinary.Node) waBinary.Node) string {
	v.w.t.Helper()
	id, err := v.w.net.Inject(sandbox.Fault{Kind: sandbox.FaultReply, Session: victimNumber, Times: -1, Reply: reply})
	if err != nil {
		v.w.t.Fatal(err)
	}
	return id
}

// answers returns the variants of a reply that still answer the request.
func answers(reply waBinary.Node) (list []malformed) {
	for _, m := range variants(reply) {
		if m.node.Attrs["id"] == reply.Attrs["id"] {
			list = append(list, m)
		}
	}
	return list
}
