package waakg

import (
	"fmt"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func sendRoutes() []rest.Route {
	of := func(says, fails string, more ...rest.Option) []rest.Option {
		return append([]rest.Option{rest.Says(says), rest.FailText(fails)}, more...)
	}
	const sentText, done = "Message sent successfully", "Operation successful"
	return []rest.Route{
		rest.Pass[sendRequest, enveloped[sent]]("POST", "/messages/{sessionId}/{jid}/send", "message.send", of(sentText, "Failed to send message", rest.Family(familySend))...),
		rest.Pass[replyRequest, outcome]("POST", "/messages/{sessionId}/{jid}/{messageId}/reply", "message.send", of(sentText, "Failed to send reply")...),
		rest.Pass[bodyReplyRequest, outcome]("POST", "/messages/{sessionId}/{jid}/reply", "message.send", of(sentText, "Failed to send reply")...),
		rest.Pass[fileRequest, enveloped[sent]]("POST", "/messages/{sessionId}/{jid}/media", "message.send", of(done, "Failed to send media", rest.Family(familyFile), rest.TakesFiles())...),
		rest.Pass[pollRequest, outcome]("POST", "/messages/{sessionId}/{jid}/poll", "message.sendPoll", of(done, "Failed to send poll")...),
		rest.Pass[locationRequest, outcome]("POST", "/messages/{sessionId}/{jid}/location", "message.sendLocation", of(done, "Failed to send location")...),
		rest.Pass[contactRequest, outcome]("POST", "/messages/{sessionId}/{jid}/contact", "message.sendContact", of(done, "Failed to send contact")...),
		rest.Pass[listRequest, outcome]("POST", "/messages/{sessionId}/{jid}/list", "message.sendText", of(done, "Failed to send list message")...),
		rest.Pass[stickerRequest, outcome]("POST", "/messages/{sessionId}/{jid}/sticker", "message.sendSticker",
			of(done, "Failed to create sticker", rest.TakesFiles(), rest.With(rest.Params{"pack_name": "WA-AKG", "pack_author": "User"}))...),
	}
}

type recipientRequest struct {
	sessionRequest
	To string `rest:"jid,path,param=/to" doc:"JID of the chat"`
}

type sendFields struct {
	Message  *messageContent `rest:"message,required,param=/content" missing:"message is required" doc:"content of the message"`
	Mentions []string        `rest:"mentions,param=/mentions" doc:"JIDs of the people mentioned in the text"`
}

type sendRequest struct {
	recipientRequest
	sendFields
}

type replyRequest struct {
	recipientRequest
	Quoted string `rest:"messageId,path,param=/reply_to/message_id" doc:"id of the message to answer"`
	sendFields
	FromMe *bool `rest:"fromMe" doc:"not used: the stored message has it"`
}

type bodyReplyRequest struct {
	recipientRequest
	Quoted string `rest:"messageId,required,param=/reply_to/message_id" doc:"id of the message to answer"`
	sendFields
	FromMe *bool `rest:"fromMe" doc:"not used: the stored message has it"`
}

// sent is a message as Baileys returns it.
type sent struct {
	Key struct {
		Chat   string `json:"remoteJid" from:"/chat"`
		FromMe bool   `json:"fromMe" from:"=true"`
		ID     string `json:"id" from:"/message_id"`
	} `json:"key" from:"/"`
	Message map[string]any   `json:"message"`
	At      rest.UnixSeconds `json:"messageTimestamp,string" from:"/timestamp"`
	Status  string           `json:"status" from:"=PENDING"`
	Type    string           `json:"-" from:"/message/type"`
	Text    string           `json:"-" from:"/message/text"`
}

// FinishAnswer implements rest.Finisher: a text is the content, other kinds have their caption.
func (s *sent) FinishAnswer() error {
	switch {
	case s.Type == "" || s.Type == "text":
		s.Message = map[string]any{"conversation": s.Text, "extendedTextMessage": map[string]any{"text": s.Text}}
	default:
		s.Message = map[string]any{s.Type + "Message": map[string]any{"caption": s.Text}}
	}
	return nil
}

type fileRequest struct {
	recipientRequest
	File    rest.File `rest:"file,required,param=/content/media" doc:"the file"`
	Type    string    `rest:"type" enum:"image|video|audio|voice|document|sticker" doc:"default: that of the file"`
	Caption string    `rest:"caption,param=/content/caption" doc:"text below a picture, video or document"`
}

// fileTypes are the types of content of files by the document's words.
var fileTypes = map[string]string{"": "file", "image": "image", "video": "video", "audio": "audio", "voice": "audio", "document": "document", "sticker": "sticker"}

// CompleteParams implements rest.Completer.
func (in *fileRequest) CompleteParams(p rest.Params) error {
	content, _ := p["content"].(rest.Params)
	if content == nil {
		return nil // a missing file is reported
	}
	native, known := fileTypes[in.Type]
	if !known {
		return rest.Bad("type", "", "must be image, video, audio, voice, document or sticker")
	}
	content["type"] = native
	if native == "audio" {
		content["voice_note"] = in.Type == "voice"
	}
	if native == "audio" || native == "sticker" {
		delete(content, "caption") // they have none
	}
	return nil
}

type pollRequest struct {
	recipientRequest
	Question string   `rest:"question,required,param=/question" bad:"question and options (array) are required"`
	Options  *answers `rest:"options,required,param=/options" bad:"question and options (array) are required" doc:"2 to 12 answers"`
	Count    *int     `rest:"selectableCount,param=/selectable_count" doc:"how many answers may be chosen; default 1"`
}

// answers are those of a poll.
type answers []string

// ToParam implements rest.Converter.
func (list answers) ToParam(field string) (any, error) {
	if len(list) < 2 || len(list) > 12 {
		return nil, rest.Bad(field, "Poll must have between 2 and 12 options", "must have 2 to 12 items")
	}
	return []string(list), nil
}

// CompleteParams implements rest.Completer.
func (in *pollRequest) CompleteParams(rest.Params) error {
	if in.Count != nil && (*in.Count < 1 || *in.Count > len(*in.Options)) {
		return rest.Bad("selectableCount", "selectableCount must be between 1 and number of options", "must be 1 to the number of options")
	}
	return nil
}

type locationRequest struct {
	recipientRequest
	Latitude  *float64 `rest:"latitude,required,param=/latitude" missing:"latitude and longitude are required" bad:"Latitude must be between -90 and 90" doc:"degrees"`
	Longitude *float64 `rest:"longitude,required,param=/longitude" missing:"latitude and longitude are required" bad:"Longitude must be between -180 and 180" doc:"degrees"`
	Name      string   `rest:"name,param=/name" doc:"name of the place"`
	Address   string   `rest:"address,param=/address" doc:"address line"`
}

type contactRequest struct {
	recipientRequest
	Contacts *[]card `rest:"contacts,required,param=/contacts" missing:"contacts (array) is required" doc:"cards"`
}

type card struct {
	Name string `rest:"displayName,required,param=/name" bad:"Each contact must have displayName and vcard"`
	Card string `rest:"vcard,required,param=/vcard" bad:"Each contact must have displayName and vcard"`
}

// CompleteParams implements rest.Completer.
func (in *contactRequest) CompleteParams(rest.Params) error {
	return nonEmpty("contacts", len(*in.Contacts), "At least one contact is required")
}

type listRequest struct {
	recipientRequest
	Title   string `rest:"title,required" bad:"title and options (array) are required" max:"4096" doc:"heading"`
	Options *lines `rest:"options,required" bad:"title and options (array) are required" doc:"lines, which are numbered"`
	Footer  string `rest:"footer" max:"4096" doc:"line below"`
}

// lines are those of a list.
type lines []string

// ToParam implements rest.Converter.
func (list lines) ToParam(field string) (any, error) {
	for i, line := range list {
		if strings.TrimSpace(line) == "" {
			return nil, rest.Bad(fmt.Sprintf("%s[%d]", field, i), "", "must not be empty")
		}
	}
	return nil, nonEmpty(field, len(list), "At least one option is required")
}

// CompleteParams implements rest.Completer: the list is a text with numbered lines, as the server of the document sends it.
func (in *listRequest) CompleteParams(p rest.Params) error {
	if _, err := in.Options.ToParam("options"); err != nil {
		return err
	}
	text := "*" + in.Title + "*\n"
	for i, line := range *in.Options {
		text += fmt.Sprintf("\n%d. %s", i+1, line)
	}
	if in.Footer != "" {
		text += "\n\n_" + in.Footer + "_"
	}
	p["text"] = text
	return nil
}

type stickerRequest struct {
	recipientRequest
	File    rest.File `rest:"file,required,param=/media" doc:"picture or short video"`
	Pack    string    `rest:"pack,param=/pack_name" doc:"name of the pack; default WA-AKG"`
	Author  string    `rest:"author,param=/pack_author" doc:"default User"`
	Type    string    `rest:"type" doc:"full, crop or circle; checked, and not used: pictures are fitted in"`
	Quality *int      `rest:"quality" doc:"1 to 100; checked, and not used"`
}

// CompleteParams implements rest.Completer.
func (in *stickerRequest) CompleteParams(rest.Params) error {
	switch {
	case in.Type != "" && in.Type != "full" && in.Type != "crop" && in.Type != "circle":
		return rest.Bad("type", "", "must be full, crop or circle")
	case in.Quality != nil && (*in.Quality < 1 || *in.Quality > 100):
		return rest.Bad("quality", "", "must be 1 to 100")
	}
	return nil
}
