package message

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxEnvelopes bounds how deep content may be wrapped; WhatsApp's apps use two.
const maxEnvelopes = 8

var futureProof = (&waE2E.FutureProofMessage{}).ProtoReflect().Descriptor().FullName()

// OpenEnvelopes takes the content of a message out of the wrappers around it and
// returns their names, outermost first. whatsmeow knows some of them; every field
// of the message that holds another message is one.
func OpenEnvelopes(evt *events.Message) (names []string) {
	for range maxEnvelopes {
		name, inner := envelope(evt.Message)
		if inner == nil {
			return names
		}
		if inner.MessageContextInfo == nil && evt.Message.MessageContextInfo != nil { // holds the secret of polls and the like
			inner = proto.Clone(inner).(*waE2E.Message)
			inner.MessageContextInfo = evt.Message.MessageContextInfo
		}
		switch name {
		case "editedMessage":
			evt.IsEdit = true
		case "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension":
			evt.IsViewOnce = true
		case "ephemeralMessage":
			evt.IsEphemeral = true
		}
		evt.Message = inner
		names = append(names, name)
	}
	return names
}

// WithoutEnvelopes returns the content inside of all wrappers around it. The message is not changed.
func WithoutEnvelopes(m *waE2E.Message) *waE2E.Message {
	evt := &events.Message{Message: m}
	OpenEnvelopes(evt)
	return evt.Message
}

// envelope finds the wrapper in a message; nil when there is none.
func envelope(m *waE2E.Message) (name string, inner *waE2E.Message) {
	if m == nil {
		return "", nil
	}
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.Message().FullName() != futureProof {
			return true
		}
		if wrapper, ok := value.Message().Interface().(*waE2E.FutureProofMessage); ok && wrapper.GetMessage() != nil {
			name, inner = string(field.Name()), wrapper.Message
		}
		return inner == nil
	})
	return name, inner
}

// withAnyContext is withContext for the kinds of content that have no case of
// their own there: it changes the context of the one field that has a context.
func withAnyContext(m *waE2E.Message, change func(*waE2E.ContextInfo) *waE2E.ContextInfo) (ok bool) {
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return true
		}
		about := field.Message().Fields().ByName("contextInfo")
		if about == nil || about.Message() == nil {
			return true
		}
		content := value.Message()
		var old *waE2E.ContextInfo
		if content.Has(about) {
			old, _ = content.Get(about).Message().Interface().(*waE2E.ContextInfo)
		}
		switch changed := change(old); {
		case changed == old: // messages that are only read are not written
		case changed == nil:
			content.Clear(about)
		default:
			content.Set(about, protoreflect.ValueOfMessage(changed.ProtoReflect()))
		}
		ok = true
		return false
	})
	return ok
}
