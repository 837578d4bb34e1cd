// Package messages stores the chats and messages of every session with their
// states of delivery, reactions and unread counts.
//
// It owns the tables messages_*. It must not know whatsmeow or the shape of a
// message: addresses are strings, content is the caller's own bytes (Body for
// results, Raw for WhatsApp's protobuf), and only values that are searched, sorted
// or changed have columns.
//
// One person is one chat. A chat is found under every address it was ever seen
// with; when a phone number and a LID turn out to belong together after both
// have a chat, the two become one (chats.go, merge.go).
//
// Every write is safe to repeat and joins the transaction ctx carries, so that
// it can be committed together with the event that caused it. Updates may arrive
// before their messages: a revoke or an edit of a message that is not there
// yet stores a placeholder, which the message completes later.
//
// Search folds case and accents' code point forms and finds parts of words in
// any script. It reads one narrow table from end to end per session, which
// needs no extension of either database and no write beyond one row; a hundred
// thousand messages take about 80 ms on SQLite.
//
// Enter at Open. save.go and updates.go write messages, read.go and search.go
// read them, chats.go and chatlist.go hold the chats.
package messages
