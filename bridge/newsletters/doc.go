// Package newsletters implements the newsletter operations of one session: finding, following, reading and administering newsletters, which
// WhatsApp's apps call channels.
//
// The session creates Service, which accesses the session through Conn. Posts are published by the session's Send, with the address of the
// newsletter as the chat.
package newsletters
