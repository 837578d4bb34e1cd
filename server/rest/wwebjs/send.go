package wwebjs

import (
	"encoding/base64"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// Texts for unknown content types.
const (
	badContentType      = "contentType invalid, must be string, MessageMedia, MessageMediaFromURL, Location, Buttons, List, Contact or Poll"
	badReplyContentType = "contentType invalid, must be string, MessageMedia, MessageMediaFromURL, Location, Contact or Poll"
)

func sendRoutes() []rest.Route {
	replies := contentForms[replied]("message.get message.send", rest.Adjust(findMessage))
	replies[""] = replies["string"]
	return []rest.Route{
		rest.OneOf("POST", "/client/sendMessage/{sessionId}", "contentType", contentForms[sent]("message.send"), rest.TakesFiles()),
		rest.OneOf("POST", "/message/reply/{sessionId}", "contentType", replies, rest.TakesFiles(), rest.Family(familyMessage)),
	}
}

// contentForms returns the forms of a message by its content type. calls are the methods; the last one sends it.
func contentForms[Out any](calls string, options ...rest.Option) map[string]rest.Route {
	with := func(kind string) []rest.Option {
		content := rest.Params{"type": kind, "link_preview": true}
		return append(options[:len(options):len(options)], rest.With(rest.Params{"mark_read": true, "content": content}))
	}
	return map[string]rest.Route{
		"string":              rest.Pass[sendText, Out]("", "", calls, with("text")...),
		"MessageMedia":        rest.Pass[sendMedia, Out]("", "", calls, with(kindFile)...),
		"MessageMediaFromURL": rest.Pass[sendLinkedMedia, Out]("", "", calls, with(kindFile)...),
		"Location":            rest.Pass[sendLocation, Out]("", "", calls, with("location")...),
		"Buttons":             rest.Pass[sendButtons, Out]("", "", calls, with("buttons")...),
		"List":                rest.Pass[sendList, Out]("", "", calls, with("list")...),
		"Contact":             rest.Pass[sendContact, Out]("", "", calls, with("contact")...),
		"Poll":                rest.Pass[sendPoll, Out]("", "", calls, with("poll")...),
	}
}

const kindFile = "file"

// findMessage rejects an answer to a message that is not stored.
func findMessage(x *rest.Exchange, p rest.Params) error {
	reply, ok := p["reply_to"].(rest.Params)
	if !ok {
		return rest.Missing("messageId", "")
	}
	chat := p["to"]
	if reply["chat"] != nil {
		chat = reply["chat"]
	}
	return x.Call("message.get", rest.Params{"message_id": reply["message_id"], "chat": chat}, nil)
}

type sent struct {
	done
	Message message `json:"message" from:"/message"`
}

type replied struct {
	done
	Message message `json:"repliedMessage" from:"/message"`
}

// sendRequest has the fields of all content types.
type sendRequest struct {
	sessionRequest
	Chat        chatID       `rest:"chatId,required,param=/to" doc:"id of the chat"`
	Destination chatID       `rest:"destinationChatId,param=/to" max:"128" doc:"of an answer: chat to send it to, if not that of the message"`
	Message     messageID    `rest:"messageId,param=/reply_to/message_id" max:"300" doc:"message to answer; required by /message/reply"`
	Options     *sendOptions `rest:"options" doc:"how it is sent"`
}

type sendOptions struct {
	Caption           string         `rest:"caption,param=/content/caption" doc:"text under a picture, video or document"`
	Mentions          chatIDs        `rest:"mentions,param=/mentions" doc:"ids of the people mentioned in the text"`
	GroupMentions     []groupMention `rest:"groupMentions" doc:"groups of the same community mentioned in the text"`
	Quoted            messageID      `rest:"quotedMessageId,param=/reply_to/message_id" max:"300" doc:"message to answer"`
	LinkPreview       *bool          `rest:"linkPreview,param=/content/link_preview" doc:"fetch a preview for the first link of a text; default true"`
	AudioAsVoice      bool           `rest:"sendAudioAsVoice,param=/content/voice_note" doc:"send a sound as a voice note"`
	VideoAsGIF        bool           `rest:"sendVideoAsGif,param=/content/gif_playback" doc:"send a video as a loop without sound"`
	MediaAsSticker    bool           `rest:"sendMediaAsSticker" doc:"send a picture or video as a sticker"`
	MediaAsDocument   bool           `rest:"sendMediaAsDocument" doc:"send any file as a document"`
	ViewOnce          bool           `rest:"isViewOnce,param=/content/view_once" doc:"the file opens once"`
	ParseVCards       *bool          `rest:"parseVCards" doc:"send a text that is a vCard as a contact; default true"`
	SendSeen          *bool          `rest:"sendSeen,param=/mark_read" doc:"mark the chat as read before sending; default true"`
	Media             *mediaOption   `rest:"media" doc:"of a text: a file, whose caption the text is" bad:"invalid media options"`
	StickerAuthor     string         `rest:"stickerAuthor,param=/content/pack_author" doc:"of a sticker: author written into the file"`
	StickerName       string         `rest:"stickerName,param=/content/pack_name" doc:"of a sticker: pack name written into the file"`
	StickerCategories []string       `rest:"stickerCategories,param=/content/pack_emojis" doc:"of a sticker: emojis written into the file"`
}

type groupMention struct {
	ID      string `rest:"id,required" doc:"id of the group"`
	Subject string `rest:"subject" doc:"not used: the text has it"`
}

// CompleteParams implements rest.Completer.
func (in *sendRequest) CompleteParams(p rest.Params) error {
	options, content, quoted := in.Options, p["content"].(rest.Params), in.Message
	if options == nil {
		options = &sendOptions{}
	}
	if options.Quoted != "" {
		quoted = options.Quoted
	}
	if reply, ok := p["reply_to"].(rest.Params); ok {
		in.completeReply(p, reply, quoted)
	}
	if len(options.GroupMentions) > 0 {
		mentions, _ := p["mentions"].([]string)
		for _, group := range options.GroupMentions {
			mentions = append(mentions, group.ID)
		}
		p["mentions"] = mentions
	}
	switch {
	case content["type"] != kindFile:
	case options.MediaAsSticker:
		content["type"] = "sticker"
	case options.MediaAsDocument:
		content["type"] = "document"
	}
	return nil
}

// completeReply adds the chat and the author of the quoted message: those of its serialised id.
func (in *sendRequest) completeReply(p, reply rest.Params, quoted messageID) {
	chat := native(string(in.Chat))
	if key, ok := parseKey(string(quoted)); ok {
		chat = native(key.Remote)
		if key.author != "" {
			reply["sender"] = native(key.author)
		}
	}
	if chat != p["to"] {
		reply["chat"] = chat
	}
}

type sendText struct {
	sendRequest
	Text string `rest:"content,required,param=/content/text" doc:"the text"`
}

// CompleteParams implements rest.Completer: a text that is a vCard is a contact, one with a file its caption.
func (in *sendText) CompleteParams(p rest.Params) error {
	content := p["content"].(rest.Params)
	switch {
	case in.Options != nil && in.Options.Media != nil:
		m := in.Options.Media
		if _, err := base64.StdEncoding.DecodeString(m.Data); err != nil && !strings.HasPrefix(m.Data, "data:") {
			return rest.Bad("options.media.data", "invalid media options", "must be base64")
		}
		content["type"], content["caption"] = kindFile, in.Text
		content["media"] = rest.Params{"mime_type": m.MimeType, "base64": m.Data, "filename": m.Filename}
	case in.isCard():
		content["type"], content["contacts"] = "contact", []rest.Params{{"vcard": in.Text, "name": cardName(in.Text)}}
	}
	return in.sendRequest.CompleteParams(p)
}

func (in *sendText) isCard() bool {
	if in.Options != nil && in.Options.ParseVCards != nil && !*in.Options.ParseVCards {
		return false
	}
	text := strings.TrimSpace(in.Text)
	return strings.HasPrefix(text, "BEGIN:VCARD") && strings.HasSuffix(text, "END:VCARD")
}

// cardName returns the name in a vCard.
func cardName(card string) string {
	for line := range strings.Lines(card) {
		if name, ok := strings.CutPrefix(line, "FN:"); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

type sendMedia struct {
	sendRequest
	Media mediaContent `rest:"content,required,below=/content/media" doc:"the file"`
}

type mediaContent struct {
	MimeType string   `rest:"mimetype,param=/mime_type" doc:"detected when missing" bad:"invalid media options"`
	Data     string   `rest:"data,required,param=/base64" doc:"the file in base64" bad:"invalid media options"`
	Filename string   `rest:"filename,param=/filename" doc:"name shown" bad:"invalid media options"`
	Filesize *float64 `rest:"filesize" doc:"not used: the file has it"`
}

// mediaOption is the file of a text.
type mediaOption struct {
	MimeType string   `rest:"mimetype" max:"128" doc:"detected when missing" bad:"invalid media options"`
	Data     string   `rest:"data,required" doc:"the file in base64" bad:"invalid media options"`
	Filename string   `rest:"filename" max:"255" doc:"name shown" bad:"invalid media options"`
	Filesize *float64 `rest:"filesize" doc:"not used: the file has it"`
}

type sendLinkedMedia struct {
	sendRequest
	URL string `rest:"content,required,param=/content/media/url" doc:"http(s) address of the file"`
}

type sendLocation struct {
	sendRequest
	Location locationContent `rest:"content,required,below=/content" doc:"the place"`
}

type locationContent struct {
	Latitude    *float64 `rest:"latitude,required,param=/latitude" doc:"degrees"`
	Longitude   *float64 `rest:"longitude,required,param=/longitude" doc:"degrees"`
	Description string   `rest:"description" max:"1024" doc:"name and address, a line each"`
}

// CompleteParams implements rest.Completer.
func (l *locationContent) CompleteParams(p rest.Params) error {
	name, address, _ := strings.Cut(l.Description, "\n")
	content := p["content"].(rest.Params)
	content["name"], content["address"] = name, address
	return nil
}

type sendButtons struct {
	sendRequest
	Buttons buttonsContent `rest:"content,required,below=/content" doc:"the text and its buttons"`
}

type buttonsContent struct {
	Body    string          `rest:"body,required,param=/text" doc:"the text"`
	Title   string          `rest:"title,param=/title" doc:"line above"`
	Footer  string          `rest:"footer,param=/footer" doc:"line below"`
	Buttons []buttonContent `rest:"buttons,required,param=/buttons" doc:"1 to 10"`
}

type buttonContent struct {
	ID   string `rest:"id,param=/id" doc:"comes back when it is pressed; default: its position"`
	Body string `rest:"body,required,param=/label" doc:"label"`
}

// CompleteParams implements rest.Completer.
func (*buttonContent) CompleteParams(p rest.Params) error {
	p["type"] = "reply"
	return nil
}

type sendList struct {
	sendRequest
	List listContent `rest:"content,required,below=/content" doc:"the text and the list"`
}

type listContent struct {
	Body       string        `rest:"body,required,param=/text" doc:"the text"`
	ButtonText string        `rest:"buttonText,required,param=/button_text" doc:"label that opens the list"`
	Title      string        `rest:"title,param=/title" doc:"line above"`
	Footer     string        `rest:"footer,param=/footer" doc:"line below"`
	Sections   []listSection `rest:"sections,required,param=/sections" doc:"1 to 10"`
}

type listSection struct {
	Title string    `rest:"title,param=/title" doc:"heading; needed when there are several sections"`
	Rows  []listRow `rest:"rows,required,param=/rows" doc:"1 to 10"`
}

type listRow struct {
	ID          string `rest:"id,param=/id" doc:"comes back when it is chosen; default: its number"`
	Title       string `rest:"title,required,param=/title" doc:"name"`
	Description string `rest:"description,param=/description" doc:"line below it"`
}

type sendContact struct {
	sendRequest
	Contact contactContent `rest:"content,required,below=/content" doc:"the contact"`
}

type contactContent struct {
	ID chatID `rest:"contactId,required,param=/contacts/0/contact" doc:"id of the person"`
}

type sendPoll struct {
	sendRequest
	Poll pollContent `rest:"content,required,below=/content" doc:"the poll"`
}

type pollContent struct {
	Name    string       `rest:"pollName,required,param=/question" doc:"the question"`
	Options []string     `rest:"pollOptions,required,param=/options" doc:"2 to 12 answers"`
	Choice  *pollChoices `rest:"options" doc:"how it is answered"`
}

type pollChoices struct {
	Many manyAnswers `rest:"allowMultipleAnswers,param=/selectable_count" doc:"any number of answers; default one"`
}

// manyAnswers lets people choose any number of answers.
type manyAnswers bool

// ToParam implements rest.Converter.
func (many manyAnswers) ToParam(string) (any, error) {
	if many {
		return 0, nil
	}
	return 1, nil
}
