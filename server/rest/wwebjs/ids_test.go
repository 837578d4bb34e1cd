package wwebjs

import (
	"encoding/json"
	"slices"
	"testing"
)

// Ids of chats and people are converted in both directions.
func TestIDs(t *testing.T) {
	for address, id := range map[string]string{
		"15550100002@s.whatsapp.net":    "15550100002@c.us",
		"15550100002:7@s.whatsapp.net":  "15550100002@c.us",
		"100000000000001:7@lid":         "100000000000001@lid",
		"100000000000001@lid":           "100000000000001@lid",
		"120363000000000001@g.us":       "120363000000000001@g.us",
		"15550100002-1500000000@g.us":   "15550100002-1500000000@g.us",
		"status@broadcast":              "status@broadcast",
		"120363000000000001@newsletter": "120363000000000001@newsletter",
		"":                              "",
		"key":                           "key",
	} {
		if got := outside(address); got != id {
			t.Errorf("%s is %s outside, not %s", address, got, id)
		}
	}
	for id, address := range map[string]string{
		"15550100002@c.us": "15550100002@s.whatsapp.net", "15550100002": "15550100002", "15550100002@s.whatsapp.net": "15550100002@s.whatsapp.net",
		"100000000000001@lid": "100000000000001@lid", "120363000000000001@g.us": "120363000000000001@g.us", "no address": "no address",
	} {
		if got := native(id); got != address {
			t.Errorf("%s becomes %s, not %s", id, got, address)
		}
	}
	if all, _ := chatIDs([]string{"15550100002@c.us", "15550100003"}).ToParam(""); !slices.Equal(all.([]string), []string{"15550100002@s.whatsapp.net", "15550100003"}) {
		t.Errorf("list %v", all)
	}
	var w wid
	if err := json.Unmarshal([]byte(`"15550100002:7@s.whatsapp.net"`), &w); err != nil || w != (wid{"c.us", "15550100002", "15550100002@c.us"}) {
		t.Errorf("%+v %v", w, err)
	}
}

// Ids of messages are accepted alone and in their serialised form, which answers have.
func TestMessageIDs(t *testing.T) {
	const id, chat, group, author = "3EB0C767D82EFB1A", "15550100002@c.us", "120363000000000001@g.us", "15550100003@c.us"
	for text, want := range map[string]string{
		id:                        id,
		"true_" + chat + "_" + id: id,
		"false_" + group + "_" + id + "_" + author: id,
		"false_" + group + "_my_own_id_" + author:  "my_own_id",
		"true_" + chat + "_my_own_id":              "my_own_id",
		"true_" + chat:                             "true_" + chat,
		"true_" + chat + "_":                       "true_" + chat + "_",
		"my_own_id":                                "my_own_id",
		"true_own@x":                               "true_own@x",
	} {
		if got, _ := messageID(text).ToParam(""); got != want {
			t.Errorf("%s becomes %v, not %s", text, got, want)
		}
	}
	for _, key := range []messageKey{keyOf(true, chat, id, ""), keyOf(false, group, id, author)} {
		if got, ok := parseKey(key.Serialized); !ok || got != key {
			t.Errorf("%+v is read as %+v", key, got)
		}
	}
	if got := keyOf(false, group, id, author).Serialized; got != "false_"+group+"_"+id+"_"+author {
		t.Errorf("serialised %s", got)
	}
}
