package waakg

import (
	"time"

	"github.com/waystation/waystation/server/rest"
)

const badPresence = "Invalid presence. Must be one of: composing, recording, paused, available, unavailable"

func chatRoutes() []rest.Route {
	state := func(word string) rest.Route {
		return rest.Pass[presenceRequest, outcome]("", "", "presence.setChatState", rest.With(rest.Params{"state": word}), rest.Says("Presence '{presence}' sent to {jid}"))
	}
	online := func(available bool) rest.Route {
		return rest.Pass[onlineRequest, outcome]("", "", "presence.setAvailability", rest.With(rest.Params{"available": available}), rest.Says("Presence '{presence}' sent to {jid}"))
	}
	return []rest.Route{
		rest.Pass[sessionRequest, []chatRow]("GET", "/chat/{sessionId}", "chat.list", rest.From("/chats"), rest.With(rest.Params{"include_contacts": true}),
			rest.FailText("Failed to fetch chats")),
		rest.Row("GET", "/chat/{sessionId}/{jid}", "message.list group.list", listHistory, rest.Family(familyHistory), rest.Reads[history]("message.list"), rest.Reads[groupMembers]("group.list"),
			rest.FailText("Failed to fetch messages")),
		rest.Pass[checkRequest, lifted[numbersChecked]]("POST", "/chat/{sessionId}/check", "contact.checkRegistered",
			rest.Says("Operation successful"), rest.FailText("Failed to check numbers")),
		rest.OneOf("POST", "/chat/{sessionId}/{jid}/presence", "presence", map[string]rest.Route{
			"composing": state("composing"), "recording": state("recording"), "paused": state("paused"), "available": online(true), "unavailable": online(false),
		}, rest.Says(badPresence), rest.FailText("Failed to send presence")),
		rest.Pass[pictureRequest, pictureShown]("POST", "/chat/{sessionId}/{jid}/profile-picture", "contact.getProfilePicture", rest.IgnoresBody(),
			rest.FailText("Failed to fetch profile picture")),
		rest.Pass[archiveRequest, archived]("PUT", "/chat/{sessionId}/{jid}/archive", "chat.setArchived", rest.FailText("Failed to archive/unarchive chat")),
		rest.Pass[muteRequest, muted]("PUT", "/chat/{sessionId}/{jid}/mute", "chat.setMuted", rest.FailText("Failed to mute/unmute chat")),
		rest.Pass[pinRequest, pinned]("PUT", "/chat/{sessionId}/{jid}/pin", "chat.setPinned", rest.FailText("Failed to pin/unpin chat")),
		rest.Pass[readRequest, outcome]("PUT", "/chat/{sessionId}/{jid}/read", "chat.markRead", rest.Says("Messages marked as read"), rest.FailText("Failed to mark messages as read")),
	}
}

type chatRow struct {
	JID     string  `json:"jid" from:"/chat"`
	Name    *string `json:"name" from:"/name"`
	Notify  *string `json:"notify" from:"/contact/push_name"`
	Picture *string `json:"profilePic" from:"/picture_url"`
	Last    *struct {
		Content string    `json:"content" from:"/text"`
		At      time.Time `json:"timestamp" from:"/timestamp"`
		Type    kind      `json:"type" from:"/type"`
	} `json:"lastMessage" from:"/last_message"`
}

type checkRequest struct {
	sessionRequest
	Numbers *numbers `rest:"numbers,required,param=/numbers" bad:"numbers (array) is required" doc:"1 to 50 international numbers"`
}

// numbers are phone numbers to check.
type numbers []string

// maxNumbers is how many numbers a request checks.
const maxNumbers = 50

// ToParam implements rest.Converter.
func (list numbers) ToParam(field string) (any, error) {
	if len(list) > maxNumbers {
		return nil, rest.Bad(field, "Maximum 50 numbers per request", "must have at most 50 numbers")
	}
	return []string(list), nonEmpty(field, len(list), "At least one number is required")
}

type numbersChecked struct {
	Results []struct {
		Number string  `json:"number" from:"/number"`
		Exists bool    `json:"exists" from:"/registered"`
		JID    string  `json:"jid" from:"/contact"`
		Error  *string `json:"error,omitempty" from:"/error"`
	} `json:"results" from:"/results"`
}

type presenceRequest struct {
	chatRequest
	Presence string `rest:"presence,required"`
}

// onlineRequest is a presence that all people see, so that the chat is not a param.
type onlineRequest struct {
	sessionRequest
	Chat     string `rest:"jid,path" doc:"JID of the chat"`
	Presence string `rest:"presence,required"`
}

type pictureRequest struct {
	sessionRequest
	Contact string `rest:"jid,path,param=/contact" doc:"JID of a person or group"`
}

type pictureShown struct {
	outcome
	JID string  `json:"jid" from:"<jid"`
	URL *string `json:"profilePicUrl" from:"/url"`
}

// FinishAnswer implements rest.Finisher.
func (p *pictureShown) FinishAnswer() error {
	if p.URL == nil {
		p.Message = "No profile picture found"
	}
	return nil
}

type archiveRequest struct {
	chatRequest
	Archive *bool `rest:"archive,required,param=/archived" bad:"archive (boolean) is required"`
}

type archived struct {
	outcome
	Is bool `json:"-" from:"/archived"`
}

// FinishAnswer implements rest.Finisher.
func (a *archived) FinishAnswer() error { return a.says(a.Is, "Chat archived", "Chat unarchived") }

// says sets the message of a switch.
func (o *outcome) says(on bool, textOn, textOff string) error {
	if o.Message = textOff; on {
		o.Message = textOn
	}
	return nil
}

type muteRequest struct {
	chatRequest
	Mute     *bool `rest:"mute,required,param=/muted" bad:"mute (boolean) is required"`
	Duration *int  `rest:"duration,param=/duration_seconds" doc:"seconds; default, and below 1: 8 hours"`
}

// defaultMute is how long chats are muted by default, in seconds.
const defaultMute = 8 * 60 * 60

// CompleteParams implements rest.Completer.
func (in *muteRequest) CompleteParams(p rest.Params) error {
	switch {
	case !*in.Mute:
		delete(p, "duration_seconds")
	case in.Duration == nil || *in.Duration < 1:
		p["duration_seconds"] = defaultMute
	}
	return nil
}

type muted struct {
	outcome
	Is bool `json:"-" from:"/muted"`
}

// FinishAnswer implements rest.Finisher.
func (m *muted) FinishAnswer() error { return m.says(m.Is, "Chat muted", "Chat unmuted") }

type pinRequest struct {
	chatRequest
	Pin *bool `rest:"pin,required,param=/pinned" bad:"pin (boolean) is required"`
}

type pinned struct {
	outcome
	Is bool `json:"-" from:"/pinned"`
}

// FinishAnswer implements rest.Finisher.
func (p *pinned) FinishAnswer() error { return p.says(p.Is, "Chat pinned", "Chat unpinned") }

type readRequest struct {
	chatRequest
	IDs []string `rest:"messageIds,param=/message_ids" doc:"ids of messages; default: the whole chat"`
}
