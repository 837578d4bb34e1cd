package waakg

import (
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func mediaRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[mediaRequest, mediaFile]("GET", "/media/{filename}", "media.get", rest.Family(familyMedia), rest.With(rest.Params{"as": "base64"}),
			rest.FailText("Failed to serve media")),
	}
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
