package sandbox

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
)

// messageKind has the stanza attributes that describe a message's encrypted content.
type messageKind struct {
	stanza    string // type attribute
	mediaType string
	edit      string
	poll      string
	hidden    bool                 // a failure to decrypt is not shown
	flow      bool                 // an interactive message
	viewOnce  bool                 // companions get no content
	thread    *waCommon.MessageKey // the message that a comment belongs to
}

func kindOf(m *waE2E.Message) messageKind {
	kind := contentKind(m)
	kind.viewOnce = isViewOnce(m)
	return kind
}

func contentKind(m *waE2E.Message) messageKind {
	switch {
	case m.GetEphemeralMessage() != nil:
		return contentKind(m.GetEphemeralMessage().GetMessage())
	case m.GetViewOnceMessage() != nil:
		return contentKind(m.GetViewOnceMessage().GetMessage())
	case m.GetViewOnceMessageV2() != nil:
		return contentKind(m.GetViewOnceMessageV2().GetMessage())
	case m.GetViewOnceMessageV2Extension() != nil:
		return contentKind(m.GetViewOnceMessageV2Extension().GetMessage())
	case m.GetDocumentWithCaptionMessage() != nil:
		return contentKind(m.GetDocumentWithCaptionMessage().GetMessage())
	case m.GetReactionMessage() != nil:
		kind := messageKind{stanza: "reaction", hidden: true}
		if m.GetReactionMessage().GetText() == "" {
			kind.edit = "7"
		}
		return kind
	case m.GetPollUpdateMessage() != nil:
		return messageKind{stanza: "poll", poll: "vote", hidden: true}
	case m.GetPollCreationMessage() != nil || m.GetPollCreationMessageV3() != nil:
		return messageKind{stanza: "poll", poll: "creation"}
	case m.GetPinInChatMessage() != nil:
		return messageKind{stanza: "text", edit: "2", hidden: true}
	case m.GetKeepInChatMessage() != nil:
		return keepKind(m.GetKeepInChatMessage())
	case m.GetEncCommentMessage() != nil:
		return messageKind{stanza: "text", thread: m.GetEncCommentMessage().GetTargetMessageKey()}
	case m.GetEditedMessage() != nil:
		return messageKind{stanza: "text", edit: "1", hidden: true}
	case m.GetProtocolMessage() != nil:
		return protocolKind(m.GetProtocolMessage())
	}
	if media := mediaTypeOf(m); media != "" {
		return messageKind{stanza: "media", mediaType: media}
	}
	return messageKind{stanza: "text", flow: m.GetInteractiveMessage() != nil}
}

func keepKind(m *waE2E.KeepInChatMessage) messageKind {
	kind := messageKind{stanza: "text"}
	if m.GetKey().GetFromMe() && m.GetKeepType() == waE2E.KeepType_UNDO_KEEP_FOR_ALL {
		kind.edit, kind.hidden = "7", true
	}
	return kind
}

func protocolKind(m *waE2E.ProtocolMessage) messageKind {
	kind := messageKind{stanza: "text"}
	if m.GetType() == waE2E.ProtocolMessage_REVOKE && m.GetKey() != nil {
		kind.hidden, kind.edit = true, "8"
		if m.GetKey().GetFromMe() {
			kind.edit = "7"
		}
	}
	return kind
}

func mediaTypeOf(m *waE2E.Message) string {
	switch {
	case m.GetImageMessage() != nil:
		return "image"
	case m.GetStickerMessage() != nil:
		return "sticker"
	case m.GetDocumentMessage() != nil:
		return "document"
	case m.GetAudioMessage() != nil:
		if m.GetAudioMessage().GetPTT() {
			return "ptt"
		}
		return "audio"
	case m.GetVideoMessage() != nil:
		if m.GetVideoMessage().GetGifPlayback() {
			return "gif"
		}
		return "video"
	case m.GetContactMessage() != nil:
		return "vcard"
	case m.GetContactsArrayMessage() != nil:
		return "contact_array"
	case m.GetListMessage() != nil:
		return "list"
	case m.GetListResponseMessage() != nil:
		return "list_response"
	case m.GetButtonsResponseMessage() != nil:
		return "buttons_response"
	case m.GetInteractiveResponseMessage() != nil:
		return "native_flow_response"
	case m.GetOrderMessage() != nil:
		return "order"
	}
	return ""
}
