// Package spam reports messages, people and groups to WhatsApp as spam.
//
// The session creates Service, which accesses the session through Conn. whatsmeow has no function for reports, so Service sends the request itself.
// Start reading at Service.Report.
package spam
