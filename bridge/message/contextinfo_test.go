package message

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var messageFields = (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()

// TestContextOfEachKind sets, reads and removes the context of each kind of content that whatsmeow's descriptors know.
func TestContextOfEachKind(t *testing.T) {
	withContext := 0
	for i := range messageFields.Len() {
		field := messageFields.Get(i)
		if field.Message() == nil || field.IsList() || field.IsMap() {
			continue
		}
		m := &waE2E.Message{}
		inner := m.ProtoReflect().Mutable(field).Message()
		about := inner.Descriptor().Fields().ByName("contextInfo")
		if ContextOf(m) != nil {
			t.Errorf("%s: a context in an empty message", field.Name())
		}
		ok := WithContext(m, func(old *waE2E.ContextInfo) *waE2E.ContextInfo {
			if old != nil {
				t.Errorf("%s: old context %v", field.Name(), old)
			}
			return &waE2E.ContextInfo{StanzaID: proto.String("Q1")}
		})
		if ok != (about != nil) {
			t.Errorf("%s: has a context %v, was set %v", field.Name(), about != nil, ok)
		}
		if about == nil {
			continue
		}
		withContext++
		if got := ContextOf(m).GetStanzaID(); got != "Q1" || !inner.Has(about) {
			t.Errorf("%s: context of %q", field.Name(), got)
		}
		if WithContext(m, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return nil }); inner.Has(about) || ContextOf(m) != nil {
			t.Errorf("%s: the context remains", field.Name())
		}
	}
	if withContext < 40 {
		t.Errorf("only %d kinds have a context", withContext)
	}
}

func TestContextInsideOfContent(t *testing.T) {
	poll := &waE2E.PollCreationMessage{ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("Q1")}}
	document := &waE2E.DocumentMessage{ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("Q1")}}
	for name, m := range map[string]*waE2E.Message{
		"poll 4":                {PollCreationMessageV4: &waE2E.FutureProofMessage{Message: &waE2E.Message{PollCreationMessage: poll}}},
		"document with caption": {DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: document}}},
	} {
		if ContextOf(m).GetStanzaID() != "Q1" {
			t.Errorf("%s: %v", name, ContextOf(m))
		}
	}
	for name, m := range map[string]*waE2E.Message{"no message": nil, "an empty one": {}, "a short text": {Conversation: proto.String("x")}} {
		if ContextOf(m) != nil || WithContext(m, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return &waE2E.ContextInfo{} }) {
			t.Errorf("%s has a context", name)
		}
	}
}

// TestEachEnvelopeIsOpened wraps a message in each field that can contain another one.
func TestEachEnvelopeIsOpened(t *testing.T) {
	count := 0
	for i := range messageFields.Len() {
		field := messageFields.Get(i)
		if field.Message() == nil || field.Message().FullName() != futureProof {
			continue
		}
		count++
		secret := &waE2E.MessageContextInfo{MessageSecret: []byte("s")}
		inner := &waE2E.Message{Conversation: proto.String("inside")}
		m := &waE2E.Message{MessageContextInfo: secret}
		m.ProtoReflect().Set(field, protoreflect.ValueOfMessage((&waE2E.FutureProofMessage{Message: inner}).ProtoReflect()))
		outer := &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}
		before := proto.Clone(outer)
		evt := &events.Message{Message: outer}
		names := OpenEnvelopes(evt)
		if len(names) != 2 || names[0] != "ephemeralMessage" || names[1] != string(field.Name()) || !evt.IsEphemeral {
			t.Errorf("%s: opened %v", field.Name(), names)
		}
		if evt.Message.GetConversation() != "inside" || string(evt.Message.GetMessageContextInfo().GetMessageSecret()) != "s" {
			t.Errorf("%s: content %v", field.Name(), evt.Message)
		}
		if !proto.Equal(outer, before) {
			t.Errorf("%s: the message was changed to %v", field.Name(), outer)
		}
		once := field.Name() == "viewOnceMessage" || field.Name() == "viewOnceMessageV2" || field.Name() == "viewOnceMessageV2Extension"
		if evt.IsViewOnce != once || evt.IsEdit != (field.Name() == "editedMessage") {
			t.Errorf("%s: opens once %v, edit %v", field.Name(), evt.IsViewOnce, evt.IsEdit)
		}
		if got := WithoutEnvelopes(outer); got.GetConversation() != "inside" {
			t.Errorf("%s: without envelopes %v", field.Name(), got)
		}
	}
	if count < 20 {
		t.Errorf("only %d kinds of wrappers", count)
	}
}

// TestNumberOfEnvelopesIsBounded checks that a message of many wrappers is opened up to the bound, and empty wrappers are content.
func TestNumberOfEnvelopesIsBounded(t *testing.T) {
	m := &waE2E.Message{Conversation: proto.String("inside")}
	for range maxEnvelopes + 2 {
		m = &waE2E.Message{ViewOnceMessage: &waE2E.FutureProofMessage{Message: m}}
	}
	evt := &events.Message{Message: m}
	if names := OpenEnvelopes(evt); len(names) != maxEnvelopes || evt.Message.GetViewOnceMessage() == nil {
		t.Errorf("opened %d", len(names))
	}
	evt = &events.Message{Message: &waE2E.Message{ViewOnceMessage: &waE2E.FutureProofMessage{}}}
	if names := OpenEnvelopes(evt); names != nil || evt.IsViewOnce {
		t.Errorf("an empty wrapper was opened: %v", names)
	}
	if OpenEnvelopes(&events.Message{}) != nil || WithoutEnvelopes(nil) != nil || Innermost(nil) != nil {
		t.Error("an event without a message has content")
	}
}

func TestCaptionOf(t *testing.T) {
	caption := proto.String("c")
	for name, c := range map[string]struct {
		m   *waE2E.Message
		has bool
	}{
		"image":          {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: caption}}, true},
		"video":          {&waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: caption}}, true},
		"document":       {&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: caption}}, true},
		"with a caption": {&waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: caption}}}}, true},
		"text":           {&waE2E.Message{Conversation: caption}, false},
		"audio":          {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}, false},
	} {
		got := CaptionOf(c.m)
		if (got != nil) != c.has || c.has && **got != "c" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestMergeEdit checks what an edit keeps of the original: everything but the text or caption and the mentions in it.
func TestMergeEdit(t *testing.T) {
	str := proto.String
	text := func(text string, about *waE2E.ContextInfo) *waE2E.Message {
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &text, ContextInfo: about}}
	}
	quote := func(id, quoted string) *waE2E.ContextInfo {
		return &waE2E.ContextInfo{StanzaID: &id, QuotedMessage: &waE2E.Message{Conversation: &quoted}, MentionedJID: []string{bob.String()}}
	}
	image := func(caption string, about *waE2E.ContextInfo) *waE2E.Message {
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: &caption, DirectPath: str("/v/a"), ContextInfo: about}}
	}
	poll := &waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: str("new")}}
	info := &waE2E.MessageContextInfo{MessageSecret: []byte("new")}
	for name, c := range map[string]struct{ original, edited, want *waE2E.Message }{
		"short text": {&waE2E.Message{Conversation: str("old")}, &waE2E.Message{Conversation: str("new")}, &waE2E.Message{Conversation: str("new")}},
		"text with a quote": {
			text("old", quote("Q1", "q")), &waE2E.Message{Conversation: str("new"), MessageContextInfo: info},
			&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("new"), ContextInfo: quote("Q1", "q")}, MessageContextInfo: info},
		},
		"mentions of the edit": {
			text("old", quote("Q1", "q")), text("new", &waE2E.ContextInfo{MentionedJID: []string{ada.String()}}),
			text("new", &waE2E.ContextInfo{StanzaID: str("Q1"), QuotedMessage: &waE2E.Message{Conversation: str("q")}, MentionedJID: []string{ada.String()}}),
		},
		"quote of the edit":   {text("old", quote("Q1", "q")), text("new", &waE2E.ContextInfo{QuotedMessage: text("q2", nil)}), text("new", &waE2E.ContextInfo{StanzaID: str("Q1"), QuotedMessage: text("q2", nil)})},
		"context of the edit": {&waE2E.Message{Conversation: str("old")}, text("new", quote("Q1", "q")), text("new", quote("Q1", "q"))},
		"caption by text":     {image("old", quote("Q1", "q")), &waE2E.Message{Conversation: str("new")}, image("new", quote("Q1", "q"))},
		"caption by caption":  {image("old", nil), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: str("new")}}, image("new", nil)},
		"no longer a caption": {image("old", nil), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}, &waE2E.Message{ImageMessage: &waE2E.ImageMessage{DirectPath: str("/v/a")}}},
		"caption of a wrapped document": {
			&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("old"), FileName: str("a")}},
			&waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("new")}}}},
			&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: str("new"), FileName: str("a")}},
		},
		"poll": {
			&waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: str("old"), ContextInfo: quote("Q1", "q")}}, poll,
			&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: str("new"), ContextInfo: quote("Q1", "q")}},
		},
		"text of a sticker": {&waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}, &waE2E.Message{Conversation: str("new")}, &waE2E.Message{Conversation: str("new")}},
	} {
		original, edited := proto.Clone(c.original), proto.Clone(c.edited)
		if got := MergeEdit(c.original, c.edited); !proto.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if !proto.Equal(original, c.original) || !proto.Equal(edited, c.edited) {
			t.Errorf("%s: the original became %v, the edit %v", name, c.original, c.edited)
		}
	}
}
