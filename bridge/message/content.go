package message

import (
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// Content is one message body: Type, and the fields of that type.
type Content struct {
	Type string `json:"type" rpc:"required,enum=text|image|video|audio|document|file|sticker|location|contact|poll|event|buttons|list|native_flow|carousel|order|group_invite|newsletter_invite|poll_vote|event_response|pin|keep|system|album|sticker_pack" doc:"kind of message; file: image, video, audio or document, whichever suits the type of the file; system stands for the action of target, as in received messages"`

	Text        string   `json:"text" rpc:"max=65536" doc:"text: the text; buttons, list, native_flow, carousel: the body"`
	Verbatim    bool     `json:"verbatim" doc:"text, contact, document: send a blank text, a vCard of any form and a filename with slashes, as other gateways do; default false"`
	LinkPreview bool     `json:"link_preview" doc:"text: fetch a preview for the first link; default false"`
	Preview     *Preview `json:"preview" doc:"text: ready-made preview instead of fetching"`

	BackgroundColor string `json:"background_color" rpc:"max=9" doc:"status text: #AARRGGBB"`
	TextColor       string `json:"text_color" rpc:"max=9" doc:"status text: #AARRGGBB"`
	Font            int    `json:"font" rpc:"min=0,max=20" doc:"status text: font number"`

	Media       *MediaSource `json:"media" doc:"image, video, audio, document, file, sticker: the file; buttons: what stands above"`
	Caption     string       `json:"caption" rpc:"max=65536" doc:"image, video, document, file, live location, group_invite, newsletter_invite: text under it"`
	ViewOnce    bool         `json:"view_once" doc:"image, video, audio, file: opens once; excludes disappearing_seconds"`
	Thumbnail   *MediaSource `json:"thumbnail" doc:"image, video, document, group_invite, newsletter_invite: small jpeg"`
	VideoNote   bool         `json:"video_note" doc:"video: round video note; default false"`
	GIFPlayback bool         `json:"gif_playback" doc:"video, file: loop without sound; default false"`
	VoiceNote   bool         `json:"voice_note" doc:"audio, file: voice note with waveform; default false"`
	PackName    string       `json:"pack_name" rpc:"max=128" doc:"sticker: pack name written into the file"`
	PackAuthor  string       `json:"pack_author" rpc:"max=128" doc:"sticker: author written into the file"`
	PackEmojis  []string     `json:"pack_emojis" rpc:"max=32,each.max=64" doc:"sticker: emojis written into the file"`

	Latitude  *float64 `json:"latitude" rpc:"min=-90,max=90" doc:"location: degrees"`
	Longitude *float64 `json:"longitude" rpc:"min=-180,max=180" doc:"location: degrees"`
	Name      string   `json:"name" rpc:"max=1024" doc:"location: name of the place; event: title"`
	Address   string   `json:"address" rpc:"max=1024" doc:"location: address line"`

	Contacts []ContactCard `json:"contacts" rpc:"max=100" doc:"contact: the cards"`

	Question        string   `json:"question" rpc:"max=255" doc:"poll: what is asked"`
	Options         []string `json:"options" rpc:"max=12,each.min=1,each.max=100" doc:"poll: 2 to 12 answers"`
	SelectableCount *int     `json:"selectable_count" rpc:"min=0,max=12" doc:"poll: how many may be chosen; 0 = any number; default 1"`

	Description        string         `json:"description" rpc:"max=2048" doc:"event: text"`
	StartAt            *time.Time     `json:"start_at" doc:"event: begin"`
	EndAt              *time.Time     `json:"end_at" doc:"event: end"`
	Location           *EventLocation `json:"location" doc:"event: place; location: the place as messages have it, instead of latitude, longitude, name and address"`
	ExtraGuestsAllowed bool           `json:"extra_guests_allowed" doc:"event: guests may bring others"`
	Canceled           bool           `json:"canceled" doc:"event: marks a cancellation"`
	ScheduledCall      bool           `json:"scheduled_call" doc:"event: the event is a call"`

	Title          string        `json:"title" rpc:"max=256" doc:"buttons, list: line above the text"`
	Footer         string        `json:"footer" rpc:"max=256" doc:"buttons, list, native_flow: line below the text"`
	MediaKind      string        `json:"media_kind" rpc:"enum=image|video|document" doc:"buttons: what the file is shown as; default from the MIME type"`
	Buttons        []AnyButton   `json:"buttons" rpc:"max=10" doc:"buttons, native_flow: the buttons"`
	ButtonText     string        `json:"button_text" rpc:"max=20" doc:"list: label that opens it"`
	Sections       []ListSection `json:"sections" rpc:"max=10" doc:"list: what can be chosen"`
	AsText         bool          `json:"as_text" doc:"list: as plain numbered text; default false"`
	Header         *FlowHeader   `json:"header" doc:"native_flow: what stands above the text"`
	MessageParams  wa.JSONObject `json:"message_params" doc:"native_flow: parameters of the whole message"`
	MessageVersion int           `json:"message_version" rpc:"min=1,max=100" doc:"native_flow: version of the format; default 1"`
	Cards          []Card        `json:"cards" rpc:"max=10" doc:"carousel: the cards"`
	Items          []OrderItem   `json:"items" rpc:"max=100" doc:"order: its positions"`
	Notes          string        `json:"notes" rpc:"max=1024" doc:"order: remark"`
	Currency       string        `json:"currency" rpc:"min=3,max=3" doc:"order: ISO 4217, for items without one; default USD"`

	// The members of these have the names of the same parts of a received message, so that such a part can be sent again.
	GroupInvite      *GroupInvite      `json:"group_invite" doc:"group_invite: the invitation"`
	NewsletterInvite *NewsletterInvite `json:"newsletter_invite" doc:"newsletter_invite: the invitation"`
	Target           *ActTarget        `json:"target" doc:"poll_vote, event_response, pin, keep: the message that it acts on, and what it does; text and media: the announcement of a community that it comments on"`
	Album            *Album            `json:"album" doc:"album: its pictures and videos"`
	ParentMessageID  string            `json:"parent_message_id" rpc:"max=128" doc:"image, video: the own album that it belongs to"`
	StickerPack      *StickerPack      `json:"sticker_pack" doc:"sticker_pack: the pack"`
}

// Preview is a link preview.
type Preview struct {
	URL         string       `json:"url" rpc:"required,format=uri,max=2048" doc:"address, as it occurs in the text"`
	Title       string       `json:"title" rpc:"max=1024" doc:"title"`
	Description string       `json:"description" rpc:"max=4096" doc:"description"`
	Thumbnail   *MediaSource `json:"thumbnail" doc:"picture"`
}

// ContactCard is a card to send: a vCard, or a contact to make one of.
type ContactCard struct {
	Name    string `json:"name" rpc:"max=255" doc:"name shown"`
	VCard   string `json:"vcard" rpc:"max=16384" doc:"vCard"`
	Contact string `json:"contact" rpc:"format=jid" doc:"instead: a person whose card is made from the contact store"`
}

// EventLocation is the place of an event, or a location in the form that received messages have.
type EventLocation struct {
	Name           string   `json:"name" rpc:"max=1024" doc:"name of the place; not of a live location"`
	Address        string   `json:"address" rpc:"max=1024" doc:"address line; not of a live location"`
	Latitude       *float64 `json:"latitude" rpc:"min=-90,max=90" doc:"degrees"`
	Longitude      *float64 `json:"longitude" rpc:"min=-180,max=180" doc:"degrees"`
	Live           bool     `json:"live" doc:"location: one position of a sender who moves; each further position is a message of its own"`
	AccuracyMeters int      `json:"accuracy_meters" rpc:"min=0,max=100000" doc:"live location: radius of the uncertainty"`
	SpeedMPS       float64  `json:"speed_mps" rpc:"min=0,max=1000" doc:"live location: meters per second"`
	BearingDegrees int      `json:"bearing_degrees" rpc:"min=0,max=359" doc:"live location: direction, clockwise from north"`
	Sequence       int64    `json:"sequence" rpc:"min=0" doc:"live location: number that grows from position to position; default: the time in microseconds"`
	ElapsedSeconds int      `json:"elapsed_seconds" rpc:"min=0,max=86400" doc:"live location: time since the first position"`
}

// GroupInvite invites a person to a group whose privacy settings do not let admins add them.
type GroupInvite struct {
	Group     string     `json:"group" rpc:"required,format=jid" doc:"group"`
	Code      string     `json:"code" rpc:"required,min=1,max=128" doc:"code that group.updateParticipants returned for the person"`
	ExpiresAt *time.Time `json:"expires_at" doc:"end of the invitation; default: none is shown"`
	GroupName string     `json:"group_name" rpc:"max=256" doc:"shown name of the group; default: its own"`
	Caption   string     `json:"caption" rpc:"max=65536" doc:"text under it, instead of the caption of the content"`
	Inviter   string     `json:"inviter" rpc:"max=128" doc:"not used: the account is the inviter"`
}

// NewsletterInvite invites a person to follow a newsletter, or to become its admin.
type NewsletterInvite struct {
	Newsletter string     `json:"newsletter" rpc:"required,format=jid" doc:"newsletter"`
	Name       string     `json:"name" rpc:"required,min=1,max=100" doc:"shown name of the newsletter"`
	Admin      bool       `json:"admin" doc:"to become its admin: an invitation that exists already, since newsletter.sendAdminInvite creates one; default false"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"admin: end of the invitation; required"`
}

// Album is an album. WhatsApp's apps show its pictures and videos, which are messages of their own, in one frame.
type Album struct {
	Items      []AlbumItem `json:"items" rpc:"max=30" doc:"2 to 30 pictures and videos, sent after the album; absent: messages with parent_message_id follow"`
	ImageCount int         `json:"image_count" rpc:"min=0,max=100" doc:"pictures that follow; counted from items if there are any"`
	VideoCount int         `json:"video_count" rpc:"min=0,max=100" doc:"videos that follow; counted from items if there are any"`
}

// AlbumItem is a picture or a video of an album.
type AlbumItem struct {
	Type      string       `json:"type" rpc:"required,enum=image|video" doc:"kind of the file"`
	Media     *MediaSource `json:"media" rpc:"required" doc:"the file"`
	Caption   string       `json:"caption" rpc:"max=65536" doc:"text under it"`
	Thumbnail *MediaSource `json:"thumbnail" doc:"small jpeg; made when absent, of pictures"`
}

// StickerPack is a pack of stickers: an own one with its stickers, or one of WhatsApp's by its id.
type StickerPack struct {
	PackID       string        `json:"pack_id" rpc:"max=128" doc:"id of the pack; without stickers: a pack of WhatsApp's sticker store; default: generated"`
	Name         string        `json:"name" rpc:"max=128" doc:"name; required with stickers"`
	Publisher    string        `json:"publisher" rpc:"max=128" doc:"author"`
	Description  string        `json:"description" rpc:"max=1024" doc:"text about it"`
	Stickers     []PackSticker `json:"stickers" rpc:"max=30" doc:"1 to 30 stickers of an own pack"`
	StickerCount int           `json:"sticker_count" rpc:"min=0" doc:"not used: the stickers are counted"`
}

// PackSticker is a sticker of a pack.
type PackSticker struct {
	Media  *MediaSource `json:"media" rpc:"required" doc:"webp, or an image or video to convert"`
	Emojis []string     `json:"emojis" rpc:"max=3,each.max=64" doc:"emojis that it stands for"`
	Label  string       `json:"label" rpc:"max=255" doc:"description for screen readers"`
}

// HasAlbumItems reports whether the content is an album whose pictures and videos are sent with it.
func (c *Content) HasAlbumItems() bool {
	return c.Type == typeAlbum && c.Album != nil && len(c.Album.Items) > 0
}
