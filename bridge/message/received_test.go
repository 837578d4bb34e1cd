package message

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// withButtons is an interactive message with buttons, each of a name and its params.
func withButtons(nameAndParams ...string) *waE2E.InteractiveMessage {
	var buttons []*flowButton
	for i := 0; i < len(nameAndParams); i += 2 {
		buttons = append(buttons, &flowButton{Name: &nameAndParams[i], ButtonParamsJSON: &nameAndParams[i+1]})
	}
	return &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{
		NativeFlowMessage: &waE2E.InteractiveMessage_NativeFlowMessage{Buttons: buttons},
	}}
}

func carousel(cards ...*waE2E.InteractiveMessage) *waE2E.InteractiveMessage {
	return &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_CarouselMessage_{CarouselMessage: &waE2E.InteractiveMessage_CarouselMessage{Cards: cards}}}
}

// TestMalformedInteractiveContent checks the type and the parts of interactive messages whose parameters are missing or of another kind.
func TestMalformedInteractiveContent(t *testing.T) {
	t.Parallel()
	const empty = `"title":null,"subtitle":null,"footer":null`
	for name, c := range map[string]struct {
		m    *waE2E.InteractiveMessage
		kind string
		want string
	}{
		"nothing": {&waE2E.InteractiveMessage{}, "native_flow", `{` + empty + `,"button_text":null,"buttons":[],"sections":[],"cards":[]}`},
		"button without a name": {
			withButtons("", `{"display_text":"A"}`), "native_flow", `{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"other","id":null,"label":"A","params":{"display_text":"A"}}]}`,
		},
		"params that are no object": {
			withButtons("quick_reply", `[1]`, "cta_url", ``), "buttons", `{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"reply","id":null,"label":null},{"type":"url","id":null,"label":null}]}`,
		},
		"label of another kind": {
			withButtons("quick_reply", `{"display_text":1,"id":"a"}`), "buttons", `{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"reply","id":null,"label":null}]}`,
		},
		"known and unknown buttons": {
			withButtons("cta_copy", `{"copy_code":"X"}`, "mystery", `{}`), "native_flow",
			`{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"copy","id":null,"label":null,"code":"X"},{"type":"other","id":null,"label":null,"name":"mystery","params":{}}]}`,
		},
		"list without sections": {withButtons("single_select", `{"title":"Open"}`), "list", `{` + empty + `,"button_text":"Open","buttons":[],"sections":[],"cards":[]}`},
		"list with empty rows": {
			withButtons("single_select", `{"sections":[{"rows":[{}]},{"title":"S"}]}`), "list",
			`{` + empty + `,"button_text":null,"buttons":[],"cards":[],"sections":[{"title":null,"rows":[{"id":"","title":"","description":null}]},{"title":"S","rows":[]}]}`,
		},
		"list that is no JSON": {
			withButtons("single_select", `{"title":`), "native_flow", `{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"other","id":null,"label":null,"name":"single_select"}]}`,
		},
		"list beside a button": {
			withButtons("single_select", `{"title":"Open"}`, "quick_reply", `{"display_text":"A"}`), "native_flow",
			`{` + empty + `,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"other","id":null,"label":null,"name":"single_select","params":{"title":"Open"}},{"type":"reply","id":null,"label":"A"}]}`,
		},
		"carousel without cards": {carousel(), "carousel", `{` + empty + `,"button_text":null,"buttons":[],"sections":[],"cards":[]}`},
		"cards with a list and in a card": {
			carousel(withButtons("single_select", `{"title":"Open"}`), carousel(&waE2E.InteractiveMessage{}), &waE2E.InteractiveMessage{}), "carousel",
			`{` + empty + `,"button_text":null,"buttons":[],"sections":[],"cards":[
			{"title":null,"text":null,"footer":null,"media":null,"buttons":[{"type":"other","id":null,"label":null,"name":"single_select","params":{"title":"Open"}}]},
			{"title":null,"text":null,"footer":null,"media":null,"buttons":[]},{"title":null,"text":null,"footer":null,"media":null,"buttons":[]}]}`,
		},
	} {
		got := NewMessage(info, &waE2E.Message{InteractiveMessage: c.m})
		if got.Type != c.kind || got.Text != nil || got.Media != nil {
			t.Errorf("%s: type %q, text %q, media %v", name, got.Type, text(got.Text), got.Media)
		}
		checkPart(t, name, got.Interactive, c.want)
	}
}

// TestQuotedContent checks what is read of a quoted message: its id, chat, author, and the text or caption of each kind.
func TestQuotedContent(t *testing.T) {
	t.Parallel()
	str := proto.String
	nested := &waE2E.ContextInfo{StanzaID: str("Q0"), MentionedJID: []string{bob.String()}, QuotedMessage: &waE2E.Message{Conversation: str("before")}}
	for name, c := range map[string]struct {
		quoted *waE2E.Message
		want   string
	}{
		"text":                 {&waE2E.Message{Conversation: str("said")}, "said"},
		"text with a quote":    {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("said"), ContextInfo: nested}}, "said"},
		"caption":              {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: str("said"), ContextInfo: nested}}, "said"},
		"caption, wrapped":     {&waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ViewOnceMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: str("said")}}}}}}, "said"},
		"document":             {&waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("said")}}}}, "said"},
		"buttons":              {&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{ContentText: str("said")}}, "said"},
		"answer to a list":     {&waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{Title: str("said")}}, "said"},
		"interactive":          {&waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{Body: &waE2E.InteractiveMessage_Body{Text: str("said")}}}, "said"},
		"audio":                {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}, ""},
		"nothing":              {&waE2E.Message{}, ""},
		"no quoted content":    {nil, ""},
		"a wrapper of nothing": {&waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{}}, ""},
	} {
		about := &waE2E.ContextInfo{StanzaID: str("Q1"), Participant: str(bob.String()), QuotedMessage: c.quoted, MentionedJID: []string{ada.String()}, Expiration: proto.Uint32(86400)}
		got := NewMessage(info, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("answer"), ContextInfo: about}})
		q := got.Quoted
		if q == nil || q.MessageID != "Q1" || q.Sender != bob.String() || q.Chat != team.String() || text(q.Text) != c.want {
			t.Errorf("%s: %+v", name, q)
		}
		if len(got.Mentions) != 1 || got.Mentions[0] != ada.String() || text(got.Text) != "answer" || got.DisappearingSeconds == nil || *got.DisappearingSeconds != 86400 {
			t.Errorf("%s: the answer itself: %+v", name, got)
		}
		about.RemoteJID, about.Expiration = str(channel.String()), nil
		got = NewMessage(info, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("answer"), ContextInfo: about}})
		if got.Quoted.Chat != channel.String() || got.DisappearingSeconds != nil {
			t.Errorf("%s: quoted from another chat: %+v", name, got.Quoted)
		}
	}
	if got := NewMessage(info, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{ContextInfo: &waE2E.ContextInfo{QuotedMessage: &waE2E.Message{Conversation: str("x")}}}}); got.Quoted != nil {
		t.Errorf("a quote without an id: %+v", got.Quoted)
	}
}

// TestContentIsOnlyRead checks that no function which reads content changes it: whatsmeow and the store use the same message.
func TestContentIsOnlyRead(t *testing.T) {
	t.Parallel()
	edit := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("new"), ContextInfo: &waE2E.ContextInfo{MentionedJID: []string{bob.String()}}}}
	for name, c := range kinds() {
		for form, m := range map[string]*waE2E.Message{
			"plain": c.m, "wrapped": {EphemeralMessage: &waE2E.FutureProofMessage{Message: c.m}, MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: []byte("s")}},
		} {
			before := proto.Clone(m)
			for call, read := range map[string]func(){
				"describe": func() { NewMessage(info, m) }, "unwrap": func() { WithoutEnvelopes(m) }, "context": func() { ContextOf(m) },
				"caption": func() { CaptionOf(m) }, "file": func() { HeaderFile(m) },
				"edited": func() { MergeEdit(m, edit) }, "edit": func() { MergeEdit(edit, m) },
			} {
				if read(); !proto.Equal(before, m) {
					t.Fatalf("%s, %s: %s changed it to %v", name, form, call, m)
				}
			}
		}
	}
}

// TestTextEditOfEachKind checks that an edit with a text changes text and caption, and that the kind of a file and its quote stay.
func TestTextEditOfEachKind(t *testing.T) {
	t.Parallel()
	edit := &waE2E.Message{Conversation: proto.String("new text")}
	for name, c := range kinds() {
		merged := MergeEdit(c.m, edit)
		got := NewMessage(info, WithoutEnvelopes(merged))
		if text(got.Text) != "new text" {
			t.Errorf("%s: the text is %q after the edit", name, text(got.Text))
		}
		before := NewMessage(info, WithoutEnvelopes(c.m))
		if CaptionOf(c.m) == nil {
			continue
		}
		if got.Type != before.Type || (got.Media == nil) != (before.Media == nil) || got.Forwarded != before.Forwarded || (got.Quoted == nil) != (before.Quoted == nil) {
			t.Errorf("%s: became %+v, was %+v", name, got, before)
		}
	}
}

// TestLinksAreBounded checks the length of a link and the number of places where one is looked for.
func TestLinksAreBounded(t *testing.T) {
	t.Parallel()
	const link = "https://example.com/"
	longest := link + strings.Repeat("a", maxLink-len(link))
	for name, c := range map[string]struct{ text, want string }{
		"longest":                    {longest, longest},
		"too long":                   {longest + "a", ""},
		"too long, and another":      {longest + "a " + link, link},
		"the last place":             {strings.Repeat("www. ", maxLinkStarts-1) + link, link},
		"beyond the last place":      {strings.Repeat("www. ", maxLinkStarts) + link, ""},
		"many places without blanks": {strings.Repeat("www.", 100_000), ""},
		"bytes that are no text":     {"\xff\xfe" + link + "\xff", link + "\xff"},
	} {
		if got, _ := findLink(c.text); got != c.want {
			t.Errorf("%s: %.60q (%d bytes), want %.60q", name, got, len(got), c.want)
		}
	}
}

// TestStanzaTextsCanBeStored checks that texts of a peer in rare attributes are valid in JSON and in the database.
func TestStanzaTextsCanBeStored(t *testing.T) {
	t.Parallel()
	const bad = "a\x00b\xffc"
	deprecated := true
	source := &types.MessageInfo{
		Category: bad, Multicast: true,
		MsgBotInfo:     types.MsgBotInfo{EditType: bad, EditTargetID: bad, EditSenderTimestampMS: time.UnixMilli(1_700_000_000_000)},
		MsgMetaInfo:    types.MsgMetaInfo{TargetID: bad, TargetSender: bob, ThreadMessageID: bad, DeprecatedLIDSession: &deprecated},
		DeviceSentMeta: &types.DeviceSentMeta{DestinationJID: bad, Phash: bad},
	}
	raw, err := json.Marshal(StanzaOf(source))
	if err != nil || !utf8.Valid(raw) || strings.Contains(string(raw), string(wa.NulInJSON)) {
		t.Fatalf("%q, %v", raw, err)
	}
	var got MessageStanza
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got.Meta.TargetSender != bob.String() || got.Meta.TargetChat != "" || !*got.Meta.DeprecatedLIDSession || !got.Multicast || got.Bot.SentAt.UnixMilli() != 1_700_000_000_000 {
		t.Errorf("%s", raw)
	}
	for name, text := range map[string]string{"category": got.Category, "edit": got.Bot.EditType, "target": got.Bot.TargetID, "thread": got.Meta.ThreadID, "destination": got.DeviceSent.Destination} {
		if !strings.HasPrefix(text, "a") || !strings.HasSuffix(text, "c") || strings.ContainsRune(text, 0) {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestOldFormsWithoutParts checks interactive messages of earlier years, and answers to them, whose parts are missing.
func TestOldFormsWithoutParts(t *testing.T) {
	t.Parallel()
	const none = `"title":null,"subtitle":null,"footer":null,"button_text":null`
	for name, c := range map[string]struct {
		m    *waE2E.Message
		kind string
		want string
	}{
		"buttons":  {&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{}}, "buttons", `{` + none + `,"buttons":[],"sections":[],"cards":[]}`},
		"template": {&waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{}}, "buttons", `{` + none + `,"buttons":[],"sections":[],"cards":[]}`},
		"list":     {&waE2E.Message{ListMessage: &waE2E.ListMessage{}}, "list", `{` + none + `,"buttons":[],"sections":[],"cards":[]}`},
		"button without parts": {
			&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{Buttons: []*waE2E.ButtonsMessage_Button{{}, {NativeFlowInfo: &waE2E.ButtonsMessage_Button_NativeFlowInfo{}}}}}, "buttons",
			`{` + none + `,"sections":[],"cards":[],"buttons":[{"type":"reply","id":null,"label":null},{"type":"other","id":null,"label":null}]}`,
		},
		"row without parts": {
			&waE2E.Message{ListMessage: &waE2E.ListMessage{Sections: []*waE2E.ListMessage_Section{{}, {Rows: []*waE2E.ListMessage_Row{{}}}}}}, "list",
			`{` + none + `,"buttons":[],"cards":[],"sections":[{"title":null,"rows":[]},{"title":null,"rows":[{"id":"","title":"","description":null}]}]}`,
		},
	} {
		got := NewMessage(info, c.m)
		if got.Type != c.kind || got.Text != nil || got.Quoted != nil {
			t.Errorf("%s: %+v", name, got)
		}
		checkPart(t, name, got.Interactive, c.want)
	}
	const noID = `"id":null,"description":null,"name":null,"params":null}`
	for kind, m := range map[string]*waE2E.Message{
		`{"kind":"button",` + noID: {ButtonsResponseMessage: &waE2E.ButtonsResponseMessage{}},
		`{"kind":"row",` + noID:    {ListResponseMessage: &waE2E.ListResponseMessage{}},
		`{"kind":"flow",` + noID:   {InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{}},
	} {
		got := NewMessage(info, m)
		if got.Type != TypeText || got.Text != nil || got.Interactive != nil {
			t.Errorf("%s: %+v", kind, got)
		}
		checkPart(t, kind, got.Selection, kind)
	}
}
