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
	// IsFromAPI marks what was sent through this server, for receivers written for DIGIGO; wuzapi does not know it.
	IsFromAPI bool `json:",omitempty"`
}

// kinds are what WhatsApp calls the type of a message and, of one with media, what kind. Types that are not here are
// "text".
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

// edits are what messages do to an earlier one, with WhatsApp's numbers for it.
var edits = map[string]string{"edit": "1", "pin": "2", "revoke": "7"}

func message(e *payload.Event) (p jsonData, ok bool, err error) {
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
		Target     struct{ Action string }
		Media      *file
		Raw        json.RawMessage
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
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
	if data.ServerID != nil {
		event.Info.ServerID = *data.ServerID
	}
	raw, err := protoNames(data.Raw)
	if err != nil {
		return p, false, err
	}
	if raw == nil { // too large for the event
		raw = content(data.Type, payload.First(data.Text), data.Media)
	}
	event.RawMessage = raw
	event.Message = event.unwrap(raw)
	return jsonData{Type: "Message", Event: event}, true, nil
}

// file is what an event says about a file, whatever its size.
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

// content is the message as far as the event knows it without its original: enough to read it, and to download its file.
func content(kind, words string, f *file) map[string]any {
	if f == nil || kinds[kind].kind != "media" {
		return map[string]any{"conversation": words}
	}
	inner := map[string]any{
		"url": f.Keys.URL, "mimetype": payload.First(f.MimeType), "fileLength": f.Size, "mediaKey": f.Keys.MediaKey, "directPath": f.Keys.DirectPath,
		"fileSha256": f.Keys.FileSHA256, "fileEncSha256": f.Keys.FileEncSHA256,
	}
	if words != "" {
		inner["caption"] = words
	}
	if f.Filename != nil {
		inner["fileName"] = *f.Filename
	}
	return map[string]any{kind + "Message": inner}
}

// unwrap takes the content out of the envelopes that WhatsApp puts around it and notes which there were, in the order
// in which whatsmeow does.
func (m *messageEvent) unwrap(raw map[string]any) map[string]any {
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

// protoNames reads a message in the JSON form of protocol buffers and gives it the form that encoding/json makes of the
// Go structs of that time: URL is url, fileSHA256 is fileSha256, and 64-bit numbers are numbers. Enumerations stay names.
func protoNames(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, err
	}
	renamed, _ := rename(decoded, lowerRuns, func(name string, value any) any {
		if digits, ok := value.(string); ok && longNumbers[name] && json.Valid([]byte(digits)) {
			return json.Number(digits)
		}
		return value
	}).(map[string]any)
	return renamed, nil
}

// longNumbers are the fields of 64 bits, which the JSON form of protocol buffers writes as strings.
var longNumbers = map[string]bool{
	"fileLength": true, "mediaKeyTimestamp": true, "timestamp": true, "timestampMs": true, "senderTimestamp": true,
	"senderTimestampMs": true, "recipientTimestamp": true, "ephemeralSettingTimestamp": true, "expiryTimestamp": true,
	"inviteExpiration": true, "startTime": true, "endTime": true, "optionVoteCount": true, "stickerPackSize": true,
	"priceAmount1000": true, "salePriceAmount1000": true, "totalAmount1000": true, "labelTimestamp": true,
}
