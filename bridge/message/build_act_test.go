package message

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

var me = types.NewJID("15550000001", types.DefaultUserServer)

// secrets is a store of message secrets in which every message of Bob has one.
type secrets struct{ store.NoopStore }

// GetMessageSecret implements store.MsgSecretStore.
func (*secrets) GetMessageSecret(_ context.Context, _, sender types.JID, _ types.MessageID) ([]byte, types.JID, error) {
	if sender != bob {
		return nil, types.EmptyJID, nil
	}
	return []byte(strings.Repeat("s", 32)), bob, nil
}

// actBuilder returns a builder whose account knows one message of Bob with a content; nil content is not stored.
func actBuilder(content *waE2E.Message, c *Content) *Builder {
	b := newBuilder(team, c)
	b.Client = whatsmeow.NewClient(&store.Device{ID: &me, LID: types.NewJID("100", types.HiddenUserServer), MsgSecrets: &secrets{}}, nil)
	b.FindSubject = func(_ context.Context, target *ActTarget) (*Subject, error) {
		if target.MessageID != "T1" {
			return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "message_id", Message: "is not there"}
		}
		sender, fromMe := bob, target.FromMe != nil && *target.FromMe
		if fromMe {
			sender = me
		}
		return &Subject{Content: content, Info: types.MessageInfo{ID: "T1", MessageSource: types.MessageSource{Chat: team, Sender: sender, IsFromMe: fromMe, IsGroup: true}}}, nil
	}
	return b
}

func TestActsAreReadAsTheyWereBuilt(t *testing.T) {
	t.Parallel()
	off, own := false, true
	fading := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("x"), ContextInfo: &waE2E.ContextInfo{Expiration: proto.Uint32(86400)}}}
	poll := &waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Options: []*waE2E.PollCreationMessage_Option{{OptionName: proto.String("a")}, {OptionName: proto.String("b")}}}}
	party := &waE2E.Message{EventMessage: &waE2E.EventMessage{ExtraGuestsAllowed: proto.Bool(true)}}
	const target = `"message_id":"T1","chat":"120363000000000001@g.us","sender":"15550000003@s.whatsapp.net","chat_key":"","contact_key":null`
	for name, c := range map[string]struct {
		content *waE2E.Message
		kind    string
		target  ActTarget
		want    string
	}{
		"pin":                        {nil, "pin", ActTarget{}, `{"action":"pin",` + target + `,"pinned":true,"duration_seconds":604800}`},
		"pin for a day":              {nil, "pin", ActTarget{DurationSeconds: 86400, Action: "pin"}, `{"action":"pin",` + target + `,"pinned":true,"duration_seconds":86400}`},
		"unpin":                      {nil, "pin", ActTarget{Pinned: &off}, `{"action":"pin",` + target + `,"pinned":false}`},
		"received pin":               {nil, "system", ActTarget{Action: "pin", Pinned: &own}, `{"action":"pin",` + target + `,"pinned":true,"duration_seconds":604800}`},
		"keep":                       {fading, "keep", ActTarget{}, `{"action":"keep",` + target + `,"kept":true}`},
		"undone":                     {fading, "keep", ActTarget{Kept: &off}, `{"action":"keep",` + target + `,"kept":false}`},
		"keep of an unknown message": {nil, "keep", ActTarget{}, `{"action":"keep",` + target + `,"kept":true}`},
		"vote":                       {poll, "poll_vote", ActTarget{Options: []string{"b", "a"}}, `{"action":"poll_vote",` + target + `,"options":["b","a"]}`},
		"vote in an unknown poll":    {nil, "poll_vote", ActTarget{Options: []string{"c"}}, `{"action":"poll_vote",` + target + `,"options":["c"]}`},
		"answer":                     {party, "event_response", ActTarget{Response: "going", ExtraGuests: 2}, `{"action":"event_response",` + target + `,"response":"going","extra_guests":2}`},
		"answer without guests":      {nil, "event_response", ActTarget{Response: "maybe"}, `{"action":"event_response",` + target + `,"response":"maybe"}`},
	} {
		c.target.MessageID = "T1"
		content := &Content{Type: c.kind, Target: &c.target}
		b := actBuilder(c.content, content)
		got := sendAndRead(t, b)
		got.AddAct(b.Act)
		if got.Type != TypeSystem || !content.IsAct() || content.IsComment() {
			t.Errorf("%s: type %s", name, got.Type)
		}
		checkPart(t, name, got.Target, c.want)
	}
	b := actBuilder(nil, &Content{Type: "pin", Target: &ActTarget{MessageID: "T1", FromMe: &own}})
	if m, err := b.Build(t.Context()); err != nil || !m.PinInChatMessage.GetKey().GetFromMe() || m.PinInChatMessage.GetKey().Participant != nil {
		t.Errorf("pin of an own message: %v, %v", m, err)
	}
}

func TestBadActsAreRefused(t *testing.T) {
	t.Parallel()
	off, own := false, true
	plain := &waE2E.Message{Conversation: proto.String("x")}
	poll := &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{SelectableOptionsCount: proto.Uint32(1), Options: []*waE2E.PollCreationMessage_Option{{OptionName: proto.String("a")}, {OptionName: proto.String("b")}}}}
	event := func(cancelled bool) *waE2E.Message {
		return &waE2E.Message{EventMessage: &waE2E.EventMessage{IsCanceled: &cancelled}}
	}
	for name, c := range map[string]struct {
		content *waE2E.Message
		kind    string
		target  *ActTarget
		field   string
		reason  wa.Reason
	}{
		"no target":                 {nil, "pin", nil, "target", wa.ReasonBadParam},
		"no message":                {nil, "pin", &ActTarget{}, "target/message_id", wa.ReasonBadParam},
		"unknown message":           {nil, "pin", &ActTarget{MessageID: "T2"}, "target/message_id", wa.ReasonNotFound},
		"no action":                 {nil, "system", &ActTarget{MessageID: "T1"}, "target/action", wa.ReasonBadParam},
		"unknown action":            {nil, "system", &ActTarget{MessageID: "T1", Action: "edit"}, "target/action", wa.ReasonBadParam},
		"other action":              {nil, "pin", &ActTarget{MessageID: "T1", Action: "keep"}, "target/action", wa.ReasonBadParam},
		"unpin with a time":         {nil, "pin", &ActTarget{MessageID: "T1", Pinned: &off, DurationSeconds: 86400}, "target/duration_seconds", wa.ReasonBadParam},
		"keep":                      {plain, "keep", &ActTarget{MessageID: "T1"}, "target/message_id", wa.ReasonBadParam},
		"no poll":                   {plain, "poll_vote", &ActTarget{MessageID: "T1"}, "target/message_id", wa.ReasonBadParam},
		"unknown option":            {poll, "poll_vote", &ActTarget{MessageID: "T1", Options: []string{"c"}}, "target/options/0", wa.ReasonBadParam},
		"too many options":          {poll, "poll_vote", &ActTarget{MessageID: "T1", Options: []string{"a", "b"}}, "target/options", wa.ReasonBadParam},
		"option twice":              {nil, "poll_vote", &ActTarget{MessageID: "T1", Options: []string{"a", "a"}}, "target/options/1", wa.ReasonBadParam},
		"vote without secret":       {nil, "poll_vote", &ActTarget{MessageID: "T1", FromMe: &own}, "target/message_id", wa.ReasonNotFound},
		"no event":                  {plain, "event_response", &ActTarget{MessageID: "T1", Response: "going"}, "target/message_id", wa.ReasonBadParam},
		"no answer":                 {event(false), "event_response", &ActTarget{MessageID: "T1"}, "target/response", wa.ReasonBadParam},
		"cancelled event":           {event(true), "event_response", &ActTarget{MessageID: "T1", Response: "going"}, "target/message_id", wa.ReasonConflict},
		"guests":                    {event(false), "event_response", &ActTarget{MessageID: "T1", Response: "going", ExtraGuests: 1}, "target/extra_guests", wa.ReasonBadParam},
		"guests of an absent":       {nil, "event_response", &ActTarget{MessageID: "T1", Response: "maybe", ExtraGuests: 1}, "target/extra_guests", wa.ReasonBadParam},
		"answer without secret":     {nil, "event_response", &ActTarget{MessageID: "T1", Response: "going", FromMe: &own}, "target/message_id", wa.ReasonNotFound},
		"comment of another action": {nil, "text", &ActTarget{MessageID: "T1", Action: "pin"}, "target/action", wa.ReasonBadParam},
		"poll as comment":           {nil, "poll", &ActTarget{MessageID: "T1"}, "target", wa.ReasonBadParam},
	} {
		b := actBuilder(c.content, &Content{Type: c.kind, Target: c.target, Text: "x"})
		var e *wa.Error
		if m, err := b.Build(t.Context()); !errors.As(err, &e) || e.Field != c.field || e.Reason != c.reason {
			t.Errorf("%s: %v, %#v", name, m, err)
		}
	}
	for _, to := range []types.JID{channel, types.StatusBroadcastJID} {
		b := actBuilder(nil, &Content{Type: "pin", Target: &ActTarget{MessageID: "T1"}})
		b.To = to
		var e *wa.Error
		if _, err := b.Build(t.Context()); !errors.As(err, &e) || e.Reason != wa.ReasonNotSupported || e.Field != "to" {
			t.Errorf("to %s: %v", to, err)
		}
	}
	b := actBuilder(nil, &Content{Type: "text", Text: "x", Target: &ActTarget{MessageID: "T1"}})
	b.To = bob
	var e *wa.Error
	if _, err := b.Build(t.Context()); !errors.As(err, &e) || e.Reason != wa.ReasonNotSupported || e.Field != "to" {
		t.Errorf("a comment to a person: %v", err)
	}
}

func TestCommentsAreReadAsTheyWereBuilt(t *testing.T) {
	t.Parallel()
	b := actBuilder(nil, &Content{Type: "text", Text: "x", Target: &ActTarget{MessageID: "T1"}})
	built, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sealed, shown, meta, err := b.Comment(t.Context(), built)
	if err != nil || sealed.GetEncCommentMessage().GetTargetMessageKey().GetID() != "T1" || meta.ThreadMessageID != "T1" || meta.ThreadMessageSenderJID != bob {
		t.Fatalf("%v, %v, %v", sealed, meta, err)
	}
	got := NewMessage(&types.MessageInfo{MessageSource: types.MessageSource{Chat: team}}, shown)
	if got.Type != TypeText || text(got.Text) != "x" || got.Target.Action != ActionComment || got.Target.MessageID != "T1" {
		t.Errorf("read as %+v", got)
	}
	own := true
	b.Content.Target.FromMe = &own
	var e *wa.Error
	if _, _, _, err = b.Comment(t.Context(), built); !errors.As(err, &e) || e.Reason != wa.ReasonNotFound || e.Field != "target/message_id" {
		t.Errorf("without a secret: %v", err)
	}
}

func TestInvitesAndPositionsAreReadAsTheyWereBuilt(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	place := &EventLocation{Latitude: ptr(1.5), Longitude: ptr(2.5), Live: true, AccuracyMeters: 7, SpeedMPS: 1.5, BearingDegrees: 90, Sequence: 3, ElapsedSeconds: 60}
	for name, c := range map[string]struct {
		content Content
		part    func(*Message) any
		want    string
	}{
		"live location": {
			Content{Type: "location", Location: place, Caption: "c"},
			func(m *Message) any { return m.Location },
			`{"latitude":1.5,"longitude":2.5,"name":null,"address":null,"live":true,"accuracy_meters":7,"speed_mps":1.5,"bearing_degrees":90,"sequence":3,"elapsed_seconds":60}`,
		},
		"received location": {
			Content{Type: "location", Location: &EventLocation{Latitude: ptr(1.5), Longitude: ptr(2.5), Name: "Cafe", Address: "Road 1"}, Caption: "c"},
			func(m *Message) any { return m.Location }, `{"latitude":1.5,"longitude":2.5,"name":"Cafe","address":"Road 1","live":false}`,
		},
		"group invite": {
			Content{Type: "group_invite", GroupInvite: &GroupInvite{Group: team.String(), Code: "x", ExpiresAt: &until, Caption: "c"}},
			func(m *Message) any { return m.GroupInvite },
			`{"group":"120363000000000001@g.us","code":"x","expires_at":"2026-05-01T10:00:00Z","group_name":"The Team","inviter":"15550000003@s.whatsapp.net","caption":"c"}`,
		},
		"named group invite": {
			Content{Type: "group_invite", GroupInvite: &GroupInvite{Group: team.String(), Code: "x", GroupName: "Other"}, Caption: "c"},
			func(m *Message) any { return m.GroupInvite },
			`{"group":"120363000000000001@g.us","code":"x","expires_at":null,"group_name":"Other","inviter":"15550000003@s.whatsapp.net","caption":"c"}`,
		},
		"admin invite": {
			Content{Type: "newsletter_invite", NewsletterInvite: &NewsletterInvite{Newsletter: channel.String(), Name: "News", Admin: true, ExpiresAt: &until}, Caption: "c"},
			func(m *Message) any { return m.NewsletterInvite }, `{"newsletter":"120363000000000002@newsletter","name":"News","admin":true,"expires_at":"2026-05-01T10:00:00Z"}`,
		},
		"follower invite": {
			Content{Type: "newsletter_invite", NewsletterInvite: &NewsletterInvite{Newsletter: channel.String(), Name: "News"}, Caption: "c"},
			func(m *Message) any { return m.NewsletterInvite }, `{"newsletter":"120363000000000002@newsletter","name":"News","admin":false,"expires_at":null}`,
		},
	} {
		b := newBuilder(bob, &c.content)
		b.GroupName = func(context.Context, types.JID) string { return "The Team" }
		got := sendAndRead(t, b)
		if got.Type != c.content.Type || text(got.Text) != "c" {
			t.Errorf("%s: %+v", name, got)
		}
		checkPart(t, name, c.part(got), c.want)
	}
	album := sendAndRead(t, newBuilder(team, &Content{Type: "album", Album: &Album{ImageCount: 2, VideoCount: 1}}))
	checkPart(t, "album", album.Album, `{"image_count":2,"video_count":1}`)
	counted := sendAndRead(t, newBuilder(team, &Content{Type: "album", Album: &Album{ImageCount: 9, Items: []AlbumItem{{Type: "image"}, {Type: "video"}}}}))
	checkPart(t, "album with items", counted.Album, `{"image_count":1,"video_count":1}`)
	live := sendAndRead(t, newBuilder(bob, &Content{Type: "location", Location: &EventLocation{Latitude: ptr(0.0), Longitude: ptr(0.0), Live: true}}))
	if age := time.Since(time.UnixMicro(live.Location.Sequence)); age < 0 || age > time.Minute {
		t.Errorf("sequence %d", live.Location.Sequence)
	}
}
