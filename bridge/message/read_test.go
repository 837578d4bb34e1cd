package message

import (
	"encoding/json"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waAICommonDeprecated"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

var (
	ada  = types.NewJID("15550000002", types.DefaultUserServer)
	info = &types.MessageInfo{ID: "M1", MessageSource: types.MessageSource{Chat: team, Sender: ada}}
)

// kinds has a message of each kind of content, with the type and a part of the JSON form that are read from it.
func kinds() map[string]struct {
	m    *waE2E.Message
	kind string
	want string // members of the JSON form
} {
	str := proto.String
	about := &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}
	key := &waCommon.MessageKey{ID: str("T1"), Participant: str(bob.String())}
	const target = `"message_id":"T1","chat":"120363000000000001@g.us","sender":"15550000003@s.whatsapp.net","chat_key":"","contact_key":null`
	note := &waE2E.Message{Conversation: str("rent")}
	captioned := &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("c")}}}}
	poll := &waE2E.PollCreationMessage{Name: str("?"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: str("a")}}}
	return map[string]struct {
		m    *waE2E.Message
		kind string
		want string
	}{
		"conversation":  {&waE2E.Message{Conversation: str("hello")}, "text", `{"text":"hello","forwarded":false}`},
		"empty text":    {&waE2E.Message{Conversation: str("")}, "text", `{"text":""}`},
		"extended text": {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("hello"), ContextInfo: about}}, "text", `{"text":"hello","forwarded":true}`},
		"image": {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			Caption: str("c"), Mimetype: str("image/png"), Width: proto.Uint32(3), Height: proto.Uint32(4), FileLength: proto.Uint64(5), DirectPath: str("/v/a"), URL: str("https://example.com/v/a"),
			MediaKey: []byte{1}, FileSHA256: []byte{2}, FileEncSHA256: []byte{3}, ViewOnce: proto.Bool(true), ContextInfo: about,
		}}, "image", `{"text":"c","view_once":true,"forwarded":true,"media":{"media_id":null,"mime_type":"image/png","filename":null,"size":5,"voice_note":false,"gif":false,"keys":
			{"url":"https://example.com/v/a","media_key":"AQ==","direct_path":"/v/a","file_sha256":"Ag==","file_enc_sha256":"Aw==","duration_seconds":0,"width":3,"height":4}}}`},
		"video": {
			&waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: str("c"), Seconds: proto.Uint32(9), Width: proto.Uint32(3), ViewOnce: proto.Bool(true), GifPlayback: proto.Bool(true)}}, "video",
			`{"text":"c","view_once":true,"media":{"media_id":null,"mime_type":null,"filename":null,"size":0,"voice_note":false,"gif":true,"keys":{"media_key":null,"direct_path":"","file_sha256":null,"file_enc_sha256":null,"duration_seconds":9,"width":3,"height":0}}}`,
		},
		"video note": {&waE2E.Message{PtvMessage: &waE2E.VideoMessage{Mimetype: str("video/mp4")}}, "video", `{"text":null,"view_once":false}`},
		"audio":      {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{Seconds: proto.Uint32(7), ViewOnce: proto.Bool(true), ContextInfo: about}}, "audio", `{"view_once":true,"forwarded":true,"text":null}`},
		"voice note": {
			&waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}}, "audio",
			`{"media":{"media_id":null,"mime_type":null,"filename":null,"size":0,"voice_note":true,"gif":false,"keys":{"media_key":null,"direct_path":"","file_sha256":null,"file_enc_sha256":null,"duration_seconds":0,"width":0,"height":0}}}`,
		},
		"document": {&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("c"), FileName: str("a.pdf"), ContextInfo: about}}, "document", `{"text":"c","forwarded":true}`},
		"sticker":  {&waE2E.Message{StickerMessage: &waE2E.StickerMessage{Width: proto.Uint32(512), ContextInfo: about}}, "sticker", `{"text":null,"forwarded":true}`},
		"location": {
			&waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(1), Name: str("Cafe"), IsLive: proto.Bool(true), Comment: str("c"), ContextInfo: about}}, "location",
			`{"text":"c","forwarded":true,"location":{"latitude":1,"longitude":0,"name":"Cafe","address":null,"live":true}}`,
		},
		"live location": {
			&waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLongitude: proto.Float64(2), Caption: str("c"), ContextInfo: about}}, "location",
			`{"text":"c","forwarded":true,"location":{"latitude":0,"longitude":2,"name":null,"address":null,"live":true}}`,
		},
		"position of a live location": {
			&waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{
				DegreesLongitude: proto.Float64(2), AccuracyInMeters: proto.Uint32(7), SpeedInMps: proto.Float32(1.5), DegreesClockwiseFromMagneticNorth: proto.Uint32(90),
				SequenceNumber: proto.Int64(3), TimeOffset: proto.Uint32(60),
			}}, "location",
			`{"location":{"latitude":0,"longitude":2,"name":null,"address":null,"live":true,"accuracy_meters":7,"speed_mps":1.5,"bearing_degrees":90,"sequence":3,"elapsed_seconds":60}}`,
		},
		"contact":  {&waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: str("A"), Vcard: str("V"), ContextInfo: about}}, "contact", `{"contacts":[{"name":"A","vcard":"V"}],"forwarded":true}`},
		"contacts": {&waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{Contacts: []*waE2E.ContactMessage{{DisplayName: str("A")}, {}}}}, "contact", `{"contacts":[{"name":"A","vcard":""},{"name":"","vcard":""}]}`},
		"poll":     {&waE2E.Message{PollCreationMessage: poll}, "poll", `{"text":"?"}`},
		"poll 2":   {&waE2E.Message{PollCreationMessageV2: poll}, "poll", `{"text":"?"}`},
		"poll 3":   {&waE2E.Message{PollCreationMessageV3: poll}, "poll", `{"text":"?"}`},
		"poll 4":   {&waE2E.Message{PollCreationMessageV4: &waE2E.FutureProofMessage{Message: &waE2E.Message{PollCreationMessage: poll}}}, "poll", `{"text":"?"}`},
		"poll 5":   {&waE2E.Message{PollCreationMessageV5: poll}, "poll", `{"text":"?"}`},
		"poll 6":   {&waE2E.Message{PollCreationMessageV6: poll}, "poll", `{"text":"?","poll":{"question":"?","options":[{"text":"a","vote_count":0}],"selectable_count":0}}`},
		"event":    {&waE2E.Message{EventMessage: &waE2E.EventMessage{Name: str("Party"), JoinLink: str("https://example.com"), StartTime: proto.Int64(1), IsCanceled: proto.Bool(true)}}, "event", `{"text":"Party","event":{"name":"Party","description":null,"start_time":"1970-01-01T00:00:01Z","end_time":null,"location":null,"join_link":"https://example.com","cancelled":true,"responses":{"going":0,"not_going":0,"maybe":0}}}`},
		"order":    {&waE2E.Message{OrderMessage: &waE2E.OrderMessage{OrderID: str("7"), Token: str("t"), ContextInfo: about}}, "order", `{"forwarded":true,"order":{"order_id":"7","token":"t","item_count":0,"total_amount":null,"currency":null}}`},
		"reaction": {&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: str("+"), Key: key}}, "reaction", `{"text":"+","target":{"action":"reaction",` + target + `,"emoji":"+"}}`},
		"reaction taken back": {
			&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: str(""), Key: &waCommon.MessageKey{ID: str("T1"), FromMe: proto.Bool(true)}}}, "reaction",
			`{"text":null,"target":{"action":"reaction","message_id":"T1","chat":"120363000000000001@g.us","sender":"15550000002@s.whatsapp.net","chat_key":"","contact_key":null,"emoji":""}}`,
		},
		"encrypted reaction": {&waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{TargetMessageKey: key}}, "reaction", `{"target":{"action":"reaction",` + target + `}}`},
		"vote":               {&waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{PollCreationMessageKey: key}}, "system", `{"target":{"action":"poll_vote",` + target + `}}`},
		"answer to an event": {&waE2E.Message{EncEventResponseMessage: &waE2E.EncEventResponseMessage{EventCreationMessageKey: key}}, "system", `{"target":{"action":"event_response",` + target + `}}`},
		"pin":                {&waE2E.Message{PinInChatMessage: &waE2E.PinInChatMessage{Key: key, Type: waE2E.PinInChatMessage_PIN_FOR_ALL.Enum()}}, "system", `{"target":{"action":"pin",` + target + `,"pinned":true}}`},
		"pin for a day": {
			&waE2E.Message{PinInChatMessage: &waE2E.PinInChatMessage{Key: key, Type: waE2E.PinInChatMessage_PIN_FOR_ALL.Enum()}, MessageContextInfo: &waE2E.MessageContextInfo{MessageAddOnDurationInSecs: proto.Uint32(86400)}}, "system",
			`{"target":{"action":"pin",` + target + `,"pinned":true,"duration_seconds":86400}}`,
		},
		"unpin":             {&waE2E.Message{PinInChatMessage: &waE2E.PinInChatMessage{Key: key, Type: waE2E.PinInChatMessage_UNPIN_FOR_ALL.Enum()}}, "system", `{"target":{"action":"pin",` + target + `,"pinned":false}}`},
		"keep":              {&waE2E.Message{KeepInChatMessage: &waE2E.KeepInChatMessage{Key: key}}, "system", `{"target":{"action":"keep",` + target + `,"kept":false}}`},
		"kept":              {&waE2E.Message{KeepInChatMessage: &waE2E.KeepInChatMessage{Key: key, KeepType: waE2E.KeepType_KEEP_FOR_ALL.Enum()}}, "system", `{"target":{"action":"keep",` + target + `,"kept":true}}`},
		"encrypted comment": {&waE2E.Message{EncCommentMessage: &waE2E.EncCommentMessage{TargetMessageKey: key}}, "system", `{"target":{"action":"comment",` + target + `}}`},
		"comment":           {&waE2E.Message{CommentMessage: &waE2E.CommentMessage{TargetMessageKey: key, Message: note}}, "text", `{"text":"rent","target":{"action":"comment",` + target + `}}`},
		"empty comment":     {&waE2E.Message{CommentMessage: &waE2E.CommentMessage{TargetMessageKey: key}}, "system", `{"text":null,"target":{"action":"comment",` + target + `}}`},
		"invite": {
			&waE2E.Message{GroupInviteMessage: &waE2E.GroupInviteMessage{GroupJID: str("1@g.us"), InviteCode: str("x"), InviteExpiration: proto.Int64(1), Caption: str("c"), GroupName: str("Quay"), ContextInfo: about}}, "group_invite",
			`{"text":"c","forwarded":true,"group_invite":{"group":"1@g.us","group_name":"Quay","code":"x","expires_at":"1970-01-01T00:00:01Z","inviter":"15550000002@s.whatsapp.net","caption":"c"}}`,
		},
		"payment": {&waE2E.Message{SendPaymentMessage: &waE2E.SendPaymentMessage{NoteMessage: note}}, "payment", `{"payment":{"amount":null,"currency":null,"receiver":null,"status":null,"note":"rent"}}`},
		"request for a payment": {
			&waE2E.Message{RequestPaymentMessage: &waE2E.RequestPaymentMessage{Amount1000: proto.Uint64(1500), CurrencyCodeIso4217: str("EUR"), RequestFrom: str("r"), NoteMessage: note}}, "payment",
			`{"payment":{"amount":"1.5","currency":"EUR","receiver":"r","status":null,"note":"rent"}}`,
		},
		"declined payment":  {&waE2E.Message{DeclinePaymentRequestMessage: &waE2E.DeclinePaymentRequestMessage{}}, "payment", `{}`},
		"cancelled payment": {&waE2E.Message{CancelPaymentRequestMessage: &waE2E.CancelPaymentRequestMessage{}}, "payment", `{}`},
		"payment invite":    {&waE2E.Message{PaymentInviteMessage: &waE2E.PaymentInviteMessage{}}, "payment", `{"payment":{"amount":null,"currency":null,"receiver":null,"status":null,"note":null}}`},
		"payment reminder":  {&waE2E.Message{PaymentReminderMessage: &waE2E.PaymentReminderMessage{Description: str("rent"), Status: waE2E.PaymentReminderMessage_PAID.Enum()}}, "payment", `{"payment":{"amount":null,"currency":null,"receiver":null,"status":"paid","note":"rent"}}`},
		"revoke":            {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key}}, "system", `{"target":{"action":"revoke",` + target + `}}`},
		"edit": {
			&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: note, TimestampMS: proto.Int64(1500)}}, "text",
			`{"text":"rent","edited_at":"1970-01-01T00:00:01.5Z","target":{"action":"edit",` + target + `}}`,
		},
		"edit in a wrapper":    {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: captioned}}, "document", `{"text":"c","target":{"action":"edit",` + target + `}}`},
		"comment in a wrapper": {&waE2E.Message{CommentMessage: &waE2E.CommentMessage{TargetMessageKey: key, Message: captioned}}, "document", `{"text":"c","target":{"action":"comment",` + target + `}}`},
		"empty edit":           {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key}}, "system", `{"edited_at":null,"target":{"action":"edit",` + target + `}}`},
		"timer":                {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(), EphemeralExpiration: proto.Uint32(86400)}}, "system", `{"disappearing_seconds":86400}`},
		"timer off":            {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum()}}, "system", `{"disappearing_seconds":0}`},
		"protocol":             {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum()}}, "system", `{"target":null}`},
		"album":                {&waE2E.Message{AlbumMessage: &waE2E.AlbumMessage{ExpectedImageCount: proto.Uint32(3), ExpectedVideoCount: proto.Uint32(2), ContextInfo: about}}, "album", `{"forwarded":true,"album":{"image_count":3,"video_count":2}}`},
		"call":                 {&waE2E.Message{CallLogMesssage: &waE2E.CallLogMessage{IsVideo: proto.Bool(true), CallOutcome: waE2E.CallLogMessage_MISSED.Enum(), DurationSecs: proto.Int64(4)}}, "call", `{"call":{"video":true,"outcome":"missed","duration_seconds":4,"title":null,"start_time":null}}`},
		"business call":        {&waE2E.Message{BcallMessage: &waE2E.BCallMessage{MediaType: waE2E.BCallMessage_VIDEO.Enum(), Caption: str("c")}}, "call", `{"text":"c","call":{"video":true,"outcome":null,"duration_seconds":0,"title":null,"start_time":null}}`},
		"planned call": {
			&waE2E.Message{ScheduledCallCreationMessage: &waE2E.ScheduledCallCreationMessage{Title: str("Plan"), ScheduledTimestampMS: proto.Int64(1000), CallType: waE2E.ScheduledCallCreationMessage_VIDEO.Enum()}}, "scheduled_call",
			`{"text":"Plan","call":{"video":true,"outcome":null,"duration_seconds":0,"title":"Plan","start_time":"1970-01-01T00:00:01Z"}}`,
		},
		"cancelled call": {&waE2E.Message{ScheduledCallEditMessage: &waE2E.ScheduledCallEditMessage{Key: key}}, "system", `{"target":{"action":"call_cancel",` + target + `}}`},
		"product": {&waE2E.Message{ProductMessage: &waE2E.ProductMessage{Product: &waE2E.ProductMessage_ProductSnapshot{
			ProductID: str("7"), Title: str("Tea"), Description: str("d"), CurrencyCode: str("EUR"), PriceAmount1000: proto.Int64(2500), RetailerID: str("r"), URL: str("https://example.com"),
		}}}, "product", `{"text":"Tea","product":{"product_id":"7","title":"Tea","description":"d","price":2.5,"currency":"EUR","retailer_id":"r","url":"https://example.com"}}`},
		"product with a text":    {&waE2E.Message{ProductMessage: &waE2E.ProductMessage{Body: str("buy")}}, "product", `{"text":"buy","product":{"product_id":"","title":null,"description":null,"price":null,"currency":null,"retailer_id":null,"url":null}}`},
		"invoice":                {&waE2E.Message{InvoiceMessage: &waE2E.InvoiceMessage{Note: str("May")}}, "invoice", `{"text":"May"}`},
		"event invite":           {&waE2E.Message{EventInviteMessage: &waE2E.EventInviteMessage{EventTitle: str("Party"), Caption: str("c"), ContextInfo: about}}, "event_invite", `{"text":"c","forwarded":true,"event":{"name":"Party","description":null,"start_time":null,"end_time":null,"location":null,"join_link":null,"cancelled":false,"responses":{"going":0,"not_going":0,"maybe":0}}}`},
		"sticker pack":           {&waE2E.Message{StickerPackMessage: &waE2E.StickerPackMessage{StickerPackID: str("p"), Name: str("Cats"), Stickers: []*waE2E.StickerPackMessage_Sticker{{}, {}}}}, "sticker_pack", `{"sticker_pack":{"pack_id":"p","name":"Cats","publisher":null,"description":null,"sticker_count":2}}`},
		"request of a number":    {&waE2E.Message{RequestPhoneNumberMessage: &waE2E.RequestPhoneNumberMessage{ContextInfo: about}}, "phone_number_request", `{"forwarded":true}`},
		"newsletter admin":       {&waE2E.Message{NewsletterAdminInviteMessage: &waE2E.NewsletterAdminInviteMessage{NewsletterJID: str("1@newsletter"), NewsletterName: str("News"), InviteExpiration: proto.Int64(1)}}, "newsletter_invite", `{"newsletter_invite":{"newsletter":"1@newsletter","name":"News","admin":true,"expires_at":"1970-01-01T00:00:01Z"}}`},
		"newsletter follower":    {&waE2E.Message{NewsletterFollowerInviteMessageV2: &waE2E.NewsletterFollowerInviteMessage{NewsletterJID: str("1@newsletter"), Caption: str("c")}}, "newsletter_invite", `{"text":"c","newsletter_invite":{"newsletter":"1@newsletter","name":null,"admin":false,"expires_at":null}}`},
		"result":                 {&waE2E.Message{PollResultSnapshotMessage: &waE2E.PollResultSnapshotMessage{Name: str("?"), PollVotes: []*waE2E.PollResultSnapshotMessage_PollVote{{OptionName: str("a"), OptionVoteCount: proto.Int64(4)}}}}, "poll_result", `{"text":"?","poll":{"question":"?","options":[{"text":"a","vote_count":4}],"selectable_count":0}}`},
		"result 3":               {&waE2E.Message{PollResultSnapshotMessageV3: &waE2E.PollResultSnapshotMessage{Name: str("?")}}, "poll_result", `{"text":"?","poll":{"question":"?","options":[],"selectable_count":0}}`},
		"music":                  {&waE2E.Message{MusicMessage: &waE2E.MusicMessage{EmbeddedMusic: &waE2E.EmbeddedMusic{Title: str("Song"), Author: str("Band")}}}, "music", `{"text":"Song - Band"}`},
		"music without a band":   {&waE2E.Message{MusicMessage: &waE2E.MusicMessage{EmbeddedMusic: &waE2E.EmbeddedMusic{Title: str("Song")}}}, "music", `{"text":"Song"}`},
		"answer":                 {&waE2E.Message{QuestionResponseMessage: &waE2E.QuestionResponseMessage{Text: str("a")}}, "text", `{"text":"a"}`},
		"answer to a status":     {&waE2E.Message{StatusQuestionAnswerMessage: &waE2E.StatusQuestionAnswerMessage{Text: str("a")}}, "text", `{"text":"a"}`},
		"quoted status":          {&waE2E.Message{StatusQuotedMessage: &waE2E.StatusQuotedMessage{Text: str("a")}}, "text", `{"text":"a"}`},
		"answer of an assistant": {&waE2E.Message{RichResponseMessage: &waE2E.AIRichResponseMessage{Submessages: []*waAICommonDeprecated.AIRichResponseSubMessage{{MessageText: str("a")}, {}, {MessageText: str("b")}}}}, "text", `{"text":"a\nb"}`},
		"template with a text": {
			&waE2E.Message{HighlyStructuredMessage: &waE2E.HighlyStructuredMessage{HydratedHsm: &waE2E.TemplateMessage{HydratedTemplate: &waE2E.TemplateMessage_HydratedFourRowTemplate{HydratedContentText: str("hello")}}}}, "buttons", `{"text":"hello"}`,
		},
		"template without one": {&waE2E.Message{HighlyStructuredMessage: &waE2E.HighlyStructuredMessage{ElementName: str("t")}}, "unknown", `{"text":null,"interactive":null}`},
		"split payment": {
			&waE2E.Message{SplitPaymentMessage: &waE2E.SplitPaymentMessage{Description: str("rent"), RequesterJID: str("r"), TotalAmount: &waE2E.Money{Value: proto.Int64(1500), Offset: proto.Uint32(1000), CurrencyCode: str("EUR")}}}, "payment",
			`{"payment":{"amount":"1.5","currency":"EUR","receiver":"r","status":null,"note":"rent"}}`,
		},
		"split payment without an amount": {&waE2E.Message{SplitPaymentMessage: &waE2E.SplitPaymentMessage{TotalAmount: &waE2E.Money{Value: proto.Int64(1)}}}, "payment", `{"payment":{"amount":null,"currency":null,"receiver":null,"status":null,"note":null}}`},
		"part of a payment":               {&waE2E.Message{SplitPaymentUpdateMessage: &waE2E.SplitPaymentUpdateMessage{ParticipantJID: str("p")}}, "payment", `{"payment":{"amount":null,"currency":null,"receiver":"p","status":null,"note":null}}`},
		"notice about a status":           {&waE2E.Message{StatusNotificationMessage: &waE2E.StatusNotificationMessage{ResponseMessageKey: key}}, "system", `{"target":{"action":"status_notification",` + target + `}}`},
		"sticker on a status":             {&waE2E.Message{StatusStickerInteractionMessage: &waE2E.StatusStickerInteractionMessage{Key: key}}, "reaction", `{"target":{"action":"reaction",` + target + `}}`},
		"shared history":                  {&waE2E.Message{MessageHistoryNotice: &waE2E.MessageHistoryNotice{ContextInfo: about}}, "system", `{"target":null,"forwarded":true}`},
		"hidden content":                  {&waE2E.Message{PlaceholderMessage: &waE2E.PlaceholderMessage{}}, "unavailable", `{"unavailable_reason":"linked_device"}`},
		"nothing":                         {&waE2E.Message{}, "unknown", `{"text":null,"target":null,"poll":null,"call":null,"payment":null}`},
		"other":                           {&waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}}, "unknown", `{"text":null,"album":null,"product":null,"event":null}`},
	}
}

func TestEachKindIsRead(t *testing.T) {
	for name, c := range kinds() {
		got := NewMessage(info, c.m)
		if got.Type != c.kind {
			t.Errorf("%s: type %q, want %q", name, got.Type, c.kind)
		}
		var all, part map[string]any
		raw, err := json.Marshal(got)
		if err != nil || json.Unmarshal(raw, &all) != nil || json.Unmarshal([]byte(c.want), &part) != nil {
			t.Fatalf("%s: %s, %v", name, raw, err)
		}
		for member, want := range part {
			have, _ := json.Marshal(all[member])
			expected, _ := json.Marshal(want)
			if string(have) != string(expected) {
				t.Errorf("%s: %s is %s, want %s", name, member, have, expected)
			}
		}
	}
}

func TestSourceOfAMessage(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.FixedZone("", 7200))
	device := ada
	device.Device = 3
	got := NewMessage(&types.MessageInfo{
		ID: "M1", ServerID: 9, PushName: "Ada", Timestamp: at, MessageSource: types.MessageSource{Chat: types.StatusBroadcastJID, Sender: device, IsFromMe: true},
	}, nil)
	if got.Chat != "status@broadcast" || got.Sender != ada.String() || text(got.SenderName) != "Ada" || !got.FromMe || *got.ServerID != 9 || got.Timestamp.Format(time.RFC3339) != "2026-05-01T10:00:00Z" {
		t.Errorf("%+v", got)
	}
	if !got.IsStatus || got.IsBroadcast || got.Type != TypeUnknown {
		t.Errorf("status: %+v", got)
	}
	list := types.NewJID("1", types.BroadcastServer)
	if got = NewMessage(&types.MessageInfo{MessageSource: types.MessageSource{Chat: list}}, nil); got.IsStatus || !got.IsBroadcast || got.ServerID != nil || got.SenderName != nil {
		t.Errorf("broadcast list: %+v", got)
	}
	for id, want := range map[string]string{
		"3A0123456789ABCDEF01": "ios", "3a0123456789abcdef01": "ios", "3A01": "unknown", "3EB0123456": "web", "3F01": "web", "0123456789ABCDEF0123456789ABCDEF": "android", "": "unknown", "3E": "unknown",
	} {
		if got := NewMessage(&types.MessageInfo{ID: id}, nil).SenderDevice; got != want {
			t.Errorf("id %q: %s, want %s", id, got, want)
		}
	}
}

// TestContextIsRead checks what a message says about its chat: quote, mentions, forwarding and timer.
func TestContextIsRead(t *testing.T) {
	str := proto.String
	about := func(quoted *waE2E.Message, chat string) *waE2E.ContextInfo {
		c := &waE2E.ContextInfo{
			StanzaID: str("Q1"), Participant: str(bob.String()), QuotedMessage: quoted, MentionedJID: []string{bob.String()}, ForwardingScore: proto.Uint32(5),
			IsForwarded: proto.Bool(true), Expiration: proto.Uint32(86400),
		}
		if chat != "" {
			c.RemoteJID = &chat
		}
		return c
	}
	for name, c := range map[string]struct {
		quoted *waE2E.Message
		chat   string
		text   string // "-" = null
	}{
		"text":            {&waE2E.Message{Conversation: str("old")}, "", "old"},
		"text in context": {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("old"), ContextInfo: about(&waE2E.Message{Conversation: str("older")}, "")}}, "", "old"},
		"caption":         {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: str("old")}}, "", "old"},
		"buttons":         {&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{ContentText: str("old")}}, "", "old"},
		"answer":          {&waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{Title: str("old")}}, "", "old"},
		"poll":            {&waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: str("?")}}, "", "-"},
		"nothing":         {nil, "", "-"},
		"wrapped":         {&waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("old")}}}}, "", "old"},
		"another chat":    {&waE2E.Message{Conversation: str("old")}, "status@broadcast", "old"},
	} {
		got := NewMessage(info, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("new"), ContextInfo: about(c.quoted, c.chat)}})
		if !got.Forwarded || got.ForwardingScore != 5 || *got.DisappearingSeconds != 86400 || len(got.Mentions) != 1 || got.Mentions[0] != bob.String() {
			t.Errorf("%s: %+v", name, got)
		}
		chat := c.chat
		if chat == "" {
			chat = team.String()
		}
		quoted := got.Quoted
		if quoted == nil || quoted.MessageID != "Q1" || quoted.Sender != bob.String() || quoted.Chat != chat || (quoted.Text == nil) != (c.text == "-") || quoted.Text != nil && *quoted.Text != c.text {
			t.Errorf("%s: quoted %+v", name, quoted)
		}
	}
	got := NewMessage(info, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{ContextInfo: &waE2E.ContextInfo{QuotedMessage: &waE2E.Message{Conversation: str("old")}}}})
	if got.Quoted != nil || got.DisappearingSeconds != nil || got.Mentions == nil {
		t.Errorf("a quote without an id: %+v", got)
	}
}
