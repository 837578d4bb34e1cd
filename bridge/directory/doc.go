// Package directory remembers what a session has learned of its groups and of
// which phone number belongs to which LID, so that both can be listed while
// WhatsApp is out of reach.
//
// It owns the tables directory_groups and directory_pairs. Groups are kept as
// the caller's own bytes; the directory does not look into them. It must not
// know whatsmeow: JIDs are strings here. Enter at Open.
package directory
