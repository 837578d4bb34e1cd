package bridge

// EventType is a type of event that sessions emit.
type EventType struct {
	// Name is the event's type, as in the journal.
	Name string
	// Summary states in one line when the event is emitted.
	Summary string
	// Volatile events have no offset and may be dropped.
	Volatile bool
}

// EventTypes lists all event types, by subject.
func EventTypes() []EventType { return eventTypes[:] }

var eventTypes = [...]EventType{
	{Name: "Message", Summary: "A message came in, was sent from another device, or is being sent through this server."},
	{Name: "MessageStatus", Summary: "WhatsApp took or refused a message sent through this server."},
	{Name: "MessageMedia", Summary: "The file of a message was put into an object storage, or could not be."},
	{Name: "UndecryptableMessage", Summary: "A message came that cannot be read yet; a Message with the same id may follow."},
	{Name: "FBMessage", Summary: "A message of the other Meta services' format came in."},
	{Name: "MediaRetry", Summary: "The phone answered a request to upload a file again."},
	{Name: "Receipt", Summary: "Messages were delivered, or could not be."},
	{Name: "ReadReceipt", Summary: "Messages were read or played, by the recipient or on another own device."},

	{Name: "Presence", Summary: "A contact went online or offline.", Volatile: true},
	{Name: "ChatPresence", Summary: "Somebody is typing, recording or has stopped.", Volatile: true},

	{Name: "GroupInfo", Summary: "Name, settings or participants of a group changed."},
	{Name: "JoinedGroup", Summary: "The account was added to a group or joined one."},
	{Name: "Picture", Summary: "The picture of a contact, the account or a group changed."},

	{Name: "Contact", Summary: "An entry of the address book changed on the phone."},
	{Name: "PushName", Summary: "A contact changed the name they show."},
	{Name: "BusinessName", Summary: "A business changed its verified name."},
	{Name: "UserAbout", Summary: "A contact changed their about text."},
	{Name: "IdentityChange", Summary: "A contact's security code changed, as after a new installation."},
	{Name: "UserStatusMute", Summary: "The status posts of a contact were muted or unmuted."},
	{Name: "Alias", Summary: "Two contact keys turned out to be one person; one of them is over."},

	{Name: "Pin", Summary: "A chat was pinned or unpinned."},
	{Name: "Mute", Summary: "A chat was muted or unmuted."},
	{Name: "Archive", Summary: "A chat was archived or taken out of the archive."},
	{Name: "MarkChatAsRead", Summary: "A chat was marked as read or unread."},
	{Name: "ClearChat", Summary: "A chat was emptied on another own device."},
	{Name: "DeleteChat", Summary: "A chat was deleted on another own device."},
	{Name: "Star", Summary: "A message was starred or unstarred."},
	{Name: "DeleteForMe", Summary: "A message was deleted on the own devices only."},
	{Name: "LabelEdit", Summary: "A label was made, changed or deleted."},
	{Name: "LabelAssociationChat", Summary: "A label was put on a chat or taken off."},
	{Name: "LabelAssociationMessage", Summary: "A label was put on a message or taken off."},
	{Name: "UnarchiveChatsSetting", Summary: "The setting changed whether new messages take chats out of the archive."},
	{Name: "PushNameSetting", Summary: "The account's own shown name changed."},
	{Name: "AppState", Summary: "A setting or chat state that is kept in sync between the own devices changed."},
	{Name: "AppStateSyncComplete", Summary: "One collection of synced state is up to date."},
	{Name: "AppStateSyncError", Summary: "One collection of synced state could not be read."},

	{Name: "PrivacySettings", Summary: "Privacy settings of the account changed."},
	{Name: "Blocklist", Summary: "The list of blocked contacts was replaced."},
	{Name: "BlocklistChange", Summary: "A contact was blocked or unblocked."},
	{Name: "AccountReachoutTimelock", Summary: "WhatsApp limits, or no longer limits, writing to new contacts."},

	{Name: "ScheduleEnded", Summary: "A scheduled message was sent, failed for good, or could not be sent in time."},
	{Name: "JobProgress", Summary: "A job sent a message, failed to, was paused or resumed.", Volatile: true},
	{Name: "JobCompleted", Summary: "A job has ended: each recipient has an outcome, or it was cancelled."},
	{Name: "AutomationHeld", Summary: "WhatsApp limits or refuses messages of the account, so automatic messages wait."},

	{Name: "CallOffer", Summary: "Somebody calls."},
	{Name: "CallOfferNotice", Summary: "Somebody calls a group."},
	{Name: "CallAccept", Summary: "A call was taken on another own device."},
	{Name: "CallPreAccept", Summary: "A call is about to be taken on another device."},
	{Name: "CallRelayLatency", Summary: "The parties of a call measured their relays."},
	{Name: "CallTerminate", Summary: "A call ended."},
	{Name: "CallReject", Summary: "A call was rejected."},

	{Name: "NewsletterJoin", Summary: "The account follows a newsletter."},
	{Name: "NewsletterLeave", Summary: "The account no longer follows a newsletter."},
	{Name: "NewsletterMuteChange", Summary: "A newsletter was muted or unmuted."},
	{Name: "NewsletterLiveUpdate", Summary: "Views and reactions of newsletter posts changed."},

	{Name: "OfflineSyncPreview", Summary: "WhatsApp says how much waits from the time without a connection."},
	{Name: "OfflineSyncCompleted", Summary: "What had waited from the time without a connection has come."},
	{Name: "HistorySync", Summary: "The phone sent a part of its history, which is now stored."},
	{Name: "HistorySyncComplete", Summary: "The history after a pairing, or of a request, is stored, was refused by the phone, or did not come in time."},

	{Name: "QR", Summary: "A pairing code to show; each replaces the one before.", Volatile: true},
	{Name: "PasskeyRequest", Summary: "WhatsApp wants the account's passkey before it links the session; session.submitPasskey answers. Codes shown before are void.", Volatile: true},
	{Name: "PasskeyConfirmation", Summary: "The passkey was accepted; the code stands on the phone, too.", Volatile: true},
	{Name: "PairSuccess", Summary: "The phone linked this session."},
	{Name: "PairError", Summary: "Linking failed."},
	{Name: "QRScannedWithoutMultidevice", Summary: "A code was scanned by a phone that cannot link devices."},
	{Name: "Connected", Summary: "The session is logged in."},
	{Name: "Disconnected", Summary: "The session lost its connection or was stopped."},
	{Name: "LoggedOut", Summary: "WhatsApp ended the link; the credentials are set aside."},
	{Name: "StreamReplaced", Summary: "Another client took over the connection of this device."},
	{Name: "TemporaryBan", Summary: "WhatsApp bars the account for a while."},
	{Name: "ClientOutdated", Summary: "WhatsApp no longer takes this version of the client."},
	{Name: "SessionState", Summary: "The session changed its state in any other way."},
	{Name: "ConnectFailure", Summary: "WhatsApp refused a connection."},
	{Name: "KeepAliveTimeout", Summary: "WhatsApp does not answer on the open connection."},
	{Name: "KeepAliveRestored", Summary: "WhatsApp answers again on the open connection."},
	{Name: "StreamError", Summary: "WhatsApp ended the stream with an error."},
	{Name: "CATRefreshError", Summary: "An access token of the connection could not be renewed."},
}
