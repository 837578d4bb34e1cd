package digigo

import (
	"errors"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

const (
	badNewsletter = "invalid newsletter ID"
	noContent     = "no message content provided"
)

func newsletterRoutes() []rest.Route {
	text := rest.Family(familyNewsletter)
	body := []rest.Option{text, rest.NeedsBody()}
	says := func(text string) []rest.Option { return append(body[:len(body):len(body)], rest.Says(text)) }
	byInvite := func(text string) []rest.Option { return append(says(text), rest.OnError(unknownInvite)) }
	return []rest.Route{
		rest.Pass[rest.None, shared.NewsletterList]("GET", "/newsletter/list", "newsletter.list", rest.Family(familyEcho)),
		rest.Pass[rest.None, newsletterSubscribed]("GET", "/newsletter/subscribed", "newsletter.list", rest.Family(familySuccessMessage)),
		rest.Pass[newsletterOf, newsletterInfo]("POST", "/newsletter/info", "newsletter.get", append(body, rest.From("/newsletter"))...),
		rest.Pass[newsletterOf, messageAnswer]("POST", "/newsletter/follow", "newsletter.follow", says("Subscribed successfully")...),
		rest.Pass[newsletterOf, messageAnswer]("POST", "/newsletter/unfollow", "newsletter.unfollow", says("Unsubscribed successfully")...),
		rest.Pass[newsletterInvite, newsletterFollowed]("POST", "/newsletter/follow-invite", "newsletter.follow", byInvite("Subscribed successfully")...),
		rest.Pass[newsletterInvite, messageAnswer]("POST", "/newsletter/unfollow-invite", "newsletter.unfollow", byInvite("Unsubscribed successfully")...),
		rest.Pass[newsletterCreate, newsletterCreated]("POST", "/newsletter/create", "newsletter.create",
			rest.Family(familyNewsletterCreate), rest.NeedsBody(), rest.TakesFiles(), rest.Says("Newsletter created successfully")),
		rest.Row("POST", "/newsletter/send", "message.send", sendToNewsletter, append(body, rest.TakesFiles(), rest.Reads[newsletterSent]("message.send"))...),
		rest.Pass[newsletterMute, newsletterMuted]("POST", "/newsletter/mute", "newsletter.setMuted", body...),
		rest.Pass[newsletterPage, newsletterMessages]("POST", "/newsletter/messages", "newsletter.listMessages", body...),
		rest.Pass[newsletterChanges, newsletterUpdates]("POST", "/newsletter/message-updates", "newsletter.listMessageUpdates", body...),
		rest.Pass[newsletterReaction, messageAnswer]("POST", "/newsletter/reaction", "newsletter.react", says("Reaction sent successfully")...),
		rest.Pass[newsletterViewed, messageAnswer]("POST", "/newsletter/mark-viewed", "newsletter.markViewed", says("Messages marked as viewed")...),
		rest.Pass[newsletterTarget, newsletterLive]("POST", "/newsletter/subscribe-live-updates", "newsletter.subscribeLiveUpdates", says("Subscribed to live updates")...),
		rest.Pass[newsletterTerms, messageAnswer]("POST", "/newsletter/accept-tos", "newsletter.acceptTerms", says("Terms of service accepted")...),
		rest.Pass[newsletterAdmin, newsletterInvited]("POST", "/newsletter/admin-invite", "newsletter.sendAdminInvite",
			rest.Family(familyNewsletterInvite), rest.NeedsBody(), rest.TakesFiles(), rest.Says("Newsletter admin invite sent successfully")),
	}
}

// unknownInvite replaces the error for an invite of no newsletter by the document's.
func unknownInvite(err error) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeNotFound {
		return brokenOperation("error getting info", problem.Message)
	}
	return err
}

// messageAnswer is the answer of operations without a result.
type messageAnswer struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"="`
}

type newsletterOf struct {
	JID string `rest:"jid,required,param=/newsletter" bad:"invalid newsletter ID" doc:"address of the newsletter"`
}

// newsletterTarget is newsletterOf for operations with another text for a bad address.
type newsletterTarget struct {
	JID string `rest:"jid,required,param=/newsletter" bad:"invalid JID" doc:"address of the newsletter"`
}

type newsletterInvite struct {
	Code string `rest:"invite_code,required,param=/invite" doc:"code or whole link"`
}

type newsletterFollowed struct {
	messageAnswer
	JID string `json:"jid" from:"/newsletter"`
}

type newsletterCreate struct {
	Name        string `rest:"name,required,param=/name" doc:"cut to 25 characters"`
	Description string `rest:"description,param=/description"`
	Picture     source `rest:"picture,param=/picture" doc:"data URL or HTTP address of a JPEG, PNG, GIF or WebP"`
}

type newsletterCreated struct {
	messageAnswer
	JID  string `json:"jid" from:"/newsletter/newsletter"`
	Name string `json:"name" from:"/newsletter/name"`
}

// newsletterPost has one of message, image, video, document and audio.
type newsletterPost struct {
	JID      string `rest:"jid,required,param=/to" bad:"invalid newsletter ID" doc:"address of the newsletter"`
	Message  string `rest:"message" doc:"text"`
	Image    source `rest:"image" doc:"data URL or HTTP address"`
	Video    source `rest:"video" doc:"data URL or HTTP address"`
	Document source `rest:"document" doc:"data URL or HTTP address"`
	Audio    source `rest:"audio" doc:"data URL or HTTP address; sent as a voice note"`
	Caption  string `rest:"caption" doc:"text under an image or video"`
	Filename string `rest:"filename" doc:"name of a document; default document"`
}

type newsletterSent struct {
	Success   bool      `json:"success" from:"=true"`
	ID        string    `json:"id" from:"/message_id"`
	Timestamp secondsAt `json:"timestamp" from:"/timestamp"`
}

// content returns the field of the request that has the content, and the content for message.send.
func (in *newsletterPost) content() (field string, content rest.Params, err error) {
	if in.Message != "" {
		field, content = "message", rest.Params{"type": "text", "text": in.Message}
	}
	for _, given := range []struct {
		kind string
		file source
	}{{"image", in.Image}, {"video", in.Video}, {"document", in.Document}, {"audio", in.Audio}} {
		kind, file := given.kind, given.file
		switch {
		case file == "":
			continue
		case field != "":
			return kind, nil, rest.Bad(kind, "", "does not go with "+field)
		}
		converted, err := file.ToParam(kind)
		if err != nil {
			return "", nil, err
		}
		media, _ := converted.(rest.Params)
		field, content = kind, rest.Params{"type": kind, "media": media}
		switch kind {
		case "document":
			media["filename"] = "document"
			if in.Filename != "" {
				media["filename"] = in.Filename
			}
		case "audio":
			content["voice_note"] = true
		default:
			content["caption"] = in.Caption
		}
	}
	if field == "" {
		return "", nil, rest.Missing("message", noContent)
	}
	return field, content, nil
}

func sendToNewsletter(x *rest.Exchange, in *newsletterPost) (*newsletterSent, error) {
	if !strings.HasSuffix(in.JID, "@newsletter") {
		return nil, rest.Bad("jid", badNewsletter, "is not the address of a newsletter")
	}
	field, content, err := in.content()
	if err != nil {
		return nil, err
	}
	answer := &newsletterSent{}
	err = x.Read("message.send", rest.Params{"to": in.JID, "content": content}, answer)
	return answer, namedField(err, map[string]string{"/content/caption": "caption", "/content/media/filename": "filename", "/content": field})
}

// namedField names the field of a request in an error about a param. fields has them by the beginning of the pointer; the longest counts.
func namedField(err error, names map[string]string) error {
	var problem *rpc.Error
	if !errors.As(err, &problem) || problem.Code != rpc.CodeInvalidParams {
		return err
	}
	details, _ := problem.Details.(map[string]any)
	fields, _ := details["fields"].(rpc.Fields)
	for _, bad := range fields {
		longest := ""
		for pointer := range names {
			if strings.HasPrefix(bad.Pointer, pointer) && len(pointer) > len(longest) {
				longest = pointer
			}
		}
		if longest != "" {
			return rest.Bad(names[longest], "", bad.Problem)
		}
	}
	return err
}

type newsletterMute struct {
	newsletterTarget
	Mute bool `rest:"mute,required,param=/muted"`
}

type newsletterMuted struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message"`
	Muted   bool   `json:"-" from:"/muted"`
}

// FinishAnswer implements rest.Finisher.
func (m *newsletterMuted) FinishAnswer() error {
	m.Message = "Notifications unmuted successfully"
	if m.Muted {
		m.Message = "Notifications muted successfully"
	}
	return nil
}

type newsletterPage struct {
	newsletterOf
	Count  int `rest:"count,param=/limit" doc:"number of messages; default 25"`
	Before int `rest:"before,param=/before_server_id" doc:"older than this message"`
}

type newsletterChanges struct {
	newsletterTarget
	Count int         `rest:"count,param=/limit" doc:"number of messages; default 100"`
	Since unixSeconds `rest:"since,param=/since" doc:"Unix seconds"`
	After int         `rest:"after,param=/after_server_id" doc:"newer than this message"`
}

type newsletterReaction struct {
	newsletterTarget
	ServerID int     `rest:"server_id,required,param=/server_id"`
	Reaction *string `rest:"reaction,required,param=/emoji" doc:"empty removes the reaction"`
}

type newsletterViewed struct {
	newsletterTarget
	ServerIDs []int `rest:"server_ids,required,param=/server_ids"`
}

type newsletterLive struct {
	messageAnswer
	Duration float64 `json:"duration" from:"/duration_seconds"`
}

type newsletterTerms struct {
	NoticeID string `rest:"notice_id,param=/notice_id" doc:"default 20601218"`
	Stage    string `rest:"stage,param=/stage" doc:"default 5"`
}

type newsletterAdmin struct {
	Phone      string `rest:"phone,required,param=/contact" doc:"number of the invited person"`
	Newsletter string `rest:"newsletter_jid,required,param=/newsletter"`
	Image      source `rest:"image,required,param=/thumbnail" doc:"data URL or HTTP address"`
	Caption    string `rest:"caption,required,param=/caption"`
	Name       string `rest:"name,required,param=/name" doc:"name of the newsletter as the invitation shows it"`
}

type newsletterInvited struct {
	messageAnswer
	ID         string    `json:"id" from:"/message_id"`
	Timestamp  secondsAt `json:"timestamp" from:"/timestamp"`
	Recipient  string    `json:"recipient" from:"<phone"`
	Newsletter string    `json:"newsletter_jid" from:"<newsletter_jid"`
	Name       string    `json:"invite_name" from:"<name"`
	ExpiresAt  secondsAt `json:"expires_at" from:"/expires_at"`
}
