// Package wwebjs makes of events what receivers written for wwebjs-api expect: an object of dataType, data and
// sessionId, whose data are the structures of whatsapp-web.js, with people under @c.us by phone number wherever that is
// known, else under @lid.
//
// What differs from wwebjs-api, because events of ours are one request each and know no more than they do:
//   - A message that came in is a message alone, one of the account's own a message_create; wwebjs-api sends
//     message_create for both.
//   - message_ack has the first of the messages that a receipt is about, and ids, which wwebjs-api does not know, for the
//     serialized keys of all of them.
//   - to is empty in what came in, and from in acknowledgements: events do not repeat the account's own address.
//     message_ack, message_edit, message_revoke_everyone, message_revoke_me and vote_update know of their message little
//     more than its key. prevBody and the name of chats are empty, and so are links, groupMentions, groupName and toId.
//   - In groups nothing tells whether a message that somebody reacted to or voted in is the account's own: fromMe of its
//     key is false there. Keys in acknowledgements do not name the author.
//   - _data has notifyName alone. The id of a vote's option is null. Changes of groups have the id of our event.
//   - Of a chat only what changed is known; the rest is zero, and lastMessage is absent.
//   - A lost connection is the state TIMEOUT and no disconnected, as the session connects again by itself; a stopped one
//     is disconnected with UNLAUNCHED.
//   - Nothing says loading_screen, media, media_uploaded, contact_changed, group_membership_request or code.
//
// Enter at Payload and Types. It must not know HTTP, and reads the data of events as any client would.
package wwebjs
