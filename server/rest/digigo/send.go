package digigo

import (
	"fmt"
	"net/url"
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/transports/kit/base64text"
)

func sendRoutes() []rest.Route {
	text := []rest.Option{rest.NeedsBody()}
	file := []rest.Option{rest.NeedsBody(), rest.TakesFiles()}
	with := func(options []rest.Option, param string) []rest.Option {
		return append(options[:len(options):len(options)], rest.With(rest.Params{param: true}))
	}
	return []rest.Route{
		rest.Pass[textRequest, sent]("POST", "/chat/send/text", "message.sendText", with(text, "verbatim")...),
		rest.Pass[linkRequest, sent]("POST", "/chat/send/link", "message.sendText", with(text, "link_preview")...),
		rest.Pass[editRequest, edited]("POST", "/chat/send/edit", "message.edit", text...),
		rest.Pass[imageRequest, sent]("POST", "/chat/send/image", "message.sendImage", file...),
		rest.Pass[audioRequest, sent]("POST", "/chat/send/audio", "message.sendAudio", with(file, "voice_note")...),
		rest.Pass[documentRequest, sent]("POST", "/chat/send/document", "message.sendDocument", with(file, "verbatim")...),
		rest.Pass[videoRequest, sent]("POST", "/chat/send/video", "message.sendVideo", file...),
		rest.Pass[videoNoteRequest, sent]("POST", "/chat/send/ptv", "message.sendVideo", with(file, "video_note")...),
		rest.Pass[stickerRequest, sent]("POST", "/chat/send/sticker", "message.sendSticker", file...),
		rest.Pass[locationRequest, sent]("POST", "/chat/send/location", "message.sendLocation", text...),
		rest.Pass[contactRequest, sent]("POST", "/chat/send/contact", "message.sendContact", with(text, "verbatim")...),
		rest.Pass[pollRequest, pollSent]("POST", "/chat/send/poll", "message.sendPoll", text...),
		rest.Pass[eventRequest, sent]("POST", "/chat/send/event", "message.sendEvent", text...),
		rest.Pass[listRequest, sent]("POST", "/chat/send/list", "message.sendList", text...),
		rest.Row("POST", "/chat/send/buttons", "message.sendButtons", sendButtons, append(file, rest.Reads[sent]("message.sendButtons"))...),
		rest.Pass[flowRequest, sent]("POST", "/chat/send/flow", "message.sendNativeFlow", file...),
		rest.Pass[carouselRequest, sent]("POST", "/chat/send/carousel", "message.sendCarousel", file...),
	}
}

// sendOptions are the fields of every send beside its recipient and content. The document leaves some of them out of some operations.
type sendOptions struct {
	ID          string       `rest:"Id,param=/message_id" doc:"message id; made when missing"`
	Presence    typingTime   `rest:",param=/typing_seconds" doc:"show typing, or recording, this long before; milliseconds"`
	Duration    *int         `rest:",param=/disappearing_seconds" doc:"lifetime in seconds: 86400, 604800 or 7776000; default that of the chat"`
	NumberCheck bool         `rest:",param=/check_recipient" doc:"send nothing if the number is not on WhatsApp"`
	EchoAPI     *bool        `rest:"EchoApi,param=/echo" doc:"whether the message is an event; default the session's setting"`
	ContextInfo *contextInfo `rest:",param=/reply_to" doc:"the message replied to, and people mentioned"`
}

type address struct {
	Phone string `rest:",required,param=/to" doc:"number, or JID of a person or group"`
	sendOptions
}

// typingTime is a time in milliseconds.
type typingTime int

// ToParam implements rest.Converter.
func (ms typingTime) ToParam(string) (any, error) { return float64(ms) / 1000, nil }

type mentions struct {
	JIDs []string `rest:"mentionedJID,param=/mentions" doc:"people mentioned in the text"`
	All  bool     `rest:"mentionAll,param=/mention_all" doc:"mention all members of the group"`
}

// contextInfo may be empty: a reply needs stanzaID and participant, a mention neither.
type contextInfo struct {
	StanzaID    string         `rest:"stanzaID,param=/reply_to/message_id" doc:"id of the message replied to"`
	Participant string         `rest:"participant,param=/reply_to/sender" doc:"its sender"`
	Quoted      *quotedMessage `rest:"quotedMessage" doc:"its text, if the server does not have it"`
	Forwarded   bool           `rest:"isForwarded,param=/forwarded" doc:"mark as forwarded"`
	mentions
}

type quotedMessage struct {
	Conversation string `rest:"conversation,param=/reply_to/text" doc:"the text"`
}

// CompleteParams implements rest.Completer.
func (c *contextInfo) CompleteParams(p rest.Params) error {
	switch {
	case c.StanzaID != "" && c.Participant == "":
		return rest.Missing("ContextInfo.participant", "")
	case c.StanzaID == "" && c.Participant != "":
		return rest.Missing("ContextInfo.stanzaID", "")
	case c.StanzaID == "":
		delete(p, "reply_to")
	}
	return nil
}

// sent is the answer of most sends.
type sent struct {
	Details   string    `from:"=Sent"`
	ID        string    `json:"Id" from:"/message_id"`
	Timestamp time.Time `from:"/timestamp"`
}

type edited struct {
	Details string `from:"=Message edited successfully"`
	ID      string `json:"Id" from:"/message_id"`
}

type pollSent struct {
	Details string `from:"=Poll sent successfully"`
	ID      string `json:"Id" from:"/message_id"`
}

type textRequest struct {
	address
	Body        string `rest:",required,param=/text" max:"4096" doc:"the text"`
	LinkPreview bool   `rest:",param=/link_preview" doc:"fetch a preview for the first link"`
}

type linkRequest struct {
	address
	Link    string `rest:",required,param=/text" doc:"http(s) address"`
	Caption string `max:"1024" doc:"line above it"`
}

// CompleteParams implements rest.Completer.
func (in *linkRequest) CompleteParams(p rest.Params) error {
	if u, err := url.Parse(in.Link); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return rest.Bad("Link", "", "must be an http(s) address")
	}
	if in.Caption != "" {
		p["text"] = in.Caption + "\n" + in.Link
	}
	return nil
}

// editRequest changes the text alone: quote and forwarding stay, whatever ContextInfo has.
type editRequest struct {
	ID          string       `rest:"Id,required,param=/message_id" doc:"the message"`
	Phone       string       `rest:",required,param=/chat" doc:"its chat"`
	Body        string       `rest:",required,param=/text" max:"4096" doc:"the new text"`
	ContextInfo *editContext `doc:"who is mentioned in it"`
}

type editContext struct {
	mentions
	StanzaID    string `rest:"StanzaId" max:"128" doc:"not used"`
	Participant string `max:"128" doc:"not used"`
	IsForwarded bool   `doc:"not used"`
}

// source is a file: a data URL or an http(s) address.
type source string

// ToParam implements rest.Converter.
func (s source) ToParam(field string) (any, error) { return limited(field, string(s), 0) }

// thumbnail is a picture in base64.
type thumbnail string

// ToParam implements rest.Converter.
func (s thumbnail) ToParam(string) (any, error) { return rest.Params{"base64": string(s)}, nil }

// image is a picture of at most 5 MB.
type image string

// ToParam implements rest.Converter.
func (s image) ToParam(field string) (any, error) { return limited(field, string(s), 5) }

// audio is a recording of at most 16 MB.
type audio string

// ToParam implements rest.Converter.
func (s audio) ToParam(field string) (any, error) { return limited(field, string(s), 16) }

// limited returns the file of a field. A file in the request may have so many megabytes, 0 = no limit but the server's.
func limited(field, text string, megabytes int) (any, error) {
	params := (&rest.File{Text: text}).Media()
	_, content, ok := base64text.Split(text)
	switch {
	case params["url"] == nil && !ok:
		return nil, rest.Bad(field, "", "must be a data URL in base64 or an http(s) address")
	case megabytes > 0 && len(content)/4*3 > megabytes<<20:
		return nil, rest.Bad(field, "", fmt.Sprintf("is larger than %d MB", megabytes))
	}
	return params, nil
}

type imageRequest struct {
	address
	Image    image  `rest:",required,param=/media" doc:"data URL or address; at most 5 MB"`
	Caption  string `rest:",param=/caption" max:"1024" doc:"text under it"`
	MimeType string `rest:",param=/media/mime_type" doc:"detected when missing"`
	ViewOnce bool   `rest:",param=/view_once" doc:"opens once; excludes Duration"`
}

type audioRequest struct {
	address
	Audio    audio  `rest:",required,param=/media" doc:"data URL or address; at most 16 MB"`
	Caption  string `max:"1024" doc:"not sent: WhatsApp's audio messages have no text"`
	MimeType string `rest:",param=/media/mime_type" doc:"detected when missing"`
	PTT      *bool  `rest:",param=/voice_note" doc:"voice note; default true"`
	ViewOnce bool   `rest:",param=/view_once" doc:"opens once; excludes Duration"`
}

type documentRequest struct {
	address
	Document source `rest:",required,param=/media" doc:"data URL or address"`
	FileName string `rest:",required,param=/media/filename" doc:"name shown"`
	Caption  string `rest:",param=/caption" doc:"text under it"`
	MimeType string `rest:",param=/media/mime_type" doc:"detected when missing"`
}

type videoNoteRequest struct {
	address
	Video source `rest:",required,param=/media" doc:"data URL or address"`
}

type videoRequest struct {
	videoNoteRequest
	Caption       string    `rest:",param=/caption" doc:"text under it"`
	MimeType      string    `rest:",param=/media/mime_type" doc:"detected when missing"`
	JPEGThumbnail thumbnail `rest:",param=/thumbnail" doc:"base64"`
	ViewOnce      bool      `rest:",param=/view_once" doc:"opens once; excludes Duration"`
}

type stickerRequest struct {
	address
	Sticker      source    `rest:",required,param=/media" doc:"data URL or address"`
	MimeType     string    `rest:",param=/media/mime_type" doc:"detected when missing"`
	PNGThumbnail thumbnail `rest:"PngThumbnail,param=/thumbnail" doc:"base64"`
}

type locationRequest struct {
	address
	Latitude  *float64 `rest:",required,param=/latitude" doc:"degrees"`
	Longitude *float64 `rest:",required,param=/longitude" doc:"degrees"`
	Name      string   `rest:",param=/name" doc:"name of the place"`
}

type contactRequest struct {
	address
	Name  string `rest:",required,param=/contacts/0/name" doc:"name shown"`
	Vcard string `rest:",required,param=/contacts/0/vcard" doc:"the card"`
}

type pollRequest struct {
	Group     string    `rest:",required,param=/to" also:"Phone" doc:"JID of a group or person, or number"`
	Header    string    `rest:",required,param=/question" also:"Question" doc:"the question"`
	Options   []string  `rest:",required,param=/options" doc:"2 to 12 answers"`
	MaxAnswer maxAnswer `rest:",param=/selectable_count" doc:"1 = one answer, which is the default; another number = any number of answers"`
	sendOptions
}

type maxAnswer int

// ToParam implements rest.Converter.
func (n maxAnswer) ToParam(string) (any, error) {
	if n != 1 {
		return 0, nil
	}
	return 1, nil
}

type eventRequest struct {
	address
	Name         string         `rest:",required,param=/name" max:"255" bad:"Missing required field: Name or StartTime" doc:"title"`
	Description  string         `rest:",param=/description" max:"1024" doc:"text"`
	StartTime    unixSeconds    `rest:",required,param=/start_at" bad:"Missing required field: Name or StartTime" doc:"Unix seconds"`
	EndTime      unixSeconds    `rest:",param=/end_at" doc:"Unix seconds"`
	ExtraGuests  bool           `rest:"ExtraGuestsAllowed,param=/extra_guests_allowed" doc:"guests may bring others"`
	IsCanceled   bool           `rest:",param=/canceled" doc:"marks a cancellation"`
	ScheduleCall bool           `rest:"IsScheduleCall,param=/scheduled_call" doc:"the event is a call"`
	Location     *eventLocation `doc:"where"`
	MentionInfo  *mentions      `doc:"as in ContextInfo"`
}

type eventLocation struct {
	Name      string   `rest:",param=/location/name" max:"255" doc:"name of the place"`
	Latitude  *float64 `rest:"DegreesLatitude,param=/location/latitude" doc:"degrees"`
	Longitude *float64 `rest:"DegreesLongitude,param=/location/longitude" doc:"degrees"`
}
