package wuzapi

import "slices"

// types are the events that wuzapi has a word for. It knows QRTimeout as well, which no event of ours says: when pairing
// codes are used up, it shows in the session's state.
var types = []string{
	"AppState", "AppStateSyncComplete", "Blocklist", "BlocklistChange", "CATRefreshError", "CallAccept", "CallOffer",
	"CallOfferNotice", "CallRelayLatency", "CallTerminate", "ChatPresence", "ClientOutdated", "ConnectFailure", "Connected",
	"Disconnected", "FBMessage", "GroupInfo", "HistorySync", "IdentityChange", "JoinedGroup", "KeepAliveRestored",
	"KeepAliveTimeout", "LabelAssociationChat", "LabelAssociationMessage", "LabelEdit", "LoggedOut", "MediaRetry", "Message",
	"NewsletterJoin", "NewsletterLeave", "NewsletterLiveUpdate", "NewsletterMuteChange", "OfflineSyncCompleted",
	"OfflineSyncPreview", "PairError", "PairSuccess", "Picture", "Presence", "PrivacySettings", "PushNameSetting", "QR",
	"QRScannedWithoutMultidevice", "ReadReceipt", "Receipt", "StreamError", "StreamReplaced", "TemporaryBan",
	"UndecryptableMessage", "UserAbout",
}

// Types lists the events that wuzapi has a word for. Receipt and ReadReceipt share one there.
func Types() []string { return slices.Clone(types) }
