package message

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

func TestCheckStorable(t *testing.T) {
	for text, field := range map[string]string{
		`{"type":"text","text":"Hi"}`:                                       "",
		`{"type":"text","text":" "}`:                                        "text",
		`{"type":"text","text":"x","target":{"message_id":"1"}}`:            "target",
		`{"type":"text","text":"https://example.com","link_preview":true}`:  "",
		`{"type":"image"}`:                                                  "media",
		`{"type":"image","media":{"media_id":"x"}}`:                         "",
		`{"type":"image","media":{"media_id":"x"},"parent_message_id":"1"}`: "parent_message_id",
		`{"type":"contact"}`:                                                "contacts",
		`{"type":"poll","question":"?","options":["a"]}`:                    "options",
		`{"type":"poll_vote","target":{"message_id":"1"}}`:                  "type",
		`{"type":"location","latitude":1}`:                                  "longitude",
		`{"type":"location","location":{"latitude":1,"longitude":2}}`:       "",
		`{"type":"event","name":"x"}`:                                       "start_at",
		`{"type":"event","name":"x","start_at":"2030-01-01T00:00:00Z"}`:     "",
		`{"type":"album"}`:                                                  "type",
		`{"type":"x"}`:                                                      "type",
		`{"type":"native_flow","text":"x","message_params":{"a":1},"buttons":[{"name":"cta_url","params":{"url":"https://example.com"}}]}`: "",
	} {
		var c Content
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(text, err)
		}
		var e *wa.Error
		if err := c.CheckStorable(); field == "" && err != nil || field != "" && (!errors.As(err, &e) || e.Field != field) {
			t.Errorf("%s: %v", text, err)
		}
		raw, err := json.Marshal(c)
		var again Content
		if err == nil {
			err = json.Unmarshal(raw, &again)
		}
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%s is stored as %s: %+v, %v", text, raw, again, err)
		}
	}
}
