package wuzapi

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type messageEvent struct {
	Info                  messageInfo
	Message               any
	IsEphemeral           bool
	IsViewOnce            bool
	IsViewOnceV2          bool
	IsDocumentWithCaption bool
	IsEdit                bool
	SourceWebMsg          any
	UnavailableRequestID  string
	RetryCount            int
	NewsletterMeta        any
	RawMessage            any
}

type messageInfo struct {
	source
	ID             string
	ServerID       int
	Type           string
	PushName       string
	Timestamp      time.Time
	Category       string
	Multicast      bool
	MediaType      string
	Edit           string
	VerifiedName   any
	DeviceSentMeta any
	MsgBotInfo     botInfo
	MsgMetaInfo    metaInfo
	// IsFromAPI marks messages sent through this server, for receivers written for DIGIGO; wuzapi does not know it.
	IsFromAPI bool `json:",omitempty"`
}

// botInfo is whatsmeow's MsgBotInfo.
type botInfo struct {
	EditType              string
	EditTargetID          string
	EditSenderTimestampMS time.Time
}

// metaInfo is whatsmeow's MsgMetaInfo.
type metaInfo struct {
	TargetID               string
	TargetSender           string
	TargetChat             string
	DeprecatedLIDSession   *bool
	ThreadMessageID        string
	ThreadMessageSenderJID string
}

// sentMeta is whatsmeow's DeviceSentMeta.
type sentMeta struct {
	DestinationJID string
	Phash          string
}

// stanza contains the data of the message's stanza beyond its content.
type stanza struct {
	Category  string
	Multicast bool
	Bot       *struct {
		EditType string     `json:"edit_type"`
		TargetID string     `json:"target_id"`
		SentAt   *time.Time `json:"sent_at"`
	}
	Meta *struct {
		TargetID     string `json:"target_id"`
		TargetSender string `json:"target_sender"`
		TargetChat   string `json:"target_chat"`
		Deprecated   *bool  `json:"deprecated_lid_session"`
		ThreadID     string `json:"thread_id"`
		ThreadSender string `json:"thread_sender"`
	}
	VerifiedName json.RawMessage `json:"verified_name"`
	DeviceSent   *struct {
		Destination string
		Phash       string
	} `json:"device_sent"`
}

func (s *stanza) fillInfo(info *messageInfo) {
	info.Category, info.Multicast = s.Category, s.Multicast
	if s.Bot != nil {
		info.MsgBotInfo = botInfo{EditType: s.Bot.EditType, EditTargetID: s.Bot.TargetID}
		if s.Bot.SentAt != nil {
			info.MsgBotInfo.EditSenderTimestampMS = *s.Bot.SentAt
		}
	}
	if s.Meta != nil {
		info.MsgMetaInfo = metaInfo{
			s.Meta.TargetID, s.Meta.TargetSender, s.Meta.TargetChat, s.Meta.Deprecated, s.Meta.ThreadID, s.Meta.ThreadSender,
		}
	}
	if s.VerifiedName != nil {
		info.VerifiedName = s.VerifiedName
	}
	if s.DeviceSent != nil {
		info.DeviceSentMeta = sentMeta{s.DeviceSent.Destination, s.DeviceSent.Phash}
	}
}

// kinds are WhatsApp's names for the type of a message and of its media. Types that are not listed are "text".
var kinds = map[string]struct{ kind, media string }{
	"image":    {"media", "image"},
	"video":    {"media", "video"},
	"audio":    {"media", "audio"},
	"document": {"media", "document"},
	"sticker":  {"media", "sticker"},
	"location": {"media", "location"},
	"contact":  {"media", "vcard"},
	"reaction": {"reaction", ""},
	"poll":     {"poll", ""},
}

// edits are the changes of an earlier message, with WhatsApp's numbers for them.
var edits = map[string]string{"edit": "1", "pin": "2", "revoke": "7"}

func messageShape(e *payload.Event) (p jsonData, ok bool, err error) {
	var data struct {
		payload.Origin
		MessageID  string  `json:"message_id"`
		SenderName *string `json:"sender_name"`
		Timestamp  time.Time
		Type       string
		Text       *string
		ViewOnce   bool `json:"view_once"`
		ServerID   *int `json:"server_id"`
		RetryCount int  `json:"retry_count"`
		FromAPI    bool `json:"from_api"`
		// EchoRequested: the session or the call asked for the event of its own message.
		EchoRequested bool `json:"echo_requested"`
		Target        struct{ Action string }
		Media         *file
		Stanza        stanza
		Raw           json.RawMessage
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
	}
	if data.FromAPI && !data.EchoRequested {
		return p, false, nil // wuzapi sends no event for messages sent by its own API: receivers would reply to themselves
	}
	kind, known := kinds[data.Type]
	if !known {
		kind.kind = "text"
	}
	event := messageEvent{
		Info: messageInfo{
			source: sourceOf(&data.Origin), ID: data.MessageID, Type: kind.kind, MediaType: kind.media, PushName: payload.First(data.SenderName),
			Timestamp: data.Timestamp, Edit: edits[data.Target.Action], IsFromAPI: data.FromAPI,
		},
		IsViewOnce: data.ViewOnce, IsEdit: data.Target.Action == "edit", RetryCount: data.RetryCount,
	}
	data.Stanza.fillInfo(&event.Info)
	if data.ServerID != nil {
		event.Info.ServerID = *data.ServerID
	}
	raw, err := originalMessage(e, data.Raw)
	if err != nil {
		return p, false, err
	}
	if raw == nil { // too large for the event, and not in the store
		raw = contentOf(data.Type, payload.First(data.Text), data.Media)
	}
	bothSpellings(raw)
	event.RawMessage = raw
	event.Message = event.unwrapContent(raw)
	return jsonData{Type: "Message", Event: event}, true, nil
}

// file is the description of a file in an event, regardless of its size.
type file struct {
	MimeType *string `json:"mime_type"`
	Filename *string
	Size     uint64
	Keys     struct {
		URL           string
		MediaKey      []byte `json:"media_key"`
		DirectPath    string `json:"direct_path"`
		FileSHA256    []byte `json:"file_sha256"`
		FileEncSHA256 []byte `json:"file_enc_sha256"`
	}
}

// contentOf is the message as far as the event knows it without its original: enough to read it, and to download its file.
func contentOf(kind, words string, f *file) map[string]any {
	if f == nil || kinds[kind].kind != "media" {
		return map[string]any{"conversation": words}
	}
	inner := map[string]any{
		"URL": f.Keys.URL, "mimetype": payload.First(f.MimeType), "fileLength": f.Size, "mediaKey": f.Keys.MediaKey, "directPath": f.Keys.DirectPath,
		"fileSHA256": f.Keys.FileSHA256, "fileEncSHA256": f.Keys.FileEncSHA256,
	}
	if words != "" {
		inner["caption"] = words
	}
	if f.Filename != nil {
		inner["fileName"] = *f.Filename
	}
	return map[string]any{kind + "Message": inner}
}

// unwrapContent takes the content out of the envelopes that WhatsApp puts around it and notes which there were, in the order
// in which whatsmeow does.
func (m *messageEvent) unwrapContent(raw map[string]any) map[string]any {
	content := raw
	for _, envelope := range []struct {
		name string
		note func()
	}{
		{"deviceSentMessage", func() {}},
		{"botInvokeMessage", func() {}},
		{"ephemeralMessage", func() { m.IsEphemeral = true }},
		{"viewOnceMessage", func() { m.IsViewOnce = true }},
		{"viewOnceMessageV2", func() { m.IsViewOnce, m.IsViewOnceV2 = true, true }},
		{"viewOnceMessageV2Extension", func() { m.IsViewOnce, m.IsViewOnceV2 = true, true }},
		{"lottieStickerMessage", func() {}},
		{"documentWithCaptionMessage", func() { m.IsDocumentWithCaption = true }},
		{"editedMessage", func() { m.IsEdit = true }},
	} {
		outer, _ := content[envelope.name].(map[string]any)
		if inner, ok := outer["message"].(map[string]any); ok {
			content = inner
			envelope.note()
		}
	}
	return content
}

// originalMessage returns the message as the Go structs of whatsmeow encode it; nil when the event has no original. Numbers keep
// their digits.
func originalMessage(e *payload.Event, raw json.RawMessage) (decoded map[string]any, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if e.GoJSON != nil {
		if raw, err = e.GoJSON(raw); err != nil {
			return nil, err
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&decoded)
	return decoded, err
}
