package waakg

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func routes() []rest.Route {
	subjectTexts := []rest.Option{rest.Says("Group subject updated successfully"), rest.FailText("Failed to update group subject")}
	return []rest.Route{
		rest.Pass[subjectRequest, subjectSet]("PUT", "/groups/{sessionId}/{jid}/subject", "group.setName", subjectTexts...),
		rest.Pass[bodySubjectRequest, subjectSet]("PUT", "/groups/{jid}/subject", "group.setName", append(subjectTexts, rest.Family(familyError))...),
		rest.Pass[pictureRequest, outcome]("PUT", "/groups/{sessionId}/{jid}/picture", "group.setPicture",
			rest.Says("Group picture updated successfully"), rest.FailText("Failed to update group picture")),
		rest.Pass[mediaRequest, mediaFile]("GET", "/media/{filename}", "media.get", rest.Family(familyMedia), rest.With(rest.Params{"as": "base64"}),
			rest.FailText("Failed to serve media")),
		rest.OneOf("POST", "/sessions/{id}/{action}", "action", map[string]rest.Route{
			// The texts are those of the server: the name of the action with "ed".
			"start":   rest.Pass[actionRequest, outcome]("", "", "session.connect", rest.Says("Session started successfully")),
			"stop":    rest.Pass[actionRequest, outcome]("", "", "session.disconnect", rest.Says("Session stoped successfully")),
			"restart": rest.Pass[actionRequest, outcome]("", "", "session.restart", rest.Says("Session restarted successfully")),
			"logout":  rest.Pass[actionRequest, outcome]("", "", "session.logout", rest.Says("Session logouted successfully")),
		}, rest.Says("Invalid action"), rest.IgnoresBody()),
	}
}

// maxSubject is the length of a group's name, in characters.
const maxSubject = 100

// subject is the new name of a group.
type subject string

// ToParam implements rest.Converter.
func (s subject) ToParam(field string) (any, error) {
	if utf8.RuneCountInString(string(s)) > maxSubject {
		return nil, rest.Bad(field, "Subject must be 100 characters or less", "must have at most 100 characters")
	}
	return string(s), nil
}

type subjectRequest struct {
	Session string  `rest:"sessionId,path" doc:"id of the session"`
	Group   string  `rest:"jid,path,param=/group" doc:"JID of the group"`
	Subject subject `rest:"subject,required,param=/name"`
}

// bodySubjectRequest has the session in the body.
type bodySubjectRequest struct {
	Group   string  `rest:"jid,path,param=/group" doc:"JID of the group"`
	Session string  `rest:"sessionId,required,param=/session" bad:"sessionId and subject are required" doc:"id of the session"`
	Subject subject `rest:"subject,required,param=/name" bad:"sessionId and subject are required"`
}

type subjectSet struct {
	outcome
	Subject string `json:"subject" from:"/name"`
}

type pictureRequest struct {
	Session string    `rest:"sessionId,path" doc:"id of the session"`
	Group   string    `rest:"jid,path,param=/group" doc:"JID of the group"`
	File    rest.File `rest:"file,required,param=/media" also:"image" doc:"picture"`
}

type mediaRequest struct {
	File fileName `rest:"filename,path,param=/media_id" doc:"name of a received file"`
}

// fileName is the name of a file in the media store.
type fileName string

// ToParam implements rest.Converter.
func (n fileName) ToParam(field string) (any, error) {
	if strings.ContainsAny(string(n), `/\`) || strings.Contains(string(n), "..") {
		return nil, rest.Bad(field, "Invalid filename", "is no name of a file")
	}
	return string(n), nil
}

type mediaFile struct {
	Name    string       `from:"<filename"`
	Type    string       `from:"/media/mime_type"`
	Content rest.Content `from:"/media/base64"`
}

// ToReply implements rest.Replier.
func (m *mediaFile) ToReply() (*rest.Reply, error) {
	if m.Content == nil {
		return nil, rpc.NotFound("there is no such file")
	}
	return &rest.Reply{ContentType: m.Type, Body: []byte(m.Content), Header: http.Header{
		"Content-Disposition": {"inline; filename=" + m.Name}, "Cache-Control": {"private, max-age=3600"}, "X-Content-Type-Options": {"nosniff"},
	}}, nil
}

type actionRequest struct {
	Session string `rest:"id,path" doc:"id of the session"`
}
