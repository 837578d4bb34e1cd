// Package labels implements the labels of one session: names with a colour that chats and messages carry.
//
// On a WhatsApp Business account labels are entries of the app state, which the phone and all linked devices share. The
// store follows the entries: Service.ApplyEntries is called with the entries of each patch and of each complete read. On
// other accounts the same methods keep labels in the store alone.
//
// The session creates Service, which accesses the session through Conn.
package labels
