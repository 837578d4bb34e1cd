package payload

// Origin is where the data of an event says whose it is, and in which chat. The receivers of these formats know people by
// phone number, so that address goes before the hidden one wherever it is known.
type Origin struct {
	Chat    string
	Sender  *string
	FromMe  bool    `json:"from_me"`
	IsGroup bool    `json:"is_group"`
	PN      *string // the sender's, or of a change of a chat the chat's
	LID     *string // likewise
	ChatPN  *string `json:"chat_pn"`
	ChatLID *string `json:"chat_lid"`
}

// InChat is the chat's address, of a chat of two the other's phone number if that is known.
func (o *Origin) InChat() string {
	switch {
	case o.IsGroup:
	case o.ChatPN != nil:
		return *o.ChatPN
	case o.PN != nil && (o.Chat == First(o.Sender) || o.Chat == First(o.LID)): // the sender's own chat
		return *o.PN
	}
	return o.Chat
}

// By is the sender's address.
func (o *Origin) By() string { return First(o.PN, o.Sender) }

// Known is an address under the phone number, if it is the sender's or the chat's and their number is known.
func (o *Origin) Known(jid string) string {
	switch jid {
	case "":
	case First(o.Sender), First(o.LID):
		return o.By()
	case o.Chat, First(o.ChatLID):
		return o.InChat()
	}
	return jid
}

// Other is the first address that is there and is not jid, or an empty one.
func Other(jid string, addresses ...*string) string {
	for _, address := range addresses {
		if address != nil && *address != jid {
			return *address
		}
	}
	return ""
}

// First is the first text that is there, or an empty one.
func First(texts ...*string) string {
	for _, text := range texts {
		if text != nil {
			return *text
		}
	}
	return ""
}
