package message

import (
	"slices"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// How the content of a field of WhatsApp's message is received.
const (
	ReceivedTyped    = "typed"    // with a type and members of its own
	ReceivedOpened   = "opened"   // a wrapper: the type is that of the content inside
	ReceivedPlumbing = "plumbing" // no content: keys and the like, without an event if it stands alone
	ReceivedRaw      = "raw"      // type unknown, with the content in raw only
)

// Kind is what becomes of one field of WhatsApp's message, waE2E.Message.
type Kind struct {
	Field  string
	Number int
	Type   string // of received messages; empty for wrappers and plumbing
	Action string // of the target of received messages; empty = none
	// Received is one of the constants above. Note explains plumbing and raw, and adds to some of the others.
	Received, Note string
	// SentAs are the types of content from which messages with the field are built.
	SentAs []string
}

// plumbing are the fields that carry no content.
var plumbing = map[string]string{
	"senderKeyDistributionMessage":               "the sender's key of a group",
	"fastRatchetKeySenderKeyDistributionMessage": "the key of a live location, whose positions linked devices do not receive",
	"messageContextInfo":                         "the secret and the device list of the message it stands beside",
	"groupRootKeyShare":                          "a key of a group",
	"rootSecretDistributeMessage":                "a key",
	"stickerSyncRmrMessage":                      "stickers that the account's devices exchange",
	"statusLinkPreviewMetadata":                  "the layout of a link in the status it stands beside",
}

// rawOnly are the fields whose content has no type, with the reason.
var rawOnly = map[string]string{
	"call":                     "the offer of a call as a message, from an advertisement; calls arrive as events of their own",
	"chat":                     "a chat as a message; apps are not known to send it",
	"messageHistoryBundle":     "a file with earlier messages for new members of a group, which only apps import",
	"secretEncryptedMessage":   "arrives decrypted, as the edit that it is; raw only if its key is not known",
	"pollAddOptionMessage":     "arrives encrypted, as the edit of its poll",
	"conditionalRevealMessage": "its key comes later",
	"highlyStructuredMessage":  "a template whose text only the sender has; typed if it contains the text",
}

// notes are further facts about fields that are typed or opened.
var notes = map[string]string{
	"protocolMessage":    "edits have the type of the new content and the target `edit`, timers `disappearing_seconds`; messages between apps make no event",
	"commentMessage":     "the type of the comment if it has content",
	"encCommentMessage":  "the type of the comment once it is decrypted",
	"interactiveMessage": "or `buttons`, `list` or `carousel`, by its parts",
	"deviceSentMessage":  "a message from another device of the account",
	"placeholderMessage": "its content is for phones only",
	"encReactionMessage": "with the emoji once it is decrypted",
}

// HasContent reports whether a message has a field that is not plumbing. Fields that whatsmeow does not know count as content.
func HasContent(m *waE2E.Message) (has bool) {
	if m == nil {
		return false
	}
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		has = plumbing[string(field.Name())] == ""
		return !has
	})
	return has || len(m.ProtoReflect().GetUnknown()) > 0
}

// sentAs are the fields that are built from each type of content; act and comment types are in their own tables.
var sentAs = map[string][]string{
	TypeText: {"conversation", "extendedTextMessage"}, TypeImage: {"imageMessage", "viewOnceMessage"}, TypeVideo: {"videoMessage", "ptvMessage", "viewOnceMessage"},
	TypeAudio: {"audioMessage", "viewOnceMessage"}, TypeDocument: {"documentMessage", "documentWithCaptionMessage"}, TypeSticker: {"stickerMessage"},
	typeFile:     {"imageMessage", "videoMessage", "audioMessage", "documentMessage", "documentWithCaptionMessage", "viewOnceMessage"},
	typeLocation: {"locationMessage", "liveLocationMessage"}, typeContact: {"contactMessage", "contactsArrayMessage"}, typePoll: {"pollCreationMessage"},
	typeEvent: {"eventMessage"}, typeButtons: {"interactiveMessage"}, typeList: {"interactiveMessage"}, typeNativeFlow: {"interactiveMessage"},
	typeCarousel: {"interactiveMessage"}, typeOrder: {"orderMessage"}, typeGroupInvite: {"groupInviteMessage"},
	typeNewsletterInvite: {"newsletterAdminInviteMessage", "newsletterFollowerInviteMessageV2"}, typeAlbum: {"albumMessage"},
	typeStickerPack: {"stickerPackMessage"}, ActionPollVote: {"pollUpdateMessage"}, ActionEventResponse: {"encEventResponseMessage"},
	ActionPin: {"pinInChatMessage"}, ActionKeep: {"keepInChatMessage"}, ActionComment: {"encCommentMessage"},
}

// Kinds returns all fields of WhatsApp's message in the order of their numbers.
func Kinds() []Kind {
	fields := (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()
	kinds := make([]Kind, fields.Len())
	for i := range fields.Len() {
		kinds[i] = kindOf(fields.Get(i))
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return a.Number - b.Number })
	return kinds
}

func kindOf(field protoreflect.FieldDescriptor) Kind {
	k := Kind{Field: string(field.Name()), Number: int(field.Number())}
	for kind, names := range sentAs {
		if slices.Contains(names, k.Field) {
			k.SentAs = append(k.SentAs, kind)
		}
	}
	slices.Sort(k.SentAs)
	m := &waE2E.Message{}
	if field.Message() == nil {
		m.ProtoReflect().Set(field, protoreflect.ValueOfString("text"))
	} else {
		m.ProtoReflect().Mutable(field)
	}
	var described Message
	switch described.describe(m); {
	case plumbing[k.Field] != "":
		k.Received, k.Note = ReceivedPlumbing, plumbing[k.Field]
	case described.Type != TypeUnknown:
		k.Received, k.Type, k.Note = ReceivedTyped, described.Type, notes[k.Field]
		if described.Target != nil {
			k.Action = described.Target.Action
		}
	case field.Message() != nil && field.Message().FullName() == futureProof, k.Field == "deviceSentMessage": // whatsmeow opens the latter
		k.Received, k.Note = ReceivedOpened, notes[k.Field]
	default:
		k.Received, k.Type, k.Note = ReceivedRaw, TypeUnknown, rawOnly[k.Field]
	}
	return k
}
