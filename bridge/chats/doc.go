// Package chats does the operations on the chats of one session and reads its stored messages, with their receipts, quotes and timers.
//
// Service is made by the session, which it sees through Conn. Changes that arrive in a history blob go through StoreConversations and StoreTimers.
package chats
