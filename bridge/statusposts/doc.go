// Package statusposts implements the status posts of a session: posts that WhatsApp shows to the account's contacts for a day.
//
// The session creates Service, which accesses the session through Conn. whatsmeow chooses the recipients of a post from the store of contacts
// and the account's status privacy; Service computes them first and passes them by the context, which LimitContacts reads.
package statusposts
