package message

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// CaptionOf is where content has its caption; nil for content that has none.
func CaptionOf(m *waE2E.Message) **string {
	switch {
	case m.ImageMessage != nil:
		return &m.ImageMessage.Caption
	case m.VideoMessage != nil:
		return &m.VideoMessage.Caption
	case m.DocumentMessage != nil:
		return &m.DocumentMessage.Caption
	case m.DocumentWithCaptionMessage.GetMessage().GetDocumentMessage() != nil:
		return &m.DocumentWithCaptionMessage.Message.DocumentMessage.Caption
	}
	return nil
}

// MergeEdit returns original with the changes of edited. An edit has the new text or
// caption; clients leave out some or all other fields of the message.
func MergeEdit(original, edited *waE2E.Message) *waE2E.Message {
	text, about := edited.Conversation, ContextOf(edited)
	if edited.ExtendedTextMessage != nil {
		text = edited.ExtendedTextMessage.Text
	}
	if caption := CaptionOf(edited); caption != nil {
		text = *caption
	}
	isText := edited.Conversation != nil || edited.ExtendedTextMessage != nil
	if !isText && CaptionOf(edited) == nil {
		whole := proto.Clone(edited).(*waE2E.Message) // a poll, an appointment
		WithContext(whole, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return mergeContext(ContextOf(original), about) })
		return whole
	}
	merged := proto.Clone(original).(*waE2E.Message)
	caption := CaptionOf(merged)
	switch {
	case caption != nil:
		*caption = text
	case merged.Conversation != nil, merged.ExtendedTextMessage != nil:
		merged = proto.Clone(edited).(*waE2E.Message)
		if merged.Conversation != nil {
			merged.ExtendedTextMessage, merged.Conversation = &waE2E.ExtendedTextMessage{Text: merged.Conversation}, nil
		}
	default:
		return edited
	}
	merged.MessageContextInfo = edited.MessageContextInfo
	kept := mergeContext(ContextOf(original), about)
	WithContext(merged, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return kept })
	Simplify(merged)
	return merged
}

// mergeContext is the context of a message after an edit that has the context
// edited, nil for none. Mentions belong to the text: an edit with a context has
// its own.
func mergeContext(original, edited *waE2E.ContextInfo) *waE2E.ContextInfo {
	switch {
	case original == nil:
		return edited
	case edited == nil:
		return proto.Clone(original).(*waE2E.ContextInfo)
	}
	kept := proto.Clone(original).(*waE2E.ContextInfo)
	kept.MentionedJID, kept.GroupMentions, kept.NonJIDMentions = nil, nil, nil
	if edited.QuotedMessage != nil { // merging would mix two quoted messages
		kept.QuotedMessage = nil
	}
	proto.Merge(kept, edited)
	return kept
}
