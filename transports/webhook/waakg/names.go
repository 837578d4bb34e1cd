package waakg

// kinds are WA-AKG's names of the types of messages; the others are UNKNOWN.
var kinds = map[string]string{
	"text": "TEXT", "image": "IMAGE", "video": "VIDEO", "audio": "AUDIO", "document": "DOCUMENT", "sticker": "STICKER",
	"location": "LOCATION", "contact": "CONTACT",
}

// kindUnknown is used for types missing in kinds.
const kindUnknown = "UNKNOWN"

// chatTypes are the kinds of chats, by the server part of their address.
var chatTypes = map[string]string{
	"s.whatsapp.net": "PERSONAL", "lid": "PERSONAL", "g.us": "GROUP", "broadcast": "STATUS", "newsletter": "NEWSLETTER",
}

// states are WA-AKG's names for the states of a session. Created and the three terminal states set by WhatsApp are STOPPED and DISCONNECTED there.
var states = map[string]string{
	"created": "STOPPED", "pairing": "SCAN_QR", "connecting": "CONNECTING", "connected": "CONNECTED", "disconnected": "DISCONNECTED",
	"logged_out": "LOGGED_OUT", "replaced": "DISCONNECTED", "banned": "DISCONNECTED", "outdated": "DISCONNECTED",
}

// reasonStopped is the reason of a session that was stopped by command.
const reasonStopped = "stopped"

// receiptStates are the kinds of receipts for messages of the account.
var receiptStates = map[string]string{"delivered": "DELIVERED", "read": "READ", "played": "READ"}
