package digigo

import (
	"slices"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func chatRoutes() []rest.Route {
	const presenceSet = "Chat presence set successfuly" //nolint:misspell // callers compare the document's own spelling
	pass := func(says, failed string, others ...rest.Option) []rest.Option {
		return append(others, rest.NeedsBody(), rest.Says(says), rest.FailText(failed))
	}
	routes := []rest.Route{
		rest.Pass[deleteRequest, done]("POST", "/chat/delete", "message.delete", pass("Message deleted", "failed to delete message", rest.With(rest.Params{"for_everyone": true}))...),
		rest.Pass[markReadRequest, done]("POST", "/chat/markread", "chat.markRead", pass("Message(s) marked as read", "failed to mark messages as read")...),
		rest.Pass[reactRequest, reacted]("POST", "/chat/react", "message.react", pass("Sent", "failed to send reaction")...),
		rest.Pass[chatPresenceRequest, done]("POST", "/chat/presence", "presence.setChatState", pass(presenceSet, "failed to set chat presence")...),
		rest.Pass[pinRequest, pinned]("POST", "/chat/pin", "chat.setPinned", pass("", "failed to pin chat")...),
		rest.Pass[archiveRequest, chatArchived]("POST", "/chat/archive", "chat.setArchived", pass("", "failed to archive chat")...),
		rest.Pass[muteRequest, muted]("POST", "/chat/mute", "chat.setMuted", pass("", "failed to mute chat")...),
		rest.Pass[starRequest, starred]("POST", "/chat/star", "message.setStarred", pass("", "failed to star message")...),
		rest.Pass[deleteChatRequest, chatChanged]("POST", "/chat/delete-chat", "chat.delete", pass("Chat deleted successfully", "failed to delete chat", rest.Family(familyText))...),
		rest.Pass[rest.None, chatList]("GET", "/chat/list", "chat.list", rest.Family(familySync), rest.FailText("failed to list chats")),
	}
	for _, kind := range []string{"image", "video", "document", "audio", "sticker"} {
		routes = append(routes, rest.Pass[downloadRequest, downloaded]("POST", "/chat/download"+kind, "media.download",
			pass("", "failed to download "+kind, rest.With(rest.Params{"kind": kind}))...))
	}
	return slices.Concat(routes, labelRoutes(), syncRoutes())
}

// jidText is a chat of a request as a JID: numbers are those of people.
type jidText string

// MarshalText implements encoding.TextMarshaler.
func (j jidText) MarshalText() ([]byte, error) {
	if strings.Contains(string(j), "@") {
		return []byte(j), nil
	}
	return []byte(strings.TrimPrefix(string(j), "+") + "@s.whatsapp.net"), nil
}

// changeText is the text of a change that can be taken back: "Chat pinned successfully".
func changeText(what string, on bool, done, undone string) string {
	if !on {
		done = undone
	}
	return what + " " + done + " successfully"
}

// ownPrefix marks own messages.
const ownPrefix = "me:"

type deleteRequest struct {
	Phone string `rest:",required,param=/chat" doc:"number, or JID of a person or group"`
	ID    string `rest:"Id,required,param=/message_id" doc:"own message"`
}

// CompleteParams implements rest.Completer: only own messages are meant, also those that the server does not know.
func (*deleteRequest) CompleteParams(p rest.Params) error {
	p["from_me"] = true
	return nil
}

type markReadRequest struct {
	ID     rest.Strings `rest:"Id,required,param=/message_ids" doc:"messages"`
	Chat   string       `rest:",required,param=/chat" doc:"JID of the chat"`
	Sender string       `rest:",param=/sender" doc:"their author; needed in groups when the server does not know the messages"`
}

type reactRequest struct {
	Phone string `rest:",required,param=/chat" doc:"number or JID; me: before it for own messages"`
	Body  string `rest:",required,param=/emoji" doc:"emoji; the word remove removes the reaction"`
	ID    string `rest:"Id,required,param=/message_id" doc:"message; me: before it for own messages"`
}

// CompleteParams implements rest.Completer: the text puts the prefix on the chat, the example on the message.
func (in *reactRequest) CompleteParams(p rest.Params) error {
	chat, ownChat := strings.CutPrefix(in.Phone, ownPrefix)
	id, ownID := strings.CutPrefix(in.ID, ownPrefix)
	in.ID, p["chat"], p["message_id"], p["from_me"] = id, chat, id, ownChat || ownID
	if in.Body == "remove" {
		p["emoji"] = ""
	}
	return nil
}

// reacted has the id of the message that the reaction is for.
type reacted struct {
	Details   string    `from:"="`
	ID        string    `json:"Id" from:"<Id"`
	Timestamp time.Time `from:"/timestamp"`
}

type chatPresenceRequest struct {
	Phone string `rest:",required,param=/chat" doc:"number, or JID of a person or group"`
	State string `rest:",required,param=/state" enum:"composing|paused" doc:"what to show"`
	Media string `enum:"audio" doc:"audio for recording"`
}

// CompleteParams implements rest.Completer.
func (in *chatPresenceRequest) CompleteParams(p rest.Params) error {
	switch {
	case in.Media != "" && in.Media != "audio":
		return rest.Bad("Media", "", "must be empty or audio")
	case in.State == "recording":
		return rest.Bad("State", "", "must be composing or paused")
	case in.Media == "audio" && in.State == "composing":
		p["state"] = "recording"
	}
	return nil
}

type chatRequest struct {
	Phone string `rest:"phone,required,param=/chat" doc:"number, or JID of a person or group"`
}

// chatChanged is the answer to a change of a chat.
type chatChanged struct {
	changed
	JID jidText `json:"jid" from:"<phone"`
}

type pinRequest struct {
	chatRequest
	Pin bool `rest:"pin,required,param=/pinned"`
}

type pinned struct {
	chatChanged
	Pinned bool `json:"pinned" from:"/pinned"`
}

// FinishAnswer implements rest.Finisher.
func (a *pinned) FinishAnswer() error {
	a.Message = changeText("Chat", a.Pinned, "pinned", "unpinned")
	return nil
}

// lastMessage are hints about the last message of a chat; the server's own store is asked without them.
type lastMessage struct {
	Timestamp int64  `rest:"last_message_timestamp" doc:"Unix seconds; counts together with the id"`
	ID        string `rest:"last_message_id,param=/last_message/message_id" doc:"counts together with the time"`
	FromMe    bool   `rest:"last_message_from_me,param=/last_message/from_me"`
	Sender    string `rest:"last_message_sender_jid,param=/last_message/sender" doc:"its author, in groups"`
}

// CompleteParams implements rest.Completer.
func (in *lastMessage) CompleteParams(p rest.Params) error {
	const lastSecond = 253402300799 // of the year 9999
	hints, _ := p["last_message"].(rest.Params)
	switch {
	case in.Timestamp < 0 || in.Timestamp > lastSecond:
		return rest.Bad("last_message_timestamp", "", "must be Unix seconds")
	case in.ID == "" || in.Timestamp == 0:
		delete(p, "last_message")
	default:
		hints["timestamp"] = time.Unix(in.Timestamp, 0).UTC()
	}
	return nil
}

type archiveRequest struct {
	chatRequest
	lastMessage
	Archive bool   `rest:"archive,required,param=/archived"`
	Remote  string `rest:"last_message_remote_jid" doc:"its chat, which phone names"`
}

type chatArchived struct {
	chatChanged
	Archived bool `json:"archived" from:"/archived"`
}

// FinishAnswer implements rest.Finisher.
func (a *chatArchived) FinishAnswer() error {
	a.Message = changeText("Chat", a.Archived, "archived", "unarchived")
	return nil
}

type deleteChatRequest struct {
	Phone string `rest:"phone,required,param=/chat" bad:"missing phone in payload" doc:"number, or JID of a person or group"`
	lastMessage
}

type muteRequest struct {
	chatRequest
	Mute     bool   `rest:"mute,required,param=/muted"`
	Duration string `rest:"mute_duration" enum:"8h|1w|always" doc:"default always"`
}

// muteSeconds are the documented durations; 0 = without end.
var muteSeconds = map[string]int{"": 0, "always": 0, "8h": 8 * 3600, "1w": 7 * 24 * 3600}

// CompleteParams implements rest.Completer.
func (in *muteRequest) CompleteParams(p rest.Params) error {
	seconds, ok := muteSeconds[in.Duration]
	switch {
	case !ok:
		return rest.Bad("mute_duration", "", "must be 8h, 1w or always")
	case in.Mute && in.Duration == "":
		in.Duration = "always"
	case in.Mute && seconds > 0:
		p["duration_seconds"] = seconds
	}
	return nil
}

type muted struct {
	chatChanged
	Muted    bool   `json:"muted" from:"/muted"`
	Duration string `json:"duration,omitempty" from:"<mute_duration"`
}

// FinishAnswer implements rest.Finisher.
func (a *muted) FinishAnswer() error {
	a.Message = changeText("Chat", a.Muted, "muted", "unmuted")
	if !a.Muted {
		a.Duration = ""
	}
	return nil
}

type starRequest struct {
	Chat   string `rest:"chat_jid,required,param=/chat" doc:"number, or JID of a person or group"`
	Sender string `rest:"sender_jid,param=/sender" doc:"author; needed in groups when the server does not know the message"`
	ID     string `rest:"message_id,required,param=/message_id"`
	FromMe *bool  `rest:"from_me,param=/from_me" doc:"own message"`
	Star   bool   `rest:"star,required,param=/starred"`
}

type starred struct {
	Success bool    `json:"success" from:"=true"`
	Message string  `json:"message"`
	Chat    jidText `json:"chat_jid" from:"<chat_jid"`
	ID      string  `json:"message_id" from:"<message_id"`
	Starred bool    `json:"starred" from:"/starred"`
}

// FinishAnswer implements rest.Finisher.
func (a *starred) FinishAnswer() error {
	a.Message = changeText("Message", a.Starred, "starred", "unstarred")
	return nil
}

type chatList struct {
	Success bool       `json:"success" from:"=true"`
	Chats   []chatItem `json:"chats" from:"/chats"`
	Stats   struct {
		Total    int `json:"total" from:"/total"`
		Pinned   int `json:"pinned_count" from:"/stats/pinned_count"`
		Archived int `json:"archived_count" from:"/stats/archived_count"`
		Muted    int `json:"muted_count" from:"/stats/muted_count"`
	} `json:"stats"`
}

type chatItem struct {
	Chat       string     `json:"chat_jid" from:"/chat"`
	Number     string     `json:"phone_number" from:"/phone_number" doc:"empty for groups"`
	MutedUntil int64      `json:"muted_until" doc:"Unix seconds; 0 = not muted, -1 = without end"`
	Pinned     bool       `json:"pinned" from:"/pinned"`
	Archived   bool       `json:"archived" from:"/archived"`
	Muted      bool       `json:"-" from:"/muted"`
	Until      *time.Time `json:"-" from:"/muted_until"`
}

// FinishAnswer implements rest.Finisher.
func (c *chatItem) FinishAnswer() error {
	switch {
	case c.Muted && c.Until != nil:
		c.MutedUntil = c.Until.Unix()
	case c.Muted:
		c.MutedUntil = -1
	}
	return nil
}

type downloadRequest struct {
	URL           string `rest:"Url,required,param=/url" doc:"address of the encrypted file"`
	DirectPath    string `rest:",param=/direct_path" doc:"its path"`
	MediaKey      string `rest:",required,param=/media_key" doc:"base64"`
	Mimetype      string `rest:",required,param=/mime_type" doc:"type for the answer"`
	FileEncSHA256 string `rest:",param=/file_enc_sha256" doc:"base64"`
	FileSHA256    string `rest:",required,param=/file_sha256" doc:"base64"`
	FileLength    int64  `rest:",required,param=/file_length" doc:"bytes"`
}

type downloaded struct {
	Mimetype string `from:"<Mimetype"`
	Data     string `from:"/media/base64" doc:"data URL"`
}

// FinishAnswer implements rest.Finisher: the type is that of the request.
func (d *downloaded) FinishAnswer() error {
	_, encoded, _ := strings.Cut(d.Data, ";base64,")
	d.Data = "data:" + d.Mimetype + ";base64," + encoded
	return nil
}
