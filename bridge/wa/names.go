package wa

// ChatNames stand beside a chat.
type ChatNames struct {
	ChatPN  *string `json:"chat_pn" doc:"phone JID of the other person; null in chats of more than two and while not known"`
	ChatLID *string `json:"chat_lid" doc:"LID of the other person; null likewise"`
	ChatKey string  `json:"chat_key" doc:"stable key of the chat"`
}

// PersonNames stand beside a sender or another person that an object is about.
type PersonNames struct {
	PN         *string `json:"pn" doc:"the person's phone JID; null while not known"`
	LID        *string `json:"lid" doc:"the person's LID; null while not known"`
	ContactKey *string `json:"contact_key" doc:"stable key of the person; null for a sender that is no person"`
}
