package wuzapi

import "slices"

// types are the events that wuzapi supports. It has QRTimeout as well, which is never sent: used-up pairing codes are
// visible in the session's state.
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

// Types returns the events that wuzapi supports. Receipt and ReadReceipt are one there.
func Types() []string { return slices.Clone(types) }
