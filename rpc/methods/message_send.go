package methods

import (
	"cmp"
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// sendTimeout includes the time to fetch, convert and upload a file.
const sendTimeout = 120 * time.Second

// sendParams are the common params of all sends.
type sendParams struct {
	To                  string            `json:"to" rpc:"required,format=jid" doc:"chat to send to: user, group or newsletter"`
	MessageID           string            `json:"message_id" rpc:"max=128" doc:"own message id; made from _meta.idempotency_key or generated when absent; a repeat with the same id is not sent twice"`
	ReplyTo             *outbound.ReplyTo `json:"reply_to" doc:"quoted message; missing members are filled from the message store"`
	Mentions            []string          `json:"mentions" rpc:"max=1024,format=jid" doc:"people, or groups of a community, mentioned in the text"`
	MentionAll          bool              `json:"mention_all" doc:"mention all members of the group"`
	Forwarded           bool              `json:"forwarded" doc:"mark the message as forwarded"`
	DisappearingSeconds *int              `json:"disappearing_seconds" doc:"lifetime: 86400, 604800 or 7776000; default is the chat's own timer"`
	TypingSeconds       float64           `json:"typing_seconds" rpc:"min=0,max=60" doc:"show typing (recording for voice notes) this long before sending"`
	CheckRecipient      bool              `json:"check_recipient" doc:"check first that the number is registered; a miss is an error, nothing is sent"`
	MarkRead            bool              `json:"mark_read" doc:"mark the chat as read before sending, if it is unread; default false"`
	Echo                *bool             `json:"echo" doc:"force the echo event for this send; absent follows the session setting"`
}

// OrderKey implements rpc.Ordered: sends to one chat leave in the order they came. A chat named in two ways (number and
// LID) counts as two.
func (p *sendParams) OrderKey() string { return orderOf(p.To) }

func orderOf(chat string) string {
	jid, err := wa.ParseJID("", chat)
	if err != nil {
		return "" // rejected later, by the bridge
	}
	return "send " + jid.String()
}

// options takes the message id from the params, or from the idempotency key of the call: then a repeat is not sent
// twice even when the outcome of the first call is unknown.
func (p *sendParams) options(call *rpc.Call) *outbound.SendOptions {
	return &outbound.SendOptions{
		MessageID: cmp.Or(p.MessageID, shared.MessageID(call, 0)), ReplyTo: p.ReplyTo, Mentions: p.Mentions, MentionAll: p.MentionAll, Forwarded: p.Forwarded,
		DisappearingSeconds: p.DisappearingSeconds, TypingSeconds: p.TypingSeconds, CheckRecipient: p.CheckRecipient,
		MarkRead: p.MarkRead, Echo: p.Echo,
	}
}

type messageSendParams struct {
	sendParams
	Content message.Content `json:"content" rpc:"required" doc:"content object: {type, ...the params of the matching typed method}"`
}

type sendTextParams struct {
	sendParams
	Text        string           `json:"text" rpc:"required,min=1,max=65536" doc:"up to 65536 characters"`
	Verbatim    bool             `json:"verbatim" doc:"also send a text of nothing but white space; default false"`
	LinkPreview bool             `json:"link_preview" doc:"fetch a preview for the first link; default false"`
	Preview     *message.Preview `json:"preview" doc:"ready-made preview instead of fetching"`
}

type sendImageParams struct {
	sendParams
	Media     message.MediaSource  `json:"media" rpc:"required" doc:"jpeg, png, gif or webp"`
	Caption   string               `json:"caption" rpc:"max=65536" doc:"text under the image"`
	ViewOnce  bool                 `json:"view_once" doc:"opens once; excludes disappearing_seconds"`
	Thumbnail *message.MediaSource `json:"thumbnail" doc:"small jpeg; made when absent"`
}

type sendVideoParams struct {
	sendParams
	Media       message.MediaSource  `json:"media" rpc:"required" doc:"mp4 or 3gpp, H.264 and AAC"`
	Caption     string               `json:"caption" rpc:"max=65536" doc:"text under the video; not for video notes"`
	VideoNote   bool                 `json:"video_note" doc:"round video note; default false"`
	GIFPlayback bool                 `json:"gif_playback" doc:"loop without sound; default false"`
	ViewOnce    bool                 `json:"view_once" doc:"opens once; excludes disappearing_seconds"`
	Thumbnail   *message.MediaSource `json:"thumbnail" doc:"small jpeg; none when absent"`
}

type sendAudioParams struct {
	sendParams
	Media     message.MediaSource `json:"media" rpc:"required" doc:"ogg/opus, mp3, aac, m4a or wav"`
	VoiceNote bool                `json:"voice_note" doc:"voice note with waveform; needs ogg/opus, converted when possible; default false"`
	ViewOnce  bool                `json:"view_once" doc:"opens once; excludes disappearing_seconds"`
}

type sendDocumentParams struct {
	sendParams
	Media     message.MediaSource  `json:"media" rpc:"required" doc:"the file; media.filename is shown"`
	Caption   string               `json:"caption" rpc:"max=65536" doc:"text under the file"`
	Verbatim  bool                 `json:"verbatim" doc:"show media.filename as it is, also with slashes; default false"`
	Thumbnail *message.MediaSource `json:"thumbnail" doc:"small jpeg"`
}

type sendStickerParams struct {
	sendParams
	Media      message.MediaSource  `json:"media" rpc:"required" doc:"webp, or an image or video to convert"`
	PackName   string               `json:"pack_name" rpc:"max=128" doc:"sticker pack name written into the file"`
	PackAuthor string               `json:"pack_author" rpc:"max=128" doc:"author written into the file"`
	PackEmojis []string             `json:"pack_emojis" rpc:"max=32,each.max=64" doc:"emojis written into the file"`
	Thumbnail  *message.MediaSource `json:"thumbnail" doc:"small picture shown before the sticker is loaded; none when absent"`
}

type sendLocationParams struct {
	sendParams
	Latitude  float64 `json:"latitude" rpc:"required,min=-90,max=90" doc:"degrees; 0 is valid"`
	Longitude float64 `json:"longitude" rpc:"required,min=-180,max=180" doc:"degrees; 0 is valid"`
	Name      string  `json:"name" rpc:"max=1024" doc:"name of the place"`
	Address   string  `json:"address" rpc:"max=1024" doc:"address line"`
}

type sendContactParams struct {
	sendParams
	Contacts []message.ContactCard `json:"contacts" rpc:"required,min=1,max=100" doc:"{name, vcard} or {contact}"`
	Verbatim bool                  `json:"verbatim" doc:"also send a vcard that does not begin with BEGIN:VCARD; default false"`
}

type sendPollParams struct {
	sendParams
	Question        string   `json:"question" rpc:"required,min=1,max=255" doc:"question of the poll"`
	Options         []string `json:"options" rpc:"required,min=2,max=12,each.min=1,each.max=100" doc:"2 to 12 answers"`
	SelectableCount *int     `json:"selectable_count" rpc:"min=0,max=12" doc:"number of answers that may be chosen; 0 = any number; default 1"`
}

type sendEventParams struct {
	sendParams
	Name               string                 `json:"name" rpc:"required,min=1,max=1024" doc:"title"`
	Description        string                 `json:"description" rpc:"max=2048" doc:"text"`
	StartAt            time.Time              `json:"start_at" rpc:"required" doc:"begin"`
	EndAt              *time.Time             `json:"end_at" doc:"end"`
	Location           *message.EventLocation `json:"location" doc:"{name, latitude, longitude}"`
	ExtraGuestsAllowed bool                   `json:"extra_guests_allowed" doc:"guests may bring others"`
	Canceled           bool                   `json:"canceled" doc:"marks a cancellation"`
	ScheduledCall      bool                   `json:"scheduled_call" doc:"the event is a call"`
}

// registerSend registers a typed send: content returns the content object of its params.
func registerSend[P any](reg *rpc.Registry, d Deps, name, summary string, split func(*P) (*sendParams, *message.Content)) {
	registerSendAs(reg, d, rpc.Method{Name: name, Summary: summary}, split)
}

func registerSendAs[P any](reg *rpc.Registry, d Deps, m rpc.Method, split func(*P) (*sendParams, *message.Content)) {
	m.Timeout, m.Repeatable = sendTimeout, true
	shared.OnSessionCall(reg, d.Bridge, m,
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *P) (*outbound.Sent, error) {
			to, content := split(p)
			return s.Messages().Send(ctx, to.To, content, to.options(call))
		})
}

func registerSends(reg *rpc.Registry, d Deps) {
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{
		Name: "message.send", Summary: "Send a message of any kind, described by one content object.", Timeout: sendTimeout, Repeatable: true,
	},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageSendParams) (*outbound.Sent, error) {
			options := p.options(call)
			options.ContentField = "content"
			return s.Messages().Send(ctx, p.To, &p.Content, options)
		})
	registerSend(reg, d, "message.sendText", "Send text, with a link preview if wanted.", func(p *sendTextParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "text", Text: p.Text, Verbatim: p.Verbatim, LinkPreview: p.LinkPreview, Preview: p.Preview}
	})
	registerSend(reg, d, "message.sendImage", "Send an image.", func(p *sendImageParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "image", Media: &p.Media, Caption: p.Caption, ViewOnce: p.ViewOnce, Thumbnail: p.Thumbnail}
	})
	registerSend(reg, d, "message.sendVideo", "Send a video, a looping gif or a round video note.", func(p *sendVideoParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{
			Type: "video", Media: &p.Media, Caption: p.Caption, VideoNote: p.VideoNote, GIFPlayback: p.GIFPlayback, ViewOnce: p.ViewOnce,
			Thumbnail: p.Thumbnail,
		}
	})
	registerSend(reg, d, "message.sendAudio", "Send an audio file or a voice note.", func(p *sendAudioParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "audio", Media: &p.Media, VoiceNote: p.VoiceNote, ViewOnce: p.ViewOnce}
	})
	registerSend(reg, d, "message.sendDocument", "Send a file of any type.", func(p *sendDocumentParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "document", Media: &p.Media, Verbatim: p.Verbatim, Caption: p.Caption, Thumbnail: p.Thumbnail}
	})
	registerSend(reg, d, "message.sendSticker", "Send a sticker.", func(p *sendStickerParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "sticker", Media: &p.Media, PackName: p.PackName, PackAuthor: p.PackAuthor, PackEmojis: p.PackEmojis, Thumbnail: p.Thumbnail}
	})
	registerSend(reg, d, "message.sendLocation", "Send a place.", func(p *sendLocationParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "location", Latitude: &p.Latitude, Longitude: &p.Longitude, Name: p.Name, Address: p.Address}
	})
	registerSend(reg, d, "message.sendContact", "Send one or more contact cards.", func(p *sendContactParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "contact", Contacts: p.Contacts, Verbatim: p.Verbatim}
	})
	registerSend(reg, d, "message.sendPoll", "Send a poll.", func(p *sendPollParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{Type: "poll", Question: p.Question, Options: p.Options, SelectableCount: p.SelectableCount}
	})
	registerSend(reg, d, "message.sendEvent", "Send a calendar event.", func(p *sendEventParams) (*sendParams, *message.Content) {
		return &p.sendParams, &message.Content{
			Type: "event", Name: p.Name, Description: p.Description, StartAt: &p.StartAt, EndAt: p.EndAt, Location: p.Location,
			ExtraGuestsAllowed: p.ExtraGuestsAllowed, Canceled: p.Canceled, ScheduledCall: p.ScheduledCall,
		}
	})
	registerInteractiveSends(reg, d)
}
