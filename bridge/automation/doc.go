// Package automation answers messages of one session without a caller: by rules (auto-replies), by the commands of an assistant
// (ping, uptime, sticker, background removal), and by a text that welcomes new members of groups.
//
// A message that may need an answer becomes a task in the transaction that records the message; a worker of the session decides
// later, so that receiving neither waits nor fails. Answers leave through a Sender, each under an id made of the id of its
// question. The package must not know JSON-RPC, nor how an answer is paced. Enter at Service.
package automation
