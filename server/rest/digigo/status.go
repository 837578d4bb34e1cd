package digigo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func statusRoutes() []rest.Route {
	post := func(kind string) []rest.Option {
		return []rest.Option{
			rest.Family(familyEcho), rest.NeedsBody(), rest.TakesFiles(), rest.Says(kind + "_status"), rest.With(rest.Params{"content": rest.Params{"type": kind}}),
		}
	}
	return []rest.Route{
		rest.Pass[statusText, posted]("POST", "/status/send/text", "status.send", post("text")...),
		rest.Pass[statusImage, posted]("POST", "/status/send/image", "status.send", post("image")...),
		rest.Pass[statusVideo, posted]("POST", "/status/send/video", "status.send", post("video")...),
		rest.Pass[statusAudio, postedAudio]("POST", "/status/send/audio", "status.send", post("audio")...),
	}
}

type statusText struct {
	Text       string `rest:"text,required,param=/content/text" max:"650" doc:"the text"`
	Background colour `rest:"background_color,param=/content/background_color" doc:"ARGB as a decimal number"`
	TextColour colour `rest:"text_color,param=/content/text_color" doc:"ARGB as a decimal number"`
	Font       *int   `rest:"font,param=/content/font" doc:"0, 1, 2 or 6 to 10"`
	ID         string `rest:"id,param=/message_id" doc:"message id; made when missing"`
}

// colour is an ARGB value: a decimal number, or hexadecimal after #.
type colour string

// ToParam implements rest.Converter.
func (c colour) ToParam(field string) (any, error) {
	digits, base := string(c), 10
	if hex, ok := strings.CutPrefix(digits, "#"); ok {
		digits, base = hex, 16
	}
	value, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return nil, rest.Bad(field, "", "must be a colour as a decimal number (ARGB)")
	}
	return fmt.Sprintf("#%08X", value), nil
}

type statusImage struct {
	Image   source `rest:"image,required,param=/content/media" doc:"data URL or address"`
	Caption string `rest:"caption,param=/content/caption" doc:"text under it"`
	ID      string `rest:"id,param=/message_id" doc:"message id; made when missing"`
}

type statusVideo struct {
	Video   source `rest:"video,required,param=/content/media" doc:"data URL or address"`
	Caption string `rest:"caption,param=/content/caption" doc:"text under it"`
	ID      string `rest:"id,param=/message_id" doc:"message id; made when missing"`
}

type statusAudio struct {
	Audio   source `rest:"audio,required,param=/content/media" doc:"data URL or address"`
	Caption string `rest:"caption" max:"1024" doc:"not sent: WhatsApp's audio messages have no text"`
	PTT     bool   `rest:"ptt,param=/content/voice_note" doc:"voice note; default false"`
	ID      string `rest:"id,param=/message_id" doc:"message id; made when missing"`
}

type posted struct {
	MessageID string    `json:"message_id" from:"/message_id"`
	Timestamp time.Time `json:"timestamp" from:"/timestamp"`
	Status    string    `json:"status" from:"=sent"`
	Type      string    `json:"type" from:"="`
}

type postedAudio struct {
	posted
	PTT bool `json:"ptt" from:"<ptt"`
}
