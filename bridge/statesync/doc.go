// Package statesync reads and writes the account's synchronised settings ("app state"): collections of entries such as saved contacts, pinned
// and muted chats, which all devices of the account share.
//
// whatsmeow's own FetchAppState is not used, because one entry that it does not expect (an empty index, or a label without an id, which any other
// client of the account can write) panics after the version has been stored: the process ends, and the entries behind it are lost. The package
// reads the same patches with the same functions of whatsmeow, entry by entry.
//
// whatsmeow starts reads by itself in two places. For notifications of the type server_sync the session calls HandleNotification instead of
// whatsmeow's handler. When the phone shares keys, whatsmeow reads in a goroutine without a recover; signal.NewAppStateStore refuses that read and
// calls ReadRefused.
package statesync
