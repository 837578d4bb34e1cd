package message

import (
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// MessageStanza holds attributes of a message's stanza that are rarely set: those of bots, threads, business accounts and
// of messages that the account sent from another device.
type MessageStanza struct {
	Category     string          `json:"category,omitempty"`
	Multicast    bool            `json:"multicast,omitempty"`
	Bot          *StanzaBot      `json:"bot,omitempty"`
	Meta         *StanzaMeta     `json:"meta,omitempty"`
	VerifiedName json.RawMessage `json:"verified_name,omitempty"` // certificate and details, as encoding/json writes whatsmeow's struct
	DeviceSent   *StanzaSent     `json:"device_sent,omitempty"`
}

// StanzaBot is the bot element: which part of a streamed answer the message is.
type StanzaBot struct {
	EditType string     `json:"edit_type"` // first, inner or last
	TargetID string     `json:"target_id"`
	SentAt   *time.Time `json:"sent_at"`
}

// StanzaMeta is the meta element.
type StanzaMeta struct {
	TargetID             string `json:"target_id,omitempty"`
	TargetSender         string `json:"target_sender,omitempty"`
	TargetChat           string `json:"target_chat,omitempty"`
	DeprecatedLIDSession *bool  `json:"deprecated_lid_session,omitempty"`
	ThreadID             string `json:"thread_id,omitempty"`
	ThreadSender         string `json:"thread_sender,omitempty"`
}

// StanzaSent is where a message that another device of the account sent goes.
type StanzaSent struct {
	Destination string `json:"destination"`
	Phash       string `json:"phash"`
}

// StanzaOf returns nil if the stanza has none of the attributes.
func StanzaOf(info *types.MessageInfo) *MessageStanza {
	out := MessageStanza{Category: wa.CleanText(info.Category), Multicast: info.Multicast}
	if bot := info.MsgBotInfo; bot != (types.MsgBotInfo{}) {
		out.Bot = &StanzaBot{EditType: wa.CleanText(string(bot.EditType)), TargetID: wa.CleanText(bot.EditTargetID), SentAt: wa.TimeOrNull(bot.EditSenderTimestampMS)}
	}
	if meta := info.MsgMetaInfo; meta != (types.MsgMetaInfo{}) {
		out.Meta = &StanzaMeta{
			TargetID: wa.CleanText(meta.TargetID), TargetSender: wa.AddressString(meta.TargetSender), TargetChat: wa.AddressString(meta.TargetChat),
			DeprecatedLIDSession: meta.DeprecatedLIDSession,
			ThreadID:             wa.CleanText(meta.ThreadMessageID), ThreadSender: wa.AddressString(meta.ThreadMessageSenderJID),
		}
	}
	if info.VerifiedName != nil {
		if raw, err := json.Marshal(info.VerifiedName); err == nil { // without it the message is whole otherwise
			out.VerifiedName = json.RawMessage(wa.CleanText(string(raw)))
		}
	}
	if sent := info.DeviceSentMeta; sent != nil {
		out.DeviceSent = &StanzaSent{Destination: wa.CleanText(sent.DestinationJID), Phash: wa.CleanText(sent.Phash)}
	}
	if out.Category == "" && !out.Multicast && out.Bot == nil && out.Meta == nil && out.VerifiedName == nil && out.DeviceSent == nil {
		return nil
	}
	return &out
}

// EventData is the data of a Message event: the message object and the members that only an event has.
type EventData struct {
	Message
	IsGroup bool `json:"is_group"`
	FromAPI bool `json:"from_api"`
	// EchoRequested is true for a message sent through a method whose event the call (echo) or the session
	// (echo_to_wuzapi) explicitly requested. Formats of gateways that do not report own API messages deliver only
	// those.
	EchoRequested bool            `json:"echo_requested,omitempty"`
	RetryCount    int             `json:"retry_count"`
	Resolved      bool            `json:"resolved"` // received on request, after an UndecryptableMessage
	Stanza        *MessageStanza  `json:"stanza,omitempty"`
	Raw           json.RawMessage `json:"raw"`
	RawTruncated  bool            `json:"raw_truncated,omitempty"`

	// WireSender is the address that WhatsApp used for the sender. Operations on the message must use the same address.
	WireSender string `json:"-"`
}

// DropRaw removes the raw part from data that is too large for an event.
func (d *EventData) DropRaw() { d.Raw, d.RawTruncated = nil, true }
