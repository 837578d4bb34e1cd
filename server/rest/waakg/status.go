package waakg

import (
	"fmt"

	"github.com/waystation/waystation/server/rest"
)

func statusRoutes() []rest.Route {
	texts := []rest.Option{rest.Family(familyStatus), rest.Says("Operation successful"), rest.FailText("Failed to post status")}
	return []rest.Route{
		rest.Pass[postRequest, enveloped[posted]]("POST", "/status/{sessionId}/update", "status.send", texts...),
		rest.Pass[bodyPostRequest, enveloped[posted]]("POST", "/status/update", "status.send", texts...),
	}
}

type postRequest struct {
	sessionRequest
	postFields
}

// bodyPostRequest has the session in the body.
type bodyPostRequest struct {
	Session string `rest:"sessionId,required,param=/session" missing:"Missing required fields" doc:"id of the session"`
	postFields
}

type postFields struct {
	Content  string   `rest:"content,required" missing:"Missing required fields" max:"65536" doc:"text or caption"`
	Type     string   `rest:"type" enum:"TEXT|IMAGE|VIDEO" doc:"default TEXT"`
	MediaURL address  `rest:"mediaUrl,param=/content/media" doc:"of IMAGE and VIDEO: http(s) address of the file"`
	Color    *argb    `rest:"backgroundColor,param=/content/background_color" doc:"of TEXT: ARGB number"`
	Font     *int     `rest:"font,param=/content/font" doc:"of TEXT: 0 to 20"`
	Mentions []string `rest:"mentions,param=/audience" doc:"JIDs: only these people get it, and are mentioned"`
}

// CompleteParams implements rest.Completer.
func (in *postFields) CompleteParams(p rest.Params) error {
	content, _ := p["content"].(rest.Params)
	if content == nil {
		content = rest.Params{}
		p["content"] = content
	}
	if len(in.Mentions) > 0 {
		p["mentions"] = in.Mentions
	}
	switch in.Type {
	case "", "TEXT":
		content["type"], content["text"] = "text", in.Content
		delete(content, "media")
		return nil
	case "IMAGE", "VIDEO":
	default:
		return rest.Bad("type", "Invalid status type", "must be TEXT, IMAGE or VIDEO")
	}
	word := map[string]string{"IMAGE": "image", "VIDEO": "video"}[in.Type]
	if in.MediaURL == "" {
		return rest.Missing("mediaUrl", "Media URL required for "+word+" status")
	}
	content["type"], content["caption"] = word, in.Content
	delete(content, "background_color")
	delete(content, "font")
	return nil
}

// address is the address of a file, or a data URL.
type address string

// ToParam implements rest.Converter.
func (a address) ToParam(string) (any, error) { return (&rest.File{Text: string(a)}).Media(), nil }

// argb is a colour as a number.
type argb int

// ToParam implements rest.Converter.
func (c argb) ToParam(field string) (any, error) {
	if c < 0 || c > 0xFFFFFFFF {
		return nil, rest.Bad(field, "", "must be an ARGB number of 32 bits")
	}
	return fmt.Sprintf("#%08X", int(c)), nil
}

type posted struct {
	ID string `json:"id" from:"/message_id"`
}
