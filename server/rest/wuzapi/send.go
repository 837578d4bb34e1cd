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
	badAudio    = `Audio data should start with "data:audio/ogg;base64,"`
	badDocument = `Document data should start with "data:application/octet-stream;base64,"`
)

func sendRoutes() []rest.Route {
	text := []rest.Option{rest.NeedsBody(), rest.FailText(sendFailed)}
	file := append(text[:len(text):len(text)], rest.TakesFiles())
	return []rest.Route{
		rest.Row("POST", "/chat/send/text", "message.sendText", sendText, text...),
		rest.Row("POST", "/chat/send/template", "message.sendButtons", sendTemplate, text...),
		rest.Row("POST", "/chat/send/audio", "message.sendAudio", sendAudio, file...),
		rest.Row("POST", "/chat/send/image", "message.sendImage", sendImage, file...),
		rest.Row("POST", "/chat/send/document", "message.sendDocument", sendDocument, file...),
		rest.Row("POST", "/chat/send/video", "message.sendVideo", sendVideo, file...),
		rest.Row("POST", "/chat/send/sticker", "message.sendSticker", sendSticker, file...),
		rest.Row("POST", "/chat/send/location", "message.sendLocation", sendLocation, text...),
		rest.Row("POST", "/chat/send/contact", "message.sendContact", sendContact, text...),
	}
}

// envelopeOf is what every send takes beside its content.
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

// into adds the params of a send.
func (c *contextInfo) into(content rest.Params) error {
	switch {
	case c.StanzaID != "" && c.Participant == "":
		return rest.Missing("ContextInfo.Participant", "")
	case c.StanzaID == "" && c.Participant != "":
		return rest.Missing("ContextInfo.StanzaId", "")
	case c.StanzaID != "":
		content["reply_to"] = rest.Params{"message_id": c.StanzaID, "sender": c.Participant}
	}
	if len(c.MentionedJID) > 0 {
		content["mentions"] = c.MentionedJID
	}
	if c.IsForwarded {
		content["forwarded"] = true
	}
	return nil
}

// sent is the answer of every send.
type sent struct {
	Details   string
	ID        string `json:"Id"`
	Timestamp time.Time
}

// send calls a method with its content and the address.
func (a *address) send(x *rest.Exchange, method string, content rest.Params) (*sent, error) {
	content["to"] = a.Phone
	if a.ID != "" {
		content["message_id"] = a.ID
	}
	if a.ContextInfo != nil {
		if err := a.ContextInfo.into(content); err != nil {
			return nil, err
		}
	}
	var result struct {
		MessageID string `json:"message_id"`
		Timestamp time.Time
	}
	if err := x.Call(method, content, &result); err != nil {
		return nil, err
	}
	return &sent{"Sent", result.MessageID, result.Timestamp}, nil
}

type textRequest struct {
	address
	Body string `rest:",required,param=/text" doc:"the text"`
}

func sendText(x *rest.Exchange, in *textRequest) (*sent, error) {
	return in.send(x, "message.sendText", rest.Params{"text": in.Body, "verbatim": true})
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

func sendTemplate(x *rest.Exchange, in *templateRequest) (*sent, error) {
	buttons := make([]rest.Params, len(in.Buttons))
	for i, b := range in.Buttons {
		button := rest.Params{"type": "reply", "label": b.DisplayText}
		switch b.Type {
		case "url":
			button["type"], button["url"] = "url", b.URL
		case "call":
			button["type"], button["phone"] = "call", b.PhoneNumber
		default:
			if b.ID != "" {
				button["id"] = b.ID
			}
		}
		buttons[i] = button
	}
	content := rest.Params{"text": in.Content, "buttons": buttons}
	if in.Footer != "" {
		content["footer"] = in.Footer
	}
	return in.send(x, "message.sendButtons", content)
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

type audioRequest struct {
	address
	Audio string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL; what is not ogg with opus is converted"`
	PTT   *bool  `rest:",param=/voice_note" doc:"voice note; default true"`
}

func sendAudio(x *rest.Exchange, in *audioRequest) (*sent, error) {
	media, err := dataURL("Audio", in.Audio, "data:audio", badAudio)
	if err != nil {
		return nil, err
	}
	return in.send(x, "message.sendAudio", rest.Params{"media": media, "voice_note": in.PTT == nil || *in.PTT})
}

type imageRequest struct {
	address
	Image   string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	Caption string `rest:",param=/caption" doc:"text under it"`
}

func sendImage(x *rest.Exchange, in *imageRequest) (*sent, error) {
	media, err := dataURL("Image", in.Image, "data:image", badImage)
	if err != nil {
		return nil, err
	}
	return in.send(x, "message.sendImage", rest.Params{"media": media, "caption": in.Caption})
}

type documentRequest struct {
	address
	Document string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL of type application/octet-stream"`
	FileName string `rest:",required,param=/media/filename" doc:"name shown"`
	Caption  string `rest:",param=/caption" doc:"text under it"`
}

func sendDocument(x *rest.Exchange, in *documentRequest) (*sent, error) {
	media, err := dataURL("Document", in.Document, "data:application/octet-stream", badDocument)
	if err != nil {
		return nil, err
	}
	media["filename"] = in.FileName
	return in.send(x, "message.sendDocument", rest.Params{"media": media, "caption": in.Caption, "verbatim": true})
}

type videoRequest struct {
	address
	Video         string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	Caption       string `rest:",param=/caption" doc:"text under it"`
	JPEGThumbnail string `rest:"JpegThumbnail,param=/thumbnail" bad:"Could not decode base64 encoded data from payload" doc:"base64"`
}

func sendVideo(x *rest.Exchange, in *videoRequest) (*sent, error) {
	media, err := dataURL("Video", in.Video, "data:", badDataURL)
	if err != nil {
		return nil, err
	}
	content := rest.Params{"media": media, "caption": in.Caption}
	if in.JPEGThumbnail != "" {
		content["thumbnail"] = rest.Params{"base64": in.JPEGThumbnail}
	}
	return in.send(x, "message.sendVideo", content)
}

type stickerRequest struct {
	address
	Sticker      string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL"`
	PNGThumbnail string `rest:"PngThumbnail,param=/thumbnail" bad:"Could not decode base64 encoded data from payload" doc:"base64"`
}

func sendSticker(x *rest.Exchange, in *stickerRequest) (*sent, error) {
	media, err := dataURL("Sticker", in.Sticker, "data:", badDataURL)
	if err != nil {
		return nil, err
	}
	content := rest.Params{"media": media}
	if in.PNGThumbnail != "" {
		content["thumbnail"] = rest.Params{"base64": in.PNGThumbnail}
	}
	return in.send(x, "message.sendSticker", content)
}

type locationRequest struct {
	address
	Latitude  *float64 `rest:",required,param=/latitude" doc:"degrees"`
	Longitude *float64 `rest:",required,param=/longitude" doc:"degrees"`
	Name      string   `rest:",param=/name" doc:"name of the place"`
}

func sendLocation(x *rest.Exchange, in *locationRequest) (*sent, error) {
	return in.send(x, "message.sendLocation", rest.Params{"latitude": *in.Latitude, "longitude": *in.Longitude, "name": in.Name})
}

type contactRequest struct {
	address
	Name  string `rest:",required,param=/contacts/0/name" doc:"name shown"`
	Vcard string `rest:",required,param=/contacts/0/vcard" doc:"the card"`
}

func sendContact(x *rest.Exchange, in *contactRequest) (*sent, error) {
	return in.send(x, "message.sendContact", rest.Params{"contacts": []rest.Params{{"name": in.Name, "vcard": in.Vcard}}, "verbatim": true})
}
