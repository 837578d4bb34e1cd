// Package naming decides how events and results identify chats and people (docs/concepts.md): by phone JID if the number
// is known, otherwise by LID, with both addresses and a stable key beside it.
//
// Other packages may use any known address in their data; Names rewrites it before the data leaves the bridge.
package naming
