package wuzapi

import (
	"errors"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func chatRoutes() []rest.Route {
	routes := []rest.Route{
		rest.Row("POST", "/chat/presence", "presence.setChatState", setPresence, rest.NeedsBody(), rest.FailText("Failure sending chat presence to Whatsapp servers")),
		rest.Row("POST", "/chat/markread", "chat.markRead", markRead, rest.NeedsBody(), rest.FailText("Failure marking messages as read")),
		rest.Row("POST", "/chat/react", "message.react", react, rest.NeedsBody(), rest.FailText(sendFailed)),
	}
	for _, kind := range []string{"image", "video", "audio", "document"} {
		routes = append(routes, rest.Row("POST", "/chat/download"+kind, "media.download", download(kind),
			rest.NeedsBody(), rest.FailText("Failed to download "+kind+" %s")))
	}
	return routes
}

type presenceRequest struct {
	Phone string `rest:",required,param=/chat" bad:"Could not parse Phone" doc:"number, or JID of a person or group"`
	State string `rest:",required,param=/state" enum:"composing|paused" doc:"what to show"`
	Media string `doc:"audio for recording"`
}

func setPresence(x *rest.Exchange, in *presenceRequest) (*details, error) {
	state := in.State
	switch in.Media {
	case "", "text":
	case "audio":
		if state == "composing" {
			state = "recording"
		}
	default:
		return nil, rest.Bad("Media", "", "must be empty or audio")
	}
	const done = "Chat presence set successfuly" //nolint:misspell // callers compare the document's own spelling
	return &details{done}, x.Call("presence.setChatState", rest.Params{"chat": in.Phone, "state": state}, nil)
}

type markReadRequest struct {
	ID     rest.Strings `rest:"Id,required,param=/message_ids" doc:"messages"`
	Chat   string       `rest:",required,param=/chat" doc:"JID of the chat"`
	Sender string       `rest:",param=/sender" doc:"their author; needed in groups when the server does not know the messages"`
}

// nameAuthor returns the failure of an action on a message that the server does not know, and whose author the request does
// not name either: every message from before the session came here. Other errors stay.
func nameAuthor(err error, field string) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeNotFound {
		return rest.Missing(field, "")
	}
	return err
}

func markRead(x *rest.Exchange, in *markReadRequest) (*details, error) {
	p := rest.Params{"chat": in.Chat, "message_ids": in.ID}
	if in.Sender != "" {
		p["sender"] = in.Sender
	}
	return &details{"Message(s) marked as read"}, nameAuthor(x.Call("chat.markRead", p, nil), "Sender")
}

type reactRequest struct {
	Phone string `rest:",required,param=/chat" bad:"Could not parse Group JID" doc:"number, or JID of a person or group"`
	Body  string `rest:",required,param=/emoji" doc:"emoji; the word remove takes the reaction back"`
	ID    string `rest:"Id,required,param=/message_id" doc:"message; me: before it for one's own"`
	// Participant is a field of later versions.
	Participant string `rest:",param=/sender" doc:"who sent it; needed in groups when the server does not know the message"`
}

func react(x *rest.Exchange, in *reactRequest) (*sent, error) {
	id, own := strings.CutPrefix(in.ID, "me:")
	p := rest.Params{"chat": in.Phone, "message_id": id, "emoji": in.Body, "from_me": own}
	if in.Body == "remove" {
		p["emoji"] = ""
	}
	if in.Participant != "" && !own {
		p["sender"] = in.Participant
	}
	var result struct{ Timestamp time.Time }
	err := x.Call("message.react", p, &result)
	return &sent{"Sent", id, result.Timestamp}, nameAuthor(err, "Participant")
}

type downloadRequest struct {
	URL           string `rest:"Url,param=/url" doc:"address of the encrypted file; may be missing when DirectPath is there"`
	DirectPath    string `rest:",param=/direct_path" doc:"its path"`
	MediaKey      string `rest:",required,param=/media_key" doc:"base64"`
	Mimetype      string `rest:",required,param=/mime_type" doc:"type for the answer"`
	FileEncSHA256 string `rest:",param=/file_enc_sha256" doc:"base64"`
	FileSHA256    string `rest:",required,param=/file_sha256" doc:"base64"`
	FileLength    int64  `rest:",required,param=/file_length" doc:"bytes"`
}

type downloaded struct {
	Mimetype string
	Data     string `doc:"data URL"`
}

func download(kind string) func(*rest.Exchange, *downloadRequest) (*downloaded, error) {
	return func(x *rest.Exchange, in *downloadRequest) (*downloaded, error) {
		if in.URL == "" && in.DirectPath == "" {
			return nil, rest.Missing("Url", "")
		}
		p := rest.Params{
			"kind": kind, "media_key": in.MediaKey, "mime_type": in.Mimetype, "file_sha256": in.FileSHA256, "file_length": in.FileLength,
		}
		if in.URL != "" {
			p["url"] = in.URL
		}
		if in.DirectPath != "" {
			p["direct_path"] = in.DirectPath
		}
		if in.FileEncSHA256 != "" {
			p["file_enc_sha256"] = in.FileEncSHA256
		}
		var result struct{ Media struct{ Base64 string } }
		if err := x.Call("media.download", p, &result); err != nil {
			return nil, err
		}
		_, encoded, _ := strings.Cut(result.Media.Base64, ";base64,")
		return &downloaded{in.Mimetype, "data:" + in.Mimetype + ";base64," + encoded}, nil
	}
}
