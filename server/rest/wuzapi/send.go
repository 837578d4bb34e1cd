package wuzapi

import (
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/transports/kit/base64text"
)

const (
	sendFailed   = "Error sending message: %s"
	uploadFailed = "Failed to upload file: %s"

	badBase64   = "Could not decode base64 encoded data from payload"
	badDataURL  = `Data should start with "data:mime/type;base64,"`
	badImage    = `Image data should start with "data:image/png;base64,"`
	badPhoto    = `Image data should start with "data:image/jpeg;base64,"`
	badAudio    = `Audio data should start with "data:audio/ogg;base64,"`
	badDocument = `Document data should start with "data:application/octet-stream;base64,"`
)

func sendRoutes() []rest.Route {
	text := []rest.Option{rest.NeedsBody(), rest.FailText(sendFailed)}
	file := append(text[:len(text):len(text)], rest.TakesFiles())
	verbatim := rest.With(rest.Params{"verbatim": true})
	return []rest.Route{
		rest.Pass[textRequest, sent]("POST", "/chat/send/text", "message.sendText", append(text, verbatim)...),
		rest.Pass[templateRequest, sent]("POST", "/chat/send/template", "message.sendButtons", text...),
		rest.Pass[audioRequest, sent]("POST", "/chat/send/audio", "message.sendAudio", append(file, rest.With(rest.Params{"voice_note": true}))...),
		rest.Pass[imageRequest, sent]("POST", "/chat/send/image", "message.sendImage", file...),
		rest.Pass[documentRequest, sent]("POST", "/chat/send/document", "message.sendDocument", append(file, verbatim)...),
		rest.Pass[videoRequest, sent]("POST", "/chat/send/video", "message.sendVideo", file...),
		rest.Pass[stickerRequest, sent]("POST", "/chat/send/sticker", "message.sendSticker", file...),
		rest.Pass[locationRequest, sent]("POST", "/chat/send/location", "message.sendLocation", text...),
		rest.Pass[contactRequest, sent]("POST", "/chat/send/contact", "message.sendContact", append(text, verbatim)...),
	}
}

// address has the fields of every send beside its content.
type address struct {
	Phone       string       `rest:",required,param=/to" bad:"Could not parse Phone" doc:"number, or JID of a person or group"`
	ID          string       `rest:"Id,param=/message_id" doc:"message id; made when missing"`
	ContextInfo *contextInfo `rest:",param=/reply_to" doc:"the message replied to, and who is mentioned"`
}

// contextInfo may be empty: a reply needs both of its fields, a mention none.
type contextInfo struct {
	StanzaID     string   `rest:"StanzaId,param=/reply_to/message_id" doc:"id of the message replied to; needs Participant"`
	Participant  string   `rest:",param=/reply_to/sender" doc:"who sent it"`
	MentionedJID []string `rest:",param=/mentions" doc:"people mentioned in the text"`
	IsForwarded  bool     `rest:",param=/forwarded" doc:"mark as forwarded"`
}

// CompleteParams implements rest.Completer.
func (c *contextInfo) CompleteParams(rest.Params) error {
	switch {
	case c.StanzaID != "" && c.Participant == "":
		return rest.Missing("ContextInfo.Participant", "")
	case c.StanzaID == "" && c.Participant != "":
		return rest.Missing("ContextInfo.StanzaId", "")
	}
	return nil
}

// sent is the answer of every send.
type sent struct {
	Details   string    `from:"=Sent"`
	ID        string    `json:"Id" from:"/message_id"`
	Timestamp time.Time `from:"/timestamp"`
}

type textRequest struct {
	address
	Body string `rest:",required,param=/text" doc:"the text"`
}

type templateRequest struct {
	address
	Content string           `rest:",required,param=/text" doc:"the text"`
	Footer  string           `rest:",param=/footer" doc:"line below"`
	Buttons []templateButton `rest:",required,param=/buttons" doc:"up to three replies, a link and a call"`
}

type templateButton struct {
	DisplayText string `rest:",param=/label" doc:"label"`
	Type        string `enum:"quickreply|url|call" doc:"anything else is a reply"`
	URL         string `rest:"Url,param=/url" doc:"of type url"`
	PhoneNumber string `rest:",param=/phone" doc:"of type call"`
	ID          string `rest:"Id,param=/id" doc:"of type quickreply"`
}

// CompleteParams implements rest.Completer: a button has the params of its type.
func (b *templateButton) CompleteParams(p rest.Params) error {
	id := p["id"]
	clear(p)
	p["type"], p["label"] = "reply", b.DisplayText
	switch b.Type {
	case "url":
		p["type"], p["url"] = "url", b.URL
	case "call":
		p["type"], p["phone"] = "call", b.PhoneNumber
	default:
		if id != nil {
			p["id"] = id
		}
	}
	return nil
}

// Data URLs by the prefix that the document wants.
type (
	imageURL    string
	photoURL    string
	audioURL    string
	documentURL string
	anyURL      string
)

// ToParam implements rest.Converter.
func (u imageURL) ToParam(field string) (any, error) {
	return dataURL(field, string(u), "data:image", badImage)
}

// ToParam implements rest.Converter.
func (u photoURL) ToParam(field string) (any, error) {
	return dataURL(field, string(u), "data:image", badPhoto)
}

// ToParam implements rest.Converter.
func (u audioURL) ToParam(field string) (any, error) {
	return dataURL(field, string(u), "data:audio", badAudio)
}

// ToParam implements rest.Converter.
func (u documentURL) ToParam(field string) (any, error) {
	return dataURL(field, string(u), "data:application/octet-stream", badDocument)
}

// ToParam implements rest.Converter.
func (u anyURL) ToParam(field string) (any, error) {
	return dataURL(field, string(u), "data:", badDataURL)
}

// dataURL returns the file of a field that must be a data URL with a prefix. The label of the data URL says no more than
// that: the file's type is recognised by its bytes.
func dataURL(field, value, prefix, text string) (rest.Params, error) {
	if len(value) < len(prefix) || !strings.EqualFold(value[:len(prefix)], prefix) {
		return nil, rest.Bad(field, text, "must begin with "+prefix)
	}
	_, content, ok := base64text.Split(value)
	if !ok {
		return nil, rest.Bad(field, badBase64, "must be base64")
	}
	return rest.Params{"base64": content}, nil
}

// thumbnail is a picture in base64.
type thumbnail string

// ToParam implements rest.Converter.
func (t thumbnail) ToParam(string) (any, error) { return rest.Params{"base64": string(t)}, nil }

type audioRequest struct {
	address
	Audio audioURL `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL; what is not ogg with opus is converted"`
	PTT   *bool    `rest:",param=/voice_note" doc:"voice note; default true"`
}

type imageRequest struct {
	address
	Image   imageURL `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	Caption string   `rest:",param=/caption" doc:"text under it"`
}

type documentRequest struct {
	address
	Document documentURL `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL of type application/octet-stream"`
	FileName string      `rest:",required,param=/media/filename" doc:"name shown"`
	Caption  string      `rest:",param=/caption" doc:"text under it"`
}

type videoRequest struct {
	address
	Video         anyURL    `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	Caption       string    `rest:",param=/caption" doc:"text under it"`
	JPEGThumbnail thumbnail `rest:"JpegThumbnail,param=/thumbnail" bad:"Could not decode base64 encoded data from payload" doc:"base64"`
}

type stickerRequest struct {
	address
	Sticker      anyURL    `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	PNGThumbnail thumbnail `rest:"PngThumbnail,param=/thumbnail" bad:"Could not decode base64 encoded data from payload" doc:"base64"`
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
