package waakg

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func mediaRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[mediaRequest, mediaFile]("GET", "/media/{filename}", "media.get", rest.Family(familyMedia), rest.With(rest.Params{"as": "base64"}),
			rest.FailText("Failed to serve media")),
		rest.Row("GET", "/media", "session.list media.list", listMedia, rest.FailText("Failed to list media"), rest.Reads[mediaPage]("media.list")),
		rest.Row("DELETE", "/media", "media.delete", deleteMedia, rest.FailText("Failed to delete media")),
	}
}

type mediaList struct {
	Files []mediaRow `json:"files"`
	Size  int64      `json:"totalSize" doc:"bytes"`
	Count int        `json:"totalCount"`
}

// mediaRow is a stored file.
type mediaRow struct {
	Name      string    `json:"name" from:"/media_id"`
	Size      int64     `json:"size" from:"/size"`
	Type      string    `json:"type" from:"/mime_type" doc:"image, video, audio or document"`
	Ext       string    `json:"ext"`
	Session   string    `json:"sessionId"`
	CreatedAt time.Time `json:"createdAt" from:"/created_at"`
	Modified  time.Time `json:"modifiedAt" from:"/created_at"`
	URL       string    `json:"url"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (m *mediaRow) FinishAnswerOf(x *rest.Exchange) error {
	m.Type, _, _ = strings.Cut(m.Type, "/")
	if m.Type != "image" && m.Type != "video" && m.Type != "audio" {
		m.Type = "document"
	}
	m.Ext, m.Session, m.URL = path.Ext(m.Name), x.Session, "/api/media/"+url.PathEscape(m.Name)
	return nil
}

type mediaPage struct {
	Files []mediaRow `from:"/files"`
	Total int        `from:"/total"`
	Size  int64      `from:"/total_size"`
}

// maxMediaRows is how many files of a session are listed.
const maxMediaRows = 1000

// listMedia returns the stored files of the sessions that the caller may use, the newest of each session first.
func listMedia(x *rest.Exchange, _ *rest.None) (*enveloped[mediaList], error) {
	shown := &enveloped[mediaList]{outcome{true, true, "Media files fetched successfully"}, mediaList{Files: []mediaRow{}}}
	return shown, eachSession(x, "", func() error {
		var page mediaPage
		if err := x.Read("media.list", rest.Params{"limit": maxMediaRows}, &page); err != nil {
			if has(err, rpc.CodeNotFound) { // the session was deleted since
				return nil
			}
			return err
		}
		shown.Data.Files, shown.Data.Size, shown.Data.Count = append(shown.Data.Files, page.Files...), shown.Data.Size+page.Size, shown.Data.Count+page.Total
		return nil
	})
}

type deleteMediaRequest struct {
	Names []string `rest:"filenames,required" bad:"filenames array is required" doc:"1 to 1000 names of files"`
}

type mediaDeleted struct {
	Deleted int      `json:"deleted"`
	Failed  int      `json:"failed"`
	Errors  []string `json:"errors" doc:"why files were not deleted"`
}

// deleteMedia deletes files. Those that cannot be deleted are named in the answer.
func deleteMedia(x *rest.Exchange, in *deleteMediaRequest) (*enveloped[mediaDeleted], error) {
	if len(in.Names) > maxMediaRows {
		return nil, rest.Bad("filenames", "", "must have at most 1000 items")
	}
	shown := &enveloped[mediaDeleted]{outcome{true, true, "Media files processed"}, mediaDeleted{Errors: []string{}}}
	for _, name := range in.Names {
		problem := deleteFile(x, name)
		if problem == "" {
			shown.Data.Deleted++
			continue
		}
		shown.Data.Failed, shown.Data.Errors = shown.Data.Failed+1, append(shown.Data.Errors, problem+": "+name)
	}
	return shown, nil
}

// deleteFile deletes a file and returns the problem; "" = none.
func deleteFile(x *rest.Exchange, name string) string {
	session := sessionOfFile(x, name)
	switch {
	case !fileName(name).isName():
		return "Invalid filename"
	case session == "" || x.AdmitsSession(session) != nil:
		return "Forbidden"
	}
	err := x.Call("media.delete", rest.Params{"session": session, "media_id": name}, nil)
	switch {
	case err == nil:
		return ""
	case has(err, rpc.CodeNotFound):
		return "Not found"
	case has(err, rpc.CodeForbidden):
		return "Forbidden"
	}
	return "Failed to delete"
}

type mediaRequest struct {
	File fileName `rest:"filename,path,param=/media_id" doc:"name of a received file"`
}

// fileName is the name of a file in the media store.
type fileName string

// ToParam implements rest.Converter.
func (n fileName) ToParam(field string) (any, error) {
	if !n.isName() {
		return nil, rest.Bad(field, "Invalid filename", "is no name of a file")
	}
	return string(n), nil
}

func (n fileName) isName() bool {
	return n != "" && !strings.ContainsAny(string(n), `/\`) && !strings.Contains(string(n), "..")
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
