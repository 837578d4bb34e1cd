// Package contacts does the operations on the contacts of one session: reading and saving them, asking WhatsApp about people, their pictures and
// devices, pairs of phone number and LID, blocking, and privacy tokens.
//
// Service is made by the session, which it sees through Conn.
package contacts
