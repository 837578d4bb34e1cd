package formats

import (
	"slices"
	"strings"
)

// Reasons why documented fields of events are never filled. TestWebhookFormats fails when another field is empty, and
// when one of these is filled.
const (
	oneRequest = "an event is one request, and this would be another"
	keyAlone   = "little more is known of the message than its key"
	notKnown   = "no event says it"
	notMade    = "nothing here brings it"
	byNature   = "these events have none"
	byChance   = "a copy from the phone and one sent again race, and only the second is counted" // may be filled or not
	ownAddress = "events do not repeat the account's own address"
)

// ofMessage has the documented fields of a message beside its key, time and kind.
const ofMessage = "_data author body broadcast duration forwardingScore groupMentions hasMedia hasQuotedMsg hasReaction inviteV4 isEphemeral " +
	"isForwarded isGif isStarred isStatus links location mediaKey mentionedIds orderId token vCards"

var wwebjsGaps = slices.Concat(
	gapsOfPath("code", "", "pairing codes are secrets, and in no event"),
	gapsOfPath("contact_changed loading_screen", "", notKnown),
	gapsOfPath("media", "", "a request of its own for webhooks with files"),
	gapsOfPath("media_uploaded", "", oneRequest),
	gapsOfPath("status", "", "the simulated network refuses no pairing"),

	gapsIn("data.message.", "message message_create message_edit message_ciphertext", "groupMentions links", notKnown),
	gapsIn("data.message.", "message message_create message_edit message_ciphertext", "hasReaction isStarred", "events are about new messages"),
	gapsIn("data.message.", "message message_create message_edit message_ciphertext", "inviteV4", notMade),
	gapsIn("data.message.", "message_edit message_ciphertext", "token", notMade),
	gapsIn("data.message.", "message message_ciphertext", "to", ownAddress),
	gapsIn("data.message.", "message message_ciphertext", "fromMe id.fromMe", "these came in"),
	gapsIn("data.message.", "message_ciphertext", "body duration forwardingScore hasMedia hasQuotedMsg isEphemeral isForwarded isGif location mediaKey mentionedIds orderId vCards", "it cannot be read"),
	gapsIn("data.message.", "message_edit message_ciphertext", "isStatus broadcast", notMade),
	gapsIn("data.message.", "message_ciphertext", "author", notMade),
	gapsIn("data.message.", "message_edit", "duration forwardingScore hasMedia hasQuotedMsg isEphemeral isForwarded isGif location mediaKey mentionedIds orderId vCards", "a plain text is edited here"),
	gapsIn("data.message.", "message_ack message_revoke_everyone message_revoke_me", ofMessage, keyAlone),
	gapsIn("data.vote.parentMessage.", "vote_update", ofMessage, keyAlone),
	gapsOfPath("message_ack", "data.message.from", ownAddress),
	gapsOfPath("message_revoke_me", "data.revokedMsg", keyAlone),
	gapsOfPath("message_edit", "data.prevBody", notKnown),
	gapsOfPath("vote_update", "data.vote.selectedOptions[].id", "votes name what was chosen, and not its number"),
	gapsIn("data.reaction.", "message_reaction", "ack orphan orphanReason read", notKnown),

	gapsIn("data.notification.", "group_join group_leave group_update group_admin_changed group_membership_request", "id.fromMe", ownAddress),
	gapsIn("data.notification.", "group_join group_leave group_admin_changed group_membership_request", "body", byNature),
	gapsIn("data.notification.", "group_update group_membership_request", "recipientIds", byNature),

	gapsIn("data.chat.", "chat_archived chat_removed unread_count", "isMuted isReadOnly lastMessage muteExpiration name pinned", "of a chat only what changed is known"),
	gapsIn("data.chat.", "chat_removed unread_count", "archived", "of a chat only what changed is known"),
	gapsIn("data.chat.", "chat_archived chat_removed", "unreadCount", "of a chat only what changed is known"),
	gapsIn("data.chat.", "chat_removed", "isGroup", notMade),

	gapsIn("data.call.", "call", "canHandleLocally fromMe participants webClientShouldHandle", notKnown),
	gapsIn("data.call.", "call", "isGroup", notMade),
)

var waakgGaps = slices.Concat(
	gapsOfPath("status.update", "", "it has no documented payload; status posts are messages"),
	gapsIn("data.", "message.received message.sent", "fileUrl quoted.fileUrl", "files are not attached"),
	gapsIn("data.", "message.received message.sent", "quoted.caption", "whether the text of a quoted message is a caption is not known"),
	gapsIn("data.", "message.received message.sent", "quoted.key.remoteJid", "null means this chat, and no event tells of another"),
	gapsIn("data.", "message.received", "key.fromMe", "these came in"),
)

var wuzapiGaps = slices.Concat(
	gapsIn("event.Info.", "Message", "BroadcastListOwner", notKnown),
	gapsIn("event.Info.", "Message", "Category Multicast VerifiedName", notMade),
	gapsIn("event.", "Message", "NewsletterMeta SourceWebMsg UnavailableRequestID", notKnown),
	gapsIn("event.", "Message", "Info.ServerID IsEphemeral IsViewOnceV2", notMade),
	gapsOfPath("Message", "event.RetryCount", byChance),
	gapsIn("event.", "ChatPresence ReadReceipt", "BroadcastListOwner", notKnown),
	gapsIn("event.", "ChatPresence", "IsFromMe", "WhatsApp does not tell the account that it types itself"),
)

var digigoGaps = slices.Concat(
	gapsOfPath("CallAccept CallOfferNotice CallRelayLatency CATRefreshError FBMessage MediaRetry PairError QRScannedWithoutMultidevice StreamError", "", notMade),
	gapsOfPath("NewsletterJoin NewsletterLeave NewsletterMuteChange NewsletterLiveUpdate", "", "no method joins a channel"),
	gapsOfPath("KeepAliveTimeout KeepAliveRestored", "", "they take half a minute of silence; the tests of sessions have them"),
)

func gapsOfPath(events, path, reason string) []hookGap { return []hookGap{{events, path, reason}} }

// gapsIn returns the gaps of several paths, separated by blanks.
func gapsIn(prefix, events, paths, reason string) (list []hookGap) {
	for path := range strings.FieldsSeq(paths) {
		list = append(list, hookGap{events, prefix + path, reason})
	}
	return list
}
