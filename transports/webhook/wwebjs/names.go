package wwebjs

import "strings"

// KeyHeader is the header with wwebjs-api's key, by which receivers authenticate it.
const KeyHeader = "X-Api-Key"

// kinds are WhatsApp Web's words for the types of messages; the others are unknown.
var kinds = map[string]string{
	"text": "chat", "image": "image", "video": "video", "audio": "audio", "document": "document", "sticker": "sticker",
	"location": "location", "contact": "vcard", "poll": "poll_creation", "buttons": "interactive", "list": "list",
	"native_flow": "native_flow", "carousel": "interactive", "order": "order", "group_invite": "groups_v4_invite", "payment": "payment",
	"unavailable": kindCiphertext,
}

const (
	kindUnknown    = "unknown"
	kindVoice      = "ptt"
	kindCards      = "multi_vcard"
	kindCiphertext = "ciphertext"
	kindRevoked    = "revoked"
)

// acks are the numbers of a message's states of delivery.
var acks = map[string]int{"failed": -1, "pending": 0, "sent": 1, "delivered": 2, "read": 3, "played": 4}

// ends are the reasons of a disconnected session, by its state, states the other states.
var (
	ends   = map[string]string{"logged_out": "LOGOUT", "replaced": "CONFLICT", "banned": "TOS_BLOCK", "outdated": "DEPRECATED_VERSION"}
	states = map[string]string{"pairing": "UNPAIRED", "connecting": "OPENING", "disconnected": "TIMEOUT"}
)

// endStopped is the reason of a session that was stopped by command; the session's events call it reasonStopped.
const (
	endStopped    = "UNLAUNCHED"
	reasonStopped = "stopped"
)

// outerAddress is an address as WhatsApp Web writes it.
func outerAddress(jid string) string {
	if user, ok := strings.CutSuffix(jid, "@s.whatsapp.net"); ok {
		return user + "@c.us"
	}
	return jid
}
