package message

import (
	"encoding/json"
	"time"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Message is a message as results and events show it. A field that is not
// known is null; the ones marked omitempty are absent instead.
type Message struct {
	MessageID string `json:"message_id"`
	Chat      string `json:"chat"`
	Sender    string `json:"sender"`
	wa.ChatNames
	wa.PersonNames
	SenderName      *string       `json:"sender_name"`
	FromMe          bool          `json:"from_me"`
	Timestamp       time.Time     `json:"timestamp"`
	Type            string        `json:"type"`
	Text            *string       `json:"text"`
	Media           *MessageMedia `json:"media"`
	Quoted          *Quoted       `json:"quoted"`
	Mentions        []string      `json:"mentions"`
	Forwarded       bool          `json:"forwarded"`
	ForwardingScore int           `json:"forwarding_score"`
	Status          *string       `json:"status"`
	Starred         bool          `json:"starred"`
	Reactions       []Reaction    `json:"reactions"`
	ViewOnce        bool          `json:"view_once"`
	// UnavailableReason says why WhatsApp gives the content of a message of type unavailable to phones only: view_once or linked_device.
	UnavailableReason   *string          `json:"unavailable_reason,omitempty"`
	DisappearingSeconds *int             `json:"disappearing_seconds"`
	EditedAt            *time.Time       `json:"edited_at"`
	DeletedAt           *time.Time       `json:"deleted_at"`
	IsStatus            bool             `json:"is_status"`
	IsBroadcast         bool             `json:"is_broadcast"`
	SenderDevice        string           `json:"sender_device"`
	LabelIDs            []string         `json:"label_ids"`
	Location            *MessageLocation `json:"location"`
	Contacts            []MessageContact `json:"contacts"`
	Poll                *MessagePoll     `json:"poll"`
	Event               *MessageEvent    `json:"event"`
	Order               *MessageOrder    `json:"order"`
	Payment             *MessagePayment  `json:"payment"`
	GroupInvite         *MessageInvite   `json:"group_invite"`
	ServerID            *int             `json:"server_id"`
	// Interactive has the buttons and lists of the message. Selection is the sender's
	// choice in an earlier message, which Quoted names.
	Interactive      *MessageInteractive      `json:"interactive,omitempty"`
	Selection        *MessageSelection        `json:"selection,omitempty"`
	Album            *MessageAlbum            `json:"album,omitempty"`
	Call             *MessageCall             `json:"call,omitempty"`
	Product          *MessageProduct          `json:"product,omitempty"`
	StickerPack      *MessageStickerPack      `json:"sticker_pack,omitempty"`
	NewsletterInvite *MessageNewsletterInvite `json:"newsletter_invite,omitempty"`
	// ParentMessageID is the message this one belongs to: the album of a picture.
	ParentMessageID *string `json:"parent_message_id,omitempty"`
	// Envelopes are WhatsApp's wrappers around the content, outermost first, as
	// spoilerMessage.
	Envelopes []string `json:"envelopes,omitempty"`
	// Target is the message this one acts on: the one it edits, revokes, reacts
	// to, votes in, pins or keeps.
	Target *MessageTarget  `json:"target,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty"`
}

// MessageMedia describes a file inside a message.
type MessageMedia struct {
	MediaID  *string    `json:"media_id"`
	MimeType *string    `json:"mime_type"`
	Filename *string    `json:"filename"`
	Size     uint64     `json:"size"`
	Keys     *MediaKeys `json:"keys"`
	// VoiceNote reports an audio file that is played as a voice note, GIF a video that is played as an animation.
	VoiceNote bool `json:"voice_note"`
	GIF       bool `json:"gif"`
}

// MediaKeys has the keys and the address to download a file from WhatsApp.
type MediaKeys struct {
	URL             string `json:"url,omitempty"`
	MediaKey        []byte `json:"media_key"`
	DirectPath      string `json:"direct_path"`
	FileSHA256      []byte `json:"file_sha256"`
	FileEncSHA256   []byte `json:"file_enc_sha256"`
	DurationSeconds uint32 `json:"duration_seconds"`
	Width           uint32 `json:"width"`
	Height          uint32 `json:"height"`
}

// Quoted is the message a reply answers.
type Quoted struct {
	MessageID string  `json:"message_id"`
	Chat      string  `json:"chat"`
	Sender    string  `json:"sender"`
	Text      *string `json:"text"`
	// The keys of its chat and its author.
	ChatKey    string  `json:"chat_key"`
	ContactKey *string `json:"contact_key"`
}

// Reaction is a person's reaction to a message; an empty emoji removes it.
type Reaction struct {
	Sender     string    `json:"sender"`
	ContactKey *string   `json:"contact_key"`
	Emoji      string    `json:"emoji"`
	Timestamp  time.Time `json:"timestamp"`
}

// MessageLocation is a place.
type MessageLocation struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      *string `json:"name"`
	Address   *string `json:"address"`
	Live      bool    `json:"live"`
	// The rest is absent unless the location is live. Sequence grows from position to position of one sender.
	AccuracyMeters uint32  `json:"accuracy_meters,omitempty"`
	SpeedMPS       float32 `json:"speed_mps,omitempty"`
	BearingDegrees uint32  `json:"bearing_degrees,omitempty"`
	Sequence       int64   `json:"sequence,omitempty"`
	ElapsedSeconds uint32  `json:"elapsed_seconds,omitempty"`
}

// MessageContact is a contact card.
type MessageContact struct {
	Name  string `json:"name"`
	VCard string `json:"vcard"`
}

// MessagePoll is a poll; votes arrive as messages of their own.
type MessagePoll struct {
	Question        string       `json:"question"`
	Options         []PollOption `json:"options"`
	SelectableCount int          `json:"selectable_count"`
}

// PollOption is one answer of a poll.
type PollOption struct {
	Text      string `json:"text"`
	VoteCount int    `json:"vote_count"`
}

// MessageEvent is an appointment.
type MessageEvent struct {
	Name        string           `json:"name"`
	Description *string          `json:"description"`
	StartTime   *time.Time       `json:"start_time"`
	EndTime     *time.Time       `json:"end_time"`
	Location    *MessageLocation `json:"location"`
	JoinLink    *string          `json:"join_link"`
	Cancelled   bool             `json:"cancelled"`
	Responses   EventResponses   `json:"responses"` // counted in stored events
}

// EventResponses are the numbers of people by their newest answer to an event.
type EventResponses struct {
	Going    int `json:"going"`
	NotGoing int `json:"not_going"`
	Maybe    int `json:"maybe"`
}

// MessageOrder is an order from a catalogue.
type MessageOrder struct {
	OrderID     string   `json:"order_id"`
	Token       string   `json:"token"`
	ItemCount   int      `json:"item_count"`
	TotalAmount *float64 `json:"total_amount"`
	Currency    *string  `json:"currency"`
}

// MessagePayment is a payment, or a request for one.
type MessagePayment struct {
	Amount   *string `json:"amount"`
	Currency *string `json:"currency"`
	Receiver *string `json:"receiver"`
	Status   *string `json:"status"`
	Note     *string `json:"note"`
}

// MessageInvite invites to a group.
type MessageInvite struct {
	Group     string     `json:"group"`
	GroupName *string    `json:"group_name"`
	Code      string     `json:"code"`
	ExpiresAt *time.Time `json:"expires_at"`
	Inviter   *string    `json:"inviter"`
	Caption   *string    `json:"caption"`
}

// MessageTarget names the message that another one acts on.
type MessageTarget struct {
	Action     string   `json:"action"` // edit, revoke, reaction, poll_vote, event_response, pin, keep, comment
	MessageID  string   `json:"message_id"`
	Chat       string   `json:"chat"`
	Sender     *string  `json:"sender"`
	ChatKey    string   `json:"chat_key"`
	ContactKey *string  `json:"contact_key"`
	Emoji      *string  `json:"emoji,omitempty"`    // reaction; "" takes it back
	Options    []string `json:"options,omitempty"`  // poll_vote: the chosen answers
	Response   *string  `json:"response,omitempty"` // event_response: going, not_going or maybe
	// ExtraGuests is the number of people that come along with a person who is going.
	ExtraGuests *int  `json:"extra_guests,omitempty"`
	Pinned      *bool `json:"pinned,omitempty"`
	// DurationSeconds is the time that a message stays pinned.
	DurationSeconds *int  `json:"duration_seconds,omitempty"`
	Kept            *bool `json:"kept,omitempty"` // keep: the message stays after its time is up; false takes it back
}

// The types of a message.
const (
	TypeText        = "text"
	TypeImage       = "image"
	TypeVideo       = "video"
	TypeAudio       = "audio"
	TypeDocument    = "document"
	TypeSticker     = "sticker"
	typeFile        = "file" // of content to send only
	typeLocation    = "location"
	typeContact     = "contact"
	typePoll        = "poll"
	typeEvent       = "event"
	typeButtons     = "buttons"
	typeList        = "list"
	typeNativeFlow  = "native_flow"
	typeCarousel    = "carousel"
	typeOrder       = "order"
	typeReaction    = "reaction"
	typeGroupInvite = "group_invite"
	typePayment     = "payment"
	TypeSystem      = "system"
	TypeUnavailable = messages.TypeUnavailable
	TypeUnknown     = "unknown"
)

// The actions of messages that act on another message.
const (
	ActionEdit          = "edit"
	ActionRevoke        = "revoke"
	ActionReaction      = "reaction"
	ActionPollVote      = "poll_vote"
	ActionEventResponse = "event_response"
	ActionPin           = "pin"
	ActionKeep          = "keep"
	ActionComment       = "comment"
)
