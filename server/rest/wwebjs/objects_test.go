package wwebjs_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

// results are the results of methods, by name.
type results map[string]string

// Call implements rest.Caller.
func (r results) Call(_ context.Context, _ *rpc.Call, method string, _ json.RawMessage) (json.RawMessage, *rpc.Error) {
	return json.RawMessage(r[method]), nil
}

type admins struct{}

// Authenticate implements rest.Authenticator.
func (admins) Authenticate(context.Context, string) (rpc.Principal, error) {
	return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, nil
}

// request returns the member of the answer to a request whose methods have results.
func (r results) request(t *testing.T, line, body, member string) map[string]any {
	t.Helper()
	r["session.getStatus"] = `{"jid":"15550100001:3@s.whatsapp.net"}`
	s, err := rest.New(r, admins{}, rest.Config{}, wwebjs.New())
	if err != nil {
		t.Fatal(err)
	}
	method, path, _ := strings.Cut(line, " ")
	request := httptest.NewRequest(method, path+"/s1", strings.NewReader(body))
	request.Header.Set("X-Api-Key", "admin")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if list, ok := answer[member].([]any); ok {
		answer[member] = list[0]
	}
	object, ok := answer[member].(map[string]any)
	if !ok {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return object
}

// checkPart compares some members of an object; null = it is absent.
func checkPart(t *testing.T, what, want string, got map[string]any) {
	t.Helper()
	var part map[string]any
	if err := json.Unmarshal([]byte(want), &part); err != nil {
		t.Fatal(err)
	}
	for key, value := range part {
		if have, there := got[key]; value == nil && there || value != nil && !reflect.DeepEqual(have, value) {
			t.Errorf("%s: %s is %v, not %v", what, key, have, value)
		}
	}
}

// Messages of our results become objects of the class Message.
func TestMessages(t *testing.T) {
	const private = `"message_id":"3EB0","chat":"15550100002@s.whatsapp.net","sender":"15550100002@s.whatsapp.net","timestamp":"2026-01-31T12:00:00Z","type":`
	const group = `"message_id":"3EB0","chat":"120363000000000001@g.us","sender":"100000000000001@lid","pn":"15550100003@s.whatsapp.net","timestamp":"2026-01-31T12:00:00Z","type":`
	for name, c := range map[string]struct{ message, want string }{
		"text": {private + `"text","text":"see https://example.com/a?b=1. and more","sender_name":"Bo"`, `{
			"id":{"fromMe":false,"remote":"15550100002@c.us","id":"3EB0","_serialized":"false_15550100002@c.us_3EB0"}, "from":"15550100002@c.us","to":"15550100001@c.us",
			"author":null,"type":"chat","ack":0,"timestamp":1769860800,"_data":{"notifyName":"Bo"},"links":[{"link":"https://example.com/a?b=1","isSuspicious":false}],"vCards":[],"groupMentions":[],"mentionedIds":[]}`},
		"own": {`"from_me":true,"status":"read",` + strings.Replace(private, `"sender":"15550100002@`, `"sender":"15550100001@`, 1) + `"text"`, `{
			"id":{"fromMe":true,"remote":"15550100002@c.us","id":"3EB0","_serialized":"true_15550100002@c.us_3EB0"}, "from":"15550100001@c.us","to":"15550100002@c.us","ack":3,"fromMe":true}`},
		"group": {group + `"text","mentions":["15550100001@s.whatsapp.net"],"reactions":[{}],"quoted":{"message_id":"Q"},"disappearing_seconds":60`, `{
			"id":{"fromMe":false,"remote":"120363000000000001@g.us","id":"3EB0","_serialized":"false_120363000000000001@g.us_3EB0_15550100003@c.us"}, "from":"120363000000000001@g.us",
			"to":"15550100001@c.us","author":"15550100003@c.us","mentionedIds":["15550100001@c.us"],"hasReaction":true,"hasQuotedMsg":true,"isEphemeral":true,"_data":{"quotedStanzaID":"Q"}}`},
		"by LID": {`"chat_pn":"15550100002@s.whatsapp.net",` + strings.Replace(private, `"chat":"15550100002@s.whatsapp.net"`, `"chat":"100000000000002@lid"`, 1) + `"text"`, `{
			"from":"15550100002@c.us"}`},
		"unknown number": {strings.ReplaceAll(private, `15550100002@s.whatsapp.net`, `100000000000002@lid`) + `"text"`, `{"from":"100000000000002@lid","author":null}`},
		"status":         {`"is_status":true,` + strings.Replace(private, `"chat":"15550100002@s.whatsapp.net"`, `"chat":"status@broadcast"`, 1) + `"image","media":{"mime_type":"image/png","size":3,"keys":{"media_key":"AQ=="}}`, `{"from":"status@broadcast","author":"15550100002@c.us","isStatus":true,"hasMedia":true,"mediaKey":"AQ==","type":"image"}`},
		"voice note":     {private + `"audio","media":{"mime_type":"audio/ogg","voice_note":true,"keys":{"duration_seconds":5}}`, `{"type":"ptt","duration":"5","hasMedia":true}`},
		"music":          {private + `"audio","media":{"mime_type":"audio/mpeg"}`, `{"type":"audio","duration":null}`},
		"GIF":            {private + `"video","media":{"mime_type":"video/mp4","gif":true}`, `{"type":"video","isGif":true}`},
		"location":       {private + `"location","location":{"latitude":1.5,"longitude":2,"name":"Quay","address":"1 Port Road"}`, `{"type":"location","location":{"latitude":1.5,"longitude":2,"description":"Quay\n1 Port Road"}}`},
		"card":           {private + `"contact","contacts":[{"vcard":"V"}]`, `{"type":"vcard","body":"V","vCards":["V"]}`},
		"cards":          {private + `"contact","contacts":[{"vcard":"V"},{"vcard":"W"}]`, `{"type":"multi_vcard","vCards":["V","W"]}`},
		"poll":           {private + `"poll","text":"?","poll":{"question":"?","options":[{"text":"a"},{"text":"b"}],"selectable_count":1}`, `{"type":"poll_creation","body":"?","pollName":"?","pollOptions":[{"name":"a","localId":0},{"name":"b","localId":1}],"allowMultipleAnswers":false}`},
		"button":         {private + `"text","text":"Yes","selection":{"kind":"button","id":"yes"}`, `{"type":"buttons_response","selectedButtonId":"yes","selectedRowId":null}`},
		"row":            {private + `"text","selection":{"kind":"row","id":"r1"}`, `{"type":"list_response","selectedRowId":"r1","selectedButtonId":null}`},
		"invite":         {private + `"group_invite","group_invite":{"group":"120363000000000001@g.us","group_name":"Quay","code":"x","expires_at":"2026-01-31T12:00:00Z"}`, `{"type":"groups_v4_invite","inviteV4":{"groupId":"120363000000000001@g.us","groupName":"Quay","inviteCode":"x","inviteCodeExp":1769860800,"fromId":"15550100002@c.us","toId":"15550100001@c.us"}}`},
		"order":          {private + `"order","order":{"order_id":"7","token":"t"}`, `{"type":"order","orderId":"7","token":"t"}`},
		"deleted":        {private + `"text","text":"gone","deleted_at":"2026-01-31T12:00:00Z"`, `{"type":"revoked","body":""}`},
	} {
		r := results{"message.search": `{"messages":[{` + c.message + `}]}`}
		checkPart(t, name, c.want, r.request(t, "POST /client/searchMessages", `{"query":""}`, "messages"))
	}
}

// Chats of our results become objects of the classes Chat and GroupChat.
func TestChats(t *testing.T) {
	for name, c := range map[string]struct{ chat, want string }{
		"person": {`"chat":"15550100002@s.whatsapp.net","name":"Bo","kind":"user","unread_count":-1,"pinned":true`, `{
			"id":{"user":"15550100002","server":"c.us","_serialized":"15550100002@c.us"},"name":"Bo","isGroup":false,"unreadCount":-1,"pinned":true,"muteExpiration":0,"timestamp":0,"lastMessage":null,"groupMetadata":null}`},
		"without a name": {`"chat":"15550100002@s.whatsapp.net","name":null,"kind":"user"`, `{"name":"+15550100002"}`},
		"muted":          {`"chat":"100000000000002@lid","kind":"user","muted":true`, `{"isMuted":true,"muteExpiration":-1,"name":"100000000000002"}`},
		"muted until":    {`"chat":"100000000000002@lid","kind":"user","muted":true,"muted_until":"2026-01-31T12:00:00Z"`, `{"muteExpiration":1769860800}`},
		"group": {`"chat":"120363000000000001@g.us","name":"Quay","kind":"group","last_message_at":"2026-01-31T12:00:00Z","group":{"group":"120363000000000001@g.us","name":"Quay","owner":"15550100001@s.whatsapp.net",
			"created_at":"2026-01-31T12:00:00Z","locked":true,"participants":[{"contact":"100000000000002@lid","is_admin":true}]}`, `{
			"isGroup":true,"timestamp":1769860800,"groupMetadata":{"id":{"user":"120363000000000001","server":"g.us","_serialized":"120363000000000001@g.us"},"subject":"Quay","creation":1769860800,
			"owner":{"user":"15550100001","server":"c.us","_serialized":"15550100001@c.us"},"restrict":true,"announce":false,
			"participants":[{"id":{"user":"100000000000002","server":"lid","_serialized":"100000000000002@lid"},"isAdmin":true,"isSuperAdmin":false}]}}`},
	} {
		r := results{"chat.get": `{"chat":{` + c.chat + `}}`}
		checkPart(t, name, c.want, r.request(t, "POST /client/getChatById", `{"chatId":"15550100002@c.us"}`, "chat"))
	}
}
