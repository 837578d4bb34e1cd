package digigo

type newsletterInfo struct {
	JID         string `json:"jid" from:"/newsletter"`
	Name        string `json:"name" from:"/name"`
	Description string `json:"description" from:"/description"`
	Subscribers int    `json:"subscribers" from:"/subscriber_count"`
	InviteCode  string `json:"invite_code" from:"/invite_code"`
	Muted       bool   `json:"muted" from:"/muted"`
	Role        string `json:"role" from:"/role"`
}

type newsletterSubscribed struct {
	Success     bool                  `json:"success" from:"=true"`
	Newsletters []newsletterFollowing `json:"newsletters" from:"/newsletters"`
}

type newsletterFollowing struct {
	JID         string `json:"jid" from:"/newsletter"`
	Name        string `json:"name" from:"/name"`
	Description string `json:"description" from:"/description"`
	Subscribers int    `json:"subscribers" from:"/subscriber_count"`
	Muted       bool   `json:"muted" from:"/muted"`
	InviteCode  string `json:"invite_code" from:"/invite_code"`
}

type newsletterMessages struct {
	Success  bool                `json:"success" from:"=true"`
	Messages []newsletterMessage `json:"messages" from:"/messages"`
}

type newsletterUpdates struct {
	Success bool                `json:"success" from:"=true"`
	Updates []newsletterMessage `json:"updates" from:"/messages"`
}

// newsletterMessage has its text in Text, and also in Caption if it has a file.
type newsletterMessage struct {
	ID        string          `json:"id" from:"/message_id"`
	ServerID  int             `json:"server_id" from:"/server_id"`
	Type      string          `json:"type" from:"/type"`
	Timestamp secondsAt       `json:"timestamp" from:"/timestamp"`
	Text      string          `json:"text" from:"/text"`
	Caption   *string         `json:"caption,omitempty"`
	Views     int             `json:"views_count" from:"/views_count"`
	Reactions map[string]int  `json:"reaction_counts" from:"/reaction_counts"`
	Media     *map[string]any `json:"media,omitempty" from:"/media"`
}

// FinishAnswer implements rest.Finisher.
func (m *newsletterMessage) FinishAnswer() error {
	if m.Media != nil {
		m.Caption = &m.Text
	}
	return nil
}
