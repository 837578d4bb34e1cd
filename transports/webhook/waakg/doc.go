// Package waakg converts events for receivers written for WA-AKG: an object of event, sessionId, timestamp and
// data, with the addresses of people under phone numbers wherever these are known, and the header SignatureHeader.
//
// Differences to WA-AKG, because each event is one request and has only its own data:
//   - connection.update is sent, which WA-AKG documents and sends over Socket.IO alone; status.update, for which it has
//     no payload, is not: status posts are message.received with the chatType STATUS.
//   - message.status has keyId for the first of the messages that a receipt is about, and keyIds, which WA-AKG does not
//     know, for all of them. A message that WhatsApp refused has no status there and is left out.
//   - fileUrl is null, as files are not attached; quoted.key.fromMe is false in messages of others in groups, quoted.caption
//     is absent, and quoted.type is TEXT for everything that has a text, else UNKNOWN.
//   - raw has key, message, messageTimestamp and pushName; its message is in the JSON form of protocol buffers (URL where
//     Baileys has url, numbers of 64 bits as strings), and null when it was too large for the event.
//   - JoinedGroup is a group.update with the description of the group. Other changes of a group than those WA-AKG documents have
//     the names of Baileys' group metadata: ephemeralDuration, inviteCode and joinApprovalMode.
//   - A rotated secret signs with the new key from the start, as the header holds one signature.
//
// Enter at Payload, Types and Sign. It must not know HTTP, and reads the data of events as any client would.
package waakg
