package wwebjs

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type messageData struct {
	Data            object    `json:"_data"`
	MediaKey        string    `json:"mediaKey,omitempty"`
	ID              key       `json:"id"`
	Ack             int       `json:"ack"`
	HasMedia        bool      `json:"hasMedia"`
	Body            string    `json:"body"`
	Type            string    `json:"type"`
	Timestamp       int64     `json:"timestamp"`
	From            string    `json:"from"`
	To              string    `json:"to"`
	Author          string    `json:"author,omitempty"`
	DeviceType      string    `json:"deviceType"`
	IsForwarded     bool      `json:"isForwarded"`
	ForwardingScore int       `json:"forwardingScore"`
	IsStatus        bool      `json:"isStatus"`
	IsStarred       bool      `json:"isStarred"`
	Broadcast       bool      `json:"broadcast"`
	FromMe          bool      `json:"fromMe"`
	HasQuotedMsg    bool      `json:"hasQuotedMsg"`
	HasReaction     bool      `json:"hasReaction"`
	Duration        string    `json:"duration,omitempty"`
	Location        *location `json:"location,omitempty"`
	VCards          []string  `json:"vCards"`
	InviteV4        *invite   `json:"inviteV4,omitempty"`
	MentionedIDs    []string  `json:"mentionedIds"`
	GroupMentions   []object  `json:"groupMentions"`
	OrderID         string    `json:"orderId,omitempty"`
	Token           string    `json:"token,omitempty"`
	IsGIF           bool      `json:"isGif"`
	IsEphemeral     bool      `json:"isEphemeral"`
	Links           []object  `json:"links"`
}

type location struct {
	Latitude    float64 `json:"latitude"`
	Longitude   float64 `json:"longitude"`
	Description string  `json:"description"`
}

type invite struct {
	Code      string `json:"inviteCode"`
	Expires   int64  `json:"inviteCodeExp"`
	GroupID   string `json:"groupId"`
	GroupName string `json:"groupName"`
	FromID    string `json:"fromId"`
	ToID      string `json:"toId"`
}

// source is the data of a message event.
type source struct {
	origin
	MessageID       string  `json:"message_id"`
	SenderName      *string `json:"sender_name"`
	Timestamp       time.Time
	Type            string
	Text            *string
	Status          *string
	SenderDevice    string `json:"sender_device"`
	Forwarded       bool
	ForwardingScore int  `json:"forwarding_score"`
	IsStatus        bool `json:"is_status"`
	IsBroadcast     bool `json:"is_broadcast"`
	Starred         bool
	Disappearing    *int `json:"disappearing_seconds"`
	Mentions        []string
	Reactions       []json.RawMessage
	Quoted          *struct{}
	Media           *struct {
		Keys *struct {
			MediaKey string `json:"media_key"`
			Seconds  int    `json:"duration_seconds"`
		}
	}
	Location *struct {
		Latitude, Longitude float64
		Name, Address       *string
	}
	Contacts []struct{ VCard string }
	Poll     *struct{ Question string }
	Order    *struct {
		OrderID string `json:"order_id"`
		Token   string
	}
	Invite *struct {
		Group, Code string
		ExpiresAt   *time.Time `json:"expires_at"`
		Inviter     *string
	} `json:"group_invite"`
	Target *struct {
		Action    string
		MessageID string `json:"message_id"`
		Sender    *string
		Emoji     *string
		Options   []string
	}
	Raw original
}

// original contains the file data that only the original message has, in the envelopes that WhatsApp puts around it.
type original struct {
	DeviceSent          *wrapped                    `json:"deviceSentMessage"`
	Ephemeral           *wrapped                    `json:"ephemeralMessage"`
	ViewOnce            *wrapped                    `json:"viewOnceMessage"`
	ViewOnceV2          *wrapped                    `json:"viewOnceMessageV2"`
	ViewOnceV2Extension *wrapped                    `json:"viewOnceMessageV2Extension"`
	Audio               *struct{ PTT bool }         `json:"audioMessage"`
	Video               *struct{ GIFPlayback bool } `json:"videoMessage"`
}

type wrapped struct{ Message original }

func (o *original) content() *original {
	for _, e := range []*wrapped{o.DeviceSent, o.Ephemeral, o.ViewOnce, o.ViewOnceV2, o.ViewOnceV2Extension} {
		if e != nil {
			return e.Message.content()
		}
	}
	return o
}

// author returns the author of the message in a chat with several members.
func (m *source) author() string {
	if chat := m.chatID(); strings.HasSuffix(chat, "@c.us") || strings.HasSuffix(chat, "@lid") {
		return ""
	}
	return m.senderID()
}

// bare returns a message with little more than its key.
func (m *source) bare(id key, kind string) *messageData {
	d := &messageData{
		Data: object{}, ID: id, Ack: acks["sent"], Type: kind, Timestamp: m.Timestamp.Unix(), FromMe: id.FromMe, DeviceType: m.SenderDevice,
		VCards: []string{}, MentionedIDs: []string{}, GroupMentions: []object{}, Links: []object{},
	}
	if d.DeviceType == "" {
		d.DeviceType = kindUnknown
	}
	if id.FromMe {
		d.To = id.Remote
	} else {
		d.From = id.Remote
	}
	return d
}

func (m *source) data() *messageData {
	kind := kinds[m.Type]
	if kind == "" {
		kind = kindUnknown
	}
	d := m.bare(newKey(m.FromMe, m.chatID(), m.MessageID, m.author()), kind)
	if m.FromMe {
		d.From = m.senderID()
	}
	if m.SenderName != nil {
		d.Data["notifyName"] = *m.SenderName
	}
	if m.Status != nil {
		d.Ack = acks[*m.Status]
	}
	d.Author, d.Body = m.author(), payload.First(m.Text)
	d.IsForwarded, d.ForwardingScore, d.IsStatus, d.IsStarred = m.Forwarded, m.ForwardingScore, m.IsStatus, m.Starred
	d.Broadcast, d.IsEphemeral = m.IsBroadcast || m.IsStatus, m.Disappearing != nil
	d.HasQuotedMsg, d.HasReaction = m.Quoted != nil, len(m.Reactions) > 0
	for _, jid := range m.Mentions {
		d.MentionedIDs = append(d.MentionedIDs, outerAddress(m.Known(jid)))
	}
	m.file(d)
	m.addParts(d)
	return d
}

func (m *source) file(d *messageData) {
	if m.Media == nil {
		return
	}
	d.HasMedia = true
	if keys := m.Media.Keys; keys != nil {
		d.MediaKey = keys.MediaKey
		if keys.Seconds > 0 {
			d.Duration = strconv.Itoa(keys.Seconds)
		}
	}
	content := m.Raw.content()
	if content.Audio != nil && content.Audio.PTT {
		d.Type = kindVoice
	}
	d.IsGIF = content.Video != nil && content.Video.GIFPlayback
}

func (m *source) addParts(d *messageData) {
	if m.Location != nil {
		d.Location = &location{m.Location.Latitude, m.Location.Longitude, payload.First(m.Location.Name, m.Location.Address)}
	}
	for _, card := range m.Contacts {
		d.VCards = append(d.VCards, card.VCard)
	}
	switch len(d.VCards) {
	case 0:
	case 1:
		d.Body = d.VCards[0]
	default:
		d.Type = kindCards
	}
	if m.Poll != nil {
		d.Body = m.Poll.Question
	}
	if m.Order != nil {
		d.OrderID, d.Token = m.Order.OrderID, m.Order.Token
	}
	if m.Invite != nil {
		d.InviteV4 = &invite{Code: m.Invite.Code, GroupID: m.Invite.Group, FromID: outerAddress(payload.First(m.Invite.Inviter))}
		if m.Invite.ExpiresAt != nil {
			d.InviteV4.Expires = m.Invite.ExpiresAt.Unix()
		}
	}
}

func messageShape(e *payload.Event) (string, any, error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return "", nil, err
	}
	switch {
	case m.Target != nil:
		return m.actionEvent()
	case m.Type == "system":
		return "", nil, nil
	case m.FromMe:
		return "message_create", object{"message": m.data()}, nil
	}
	return "message", object{"message": m.data()}, nil
}

// actionEvent returns the event of a message that changes an earlier one.
func (m *source) actionEvent() (string, any, error) {
	target := m.targetKey()
	switch m.Target.Action {
	case "reaction":
		return "message_reaction", object{"reaction": object{
			"id": newKey(m.FromMe, m.chatID(), m.MessageID, m.author()), "orphan": 0, "orphanReason": nil, "timestamp": m.Timestamp.Unix(),
			"reaction": payload.First(m.Target.Emoji), "read": false, "msgId": target, "senderId": m.senderID(),
		}}, nil
	case "edit":
		d := m.data()
		d.ID = target
		return "message_edit", object{"message": d, "newBody": d.Body, "prevBody": ""}, nil
	case "revoke":
		return "message_revoke_everyone", object{"message": m.bare(target, kindRevoked)}, nil
	case "poll_vote":
		chosen := make([]object, len(m.Target.Options))
		for i, name := range m.Target.Options {
			chosen[i] = object{"id": nil, "name": name}
		}
		return "vote_update", object{"vote": object{
			"voter": m.senderID(), "selectedOptions": chosen, "interractedAtTs": m.Timestamp.UnixMilli(), "parentMessage": m.bare(target, kinds["poll"]),
		}}, nil
	}
	return "", nil, nil
}

// targetKey returns the key of the message that this one acts on. Its owner follows from the sender's data: the sender's own message names the sender,
// and in a chat of two an empty name means the other's.
func (m *source) targetKey() key {
	t := m.Target
	by := payload.First(t.Sender)
	same := by != "" && (by == payload.First(m.Sender) || by == payload.First(m.PN) || by == payload.First(m.LID))
	fromMe := m.FromMe && (same || t.Action == "edit")
	if !m.FromMe && !m.IsGroup && by == "" && t.Action != "edit" && t.Action != "revoke" {
		fromMe = true
	}
	author := outerAddress(m.Known(by))
	switch {
	case m.author() == "":
		author = ""
	case same || by == "" && t.Action == "edit":
		author = m.author()
	}
	return newKey(fromMe, m.chatID(), t.MessageID, author)
}

func ciphertextShape(e *payload.Event) (string, any, error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return "", nil, err
	}
	d := m.data()
	d.Type = kindCiphertext
	return "message_ciphertext", object{"message": d}, nil
}

func deleteForMe(e *payload.Event) (string, any, error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return "", nil, err
	}
	return "message_revoke_me", object{"message": m.bare(newKey(m.FromMe, m.chatID(), m.MessageID, m.author()), kindUnknown)}, nil
}

func messageStatus(e *payload.Event) (string, any, error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return "", nil, err
	}
	return m.ackEvent(payload.First(m.Status), []string{m.MessageID})
}

// receiptShape concerns messages of the account, except those read on another of its devices.
func receiptShape(e *payload.Event) (string, any, error) {
	var m struct {
		source
		MessageIDs []string `json:"message_ids"`
	}
	if err := json.Unmarshal(e.Data, &m); err != nil || m.FromMe || len(m.MessageIDs) == 0 {
		return "", nil, err
	}
	return m.ackEvent(m.Type, m.MessageIDs)
}

// ackEvent returns the acknowledgement of the account's messages; states without a number have other events.
func (m *source) ackEvent(state string, ids []string) (string, any, error) {
	number, ok := acks[state]
	if !ok {
		return "", nil, nil
	}
	serialized := make([]string, len(ids))
	for i, id := range ids {
		serialized[i] = newKey(true, m.chatID(), id, "").Serialized
	}
	d := m.bare(newKey(true, m.chatID(), ids[0], ""), kindUnknown)
	d.Ack = number
	return "message_ack", object{"message": d, "ack": number, "ids": serialized}, nil
}
