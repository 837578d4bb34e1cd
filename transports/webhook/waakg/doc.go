// Package waakg makes of events what receivers written for WA-AKG expect: an object of event, sessionId, timestamp and
// data, with the addresses of people under phone numbers wherever these are known, and the header SignatureHeader.
//
// What differs from WA-AKG, because events of ours are one request each and know no more than they do:
//   - connection.update is sent, which WA-AKG documents and sends over Socket.IO alone; status.update, for which it has
//     no payload, is not: status posts are message.received with the chatType STATUS.
//   - message.status has keyId for the first of the messages that a receipt is about, and keyIds, which WA-AKG does not
//     know, for all of them. A message that WhatsApp refused has no status there and is left out.
//   - fileUrl is null, as files are not attached; quoted.key.fromMe is false in what others write in groups, quoted.caption
//     is absent, and quoted.type is TEXT for everything that has a text, else UNKNOWN.
//   - raw has key, message, messageTimestamp and pushName; its message is in the JSON form of protocol buffers (URL where
//     Baileys has url, numbers of 64 bits as strings), and null when it was too large for the event.
//   - JoinedGroup is a group.update with what the group is like. Other changes of a group than those WA-AKG documents have
//     the names of Baileys' group metadata: ephemeralDuration, inviteCode and joinApprovalMode.
//   - A rotated secret signs with the new key from the start, as the header holds one signature.
//
// Enter at Payload, Types and Sign. It must not know HTTP, and reads the data of events as any client would.
package waakg
