package wuzapi

import "slices"

// All stands for every event that wuzapi knows.
const All = "All"

// names are those that a receiver may subscribe to. QRTimeout never comes: when pairing codes are used up, the session
// says so in its state, which wuzapi has no event for.
var names = []string{
	All, "AppState", "AppStateSyncComplete", "Blocklist", "BlocklistChange", "CATRefreshError", "CallAccept", "CallOffer",
	"CallOfferNotice", "CallRelayLatency", "CallTerminate", "ChatPresence", "ClientOutdated", "ConnectFailure", "Connected",
	"Disconnected", "FBMessage", "GroupInfo", "HistorySync", "IdentityChange", "JoinedGroup", "KeepAliveRestored",
	"KeepAliveTimeout", "LabelAssociationChat", "LabelAssociationMessage", "LabelEdit", "LoggedOut", "MediaRetry", "Message",
	"NewsletterJoin", "NewsletterLeave", "NewsletterLiveUpdate", "NewsletterMuteChange", "OfflineSyncCompleted",
	"OfflineSyncPreview", "PairError", "PairSuccess", "Picture", "Presence", "PrivacySettings", "PushNameSetting", "QR",
	"QRScannedWithoutMultidevice", "QRTimeout", "ReadReceipt", "Receipt", "StreamError", "StreamReplaced", "TemporaryBan",
	"UndecryptableMessage", "UserAbout",
}

// groups are names that stand for several of our types; every other stands for the type of the same name. wuzapi has one
// name for all receipts, and takes the other for the same.
var groups = map[string][]string{
	"ReadReceipt": {"ReadReceipt", "Receipt"},
	"Receipt":     {"ReadReceipt", "Receipt"},
}

// Names lists what a receiver may subscribe to.
func Names() []string { return slices.Clone(names) }

// Known tells whether a receiver may subscribe to the name.
func Known(name string) bool { return slices.Contains(names, name) }

// Types returns our types of events behind names a receiver subscribed to.
func Types(subscribed []string) []string {
	if slices.Contains(subscribed, All) {
		subscribed = names
	}
	var types []string
	for _, name := range subscribed {
		several, ok := groups[name]
		if !ok && name != All {
			several = []string{name}
		}
		for _, one := range several {
			if !slices.Contains(types, one) {
				types = append(types, one)
			}
		}
	}
	return types
}
