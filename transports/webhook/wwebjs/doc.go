// Package wwebjs converts events for receivers written for wwebjs-api: an object of dataType, data and
// sessionId, whose data are the structures of whatsapp-web.js, with people under @c.us by phone number wherever that is
// known, else under @lid.
//
// Differences to wwebjs-api, because each event is one request and has only its own data:
//   - A received message is a message only, one of the account's own a message_create; wwebjs-api sends
//     message_create for both.
//   - message_ack has the first of the messages that a receipt is about, and ids, which wwebjs-api does not know, for the
//     serialized keys of all of them.
//   - to is empty in received messages, and from in acknowledgements: events do not repeat the account's own address.
//     message_ack, message_edit, message_revoke_everyone, message_revoke_me and vote_update have little more of their
//     message than its key. prevBody and the name of chats are empty, and so are links, groupMentions, groupName and toId.
//   - In groups it is unknown whether the message of a reaction or vote is the account's own: fromMe of its
//     key is false there. Keys in acknowledgements do not name the author.
//   - _data has only notifyName. The id of a vote's option is null. Changes of groups have the id of our event.
//   - A chat has only the changed properties; the others are zero, and lastMessage is absent.
//   - A lost connection is the state TIMEOUT and no disconnected, as the session connects again by itself; a stopped one
//     is disconnected with UNLAUNCHED.
//   - media follows received messages with a file if the webhook's files are inline; sockets have none.
//   - loading_screen, media_uploaded, contact_changed and code are never sent: no event of a session means the same.
//
// Enter at Payload and Types. It must not know HTTP, and reads the data of events as any client would.
package wwebjs
