package message

import (
	"encoding/json"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waVnameCert"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// storedRow returns the row of a message as the bridge stores it.
func storedRow(t *testing.T, content *waE2E.Message) *messages.Row {
	t.Helper()
	m := NewMessage(info, content)
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return &messages.Row{
		Chat: m.Chat, ID: m.MessageID, Sender: messages.Address{JID: m.Sender}, FromMe: m.FromMe, Time: m.Timestamp, Type: m.Type, Text: text(m.Text), Body: body, Raw: raw,
	}
}

// TestStoredMessageIsReadAsItWas checks that a message of each kind is the same after it was stored.
func TestStoredMessageIsReadAsItWas(t *testing.T) {
	for name, c := range kinds() {
		row := storedRow(t, c.m)
		got, err := FromRow(row, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := NewMessage(info, c.m)
		want.Status = got.Status
		if text(want.Text) == "" {
			want.Text = nil // the store does not distinguish an empty text
		}
		if want.EditedAt != nil {
			got.EditedAt = want.EditedAt // of the row
		}
		expected, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		checkPart(t, name, got, string(expected))
	}
}

// TestChangesOfTheRowCount checks that what happened to a message after it was stored replaces what its body says.
func TestChangesOfTheRowCount(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	row := storedRow(t, &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("old")}})
	row.Text, row.Starred, row.MediaID, row.ServerID, row.EditedAt, row.Status = "new", true, "F1", 7, at, messages.StatusRead
	row.Sender = messages.Address{JID: "100000000000002@lid", Alt: ada.String()}
	row.Reactions = []messages.Reaction{{Sender: ada.String(), Emoji: "+", At: at}}
	got, err := FromRow(row, true)
	if err != nil {
		t.Fatal(err)
	}
	if text(got.Text) != "new" || !got.Starred || text(got.Media.MediaID) != "F1" || *got.ServerID != 7 || !got.EditedAt.Equal(at) || text(got.Status) != "read" || got.DeletedAt != nil {
		t.Errorf("%+v", got)
	}
	if got.Sender != ada.String() || len(got.Reactions) != 1 || got.Reactions[0].Emoji != "+" || !got.Reactions[0].Timestamp.Equal(at) {
		t.Errorf("sender %s, reactions %+v", got.Sender, got.Reactions)
	}
	if string(got.Raw) == "" || got.Raw == nil {
		t.Error("the raw content was asked for")
	}
	checkPart(t, "raw content", got.Raw, `{"imageMessage":{"caption":"old"}}`)
}

func TestVotesAreCounted(t *testing.T) {
	row := storedRow(t, &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Options: []*waE2E.PollCreationMessage_Option{{OptionName: proto.String("a")}, {OptionName: proto.String("b")}, {}}}})
	row.Votes = []messages.Vote{{Voter: "1", Options: []string{"a", "b"}}, {Voter: "2", Options: []string{"b", "gone"}}, {Voter: "3"}}
	for range 2 { // reading does not add up
		got, err := FromRow(row, false)
		if err != nil {
			t.Fatal(err)
		}
		checkPart(t, "options", got.Poll.Options, `[{"text":"a","vote_count":1},{"text":"b","vote_count":2},{"text":"","vote_count":0}]`)
	}
}

// TestRevokedMessageHasNoContent checks that of a revoked message of any kind only its source remains.
func TestRevokedMessageHasNoContent(t *testing.T) {
	for name, c := range kinds() {
		row := storedRow(t, c.m)
		row.Text, row.Raw, row.DeletedAt = "", nil, time.Now()
		row.Reactions = []messages.Reaction{{Emoji: "+"}}
		got, err := FromRow(row, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.DeletedAt == nil || got.MessageID != "M1" || got.Chat != team.String() {
			t.Errorf("%s: %+v", name, got)
		}
		for part, present := range map[string]bool{
			"text": got.Text != nil, "media": got.Media != nil, "quoted": got.Quoted != nil, "location": got.Location != nil, "poll": got.Poll != nil, "event": got.Event != nil,
			"order": got.Order != nil, "payment": got.Payment != nil, "group_invite": got.GroupInvite != nil, "interactive": got.Interactive != nil, "selection": got.Selection != nil,
			"raw": got.Raw != nil, "album": got.Album != nil, "call": got.Call != nil, "product": got.Product != nil, "sticker_pack": got.StickerPack != nil,
			"newsletter_invite": got.NewsletterInvite != nil, "contacts": len(got.Contacts) > 0, "mentions": len(got.Mentions) > 0, "reactions": len(got.Reactions) > 0,
		} {
			if present {
				t.Errorf("%s: %s remains", name, part)
			}
		}
	}
}

func TestUnreadableRowsAreErrors(t *testing.T) {
	for name, row := range map[string]*messages.Row{"body": {Body: []byte(`{"message_id":1}`)}, "raw": {Raw: []byte{0xff}}} {
		if _, err := FromRow(row, true); wa.ReasonOf(err) != wa.ReasonStorage {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := &messages.Row{ID: "M1"}
	if list, err := FromRows([]*messages.Row{good, {Body: []byte("{")}}); err == nil || list != nil {
		t.Errorf("a list with an unreadable row: %v, %v", list, err)
	}
	list, err := FromRows([]*messages.Row{good})
	if err != nil || len(list) != 1 || list[0].MessageID != "M1" || list[0].Mentions == nil || list[0].Contacts == nil || list[0].LabelIDs == nil || list[0].Reactions == nil {
		t.Errorf("a row without a body: %+v, %v", list, err)
	}
}

func TestStanzaOf(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	if got := StanzaOf(info); got != nil {
		t.Errorf("a plain stanza: %+v", got)
	}
	for name, c := range map[string]struct {
		info types.MessageInfo
		want string
	}{
		"category":  {types.MessageInfo{Category: "peer\x00"}, `{"category":"peer\ufffd"}`},
		"multicast": {types.MessageInfo{Multicast: true}, `{"multicast":true}`},
		"bot": {
			types.MessageInfo{MsgBotInfo: types.MsgBotInfo{EditType: "first", EditTargetID: "B1", EditSenderTimestampMS: at}},
			`{"bot":{"edit_type":"first","target_id":"B1","sent_at":"2023-11-14T22:13:20Z"}}`,
		},
		"meta": {
			types.MessageInfo{MsgMetaInfo: types.MsgMetaInfo{TargetID: "T1", TargetSender: ada, TargetChat: team, DeprecatedLIDSession: ptr(false), ThreadMessageID: "R1", ThreadMessageSenderJID: bob}},
			`{"meta":{"target_id":"T1","target_sender":"15550000002@s.whatsapp.net","target_chat":"120363000000000001@g.us","deprecated_lid_session":false,"thread_id":"R1","thread_sender":"15550000003@s.whatsapp.net"}}`,
		},
		"sent by another device": {
			types.MessageInfo{DeviceSentMeta: &types.DeviceSentMeta{DestinationJID: "1@lid\xff", Phash: "2:x"}}, `{"device_sent":{"destination":"1@lid\ufffd","phash":"2:x"}}`,
		},
		"business": {
			types.MessageInfo{VerifiedName: &types.VerifiedName{Details: &waVnameCert.VerifiedNameCertificate_Details{VerifiedName: proto.String("Shop")}}},
			`{"verified_name":{"Certificate":null,"Details":{"verifiedName":"Shop"},"VerifiedLevel":"","Version":0,"HostStorage":0,"ActualActors":0,"PrivacyModeTS":"0001-01-01T00:00:00Z"}}`,
		},
		"business of an impossible time": {types.MessageInfo{Multicast: true, VerifiedName: &types.VerifiedName{PrivacyModeTS: time.Unix(1<<40, 0)}}, `{"multicast":true}`},
	} {
		checkPart(t, name, StanzaOf(&c.info), c.want)
	}
}
