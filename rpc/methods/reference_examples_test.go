package methods_test

import (
	"bytes"
	"encoding/json"
	"strings"
)

// exampleParams are the params of examples for which the ones that exampleCall derives from the schema would be refused or uninteresting.
// They fit the server on which package server runs the examples: the session demo, the numbers
// 15550100001 (its own) and 15550100002.
var exampleParams = map[string]string{
	"account.create":                  `{"name":"Anna","email":"anna@example.com","password":"correct horse","role":"OWNER"}`,
	"account.register":                `{"name":"Anna","email":"anna@example.com","password":"correct horse"}`,
	"account.login":                   `{"email":"anna@example.com","password":"correct horse"}`,
	"account.createApiKey":            `{"name":"reports","effects":["read"],"expires_at":"2030-01-31T00:00:00Z"}`,
	"account.update":                  `{"account_id":"acc_example","role":"STAFF"}`,
	"account.delete":                  `{"account_id":"acc_example"}`,
	"account.revokeApiKey":            `{"key_id":"key_example"}`,
	"session.grantAccess":             `{"session":"demo","email":"staff@example.com"}`,
	"session.revokeAccess":            `{"session":"demo","account_id":"acc_example"}`,
	"session.update":                  `{"session":"demo","name":"Front desk"}`,
	"session.setProxy":                `{"enabled":true,"url":"socks5://proxy.example.com:1080"}`,
	"session.requestPairingCode":      `{"phone":"15550100001"}`,
	"archive.deleteMany":              `{"status":"delivered","until":"2026-01-31T00:00:00Z","confirm":true}`,
	"archive.replay":                  `{"status":"dead_letter","transport":"webhook","limit":100,"remove_after":true}`,
	"automation.createAutoReply":      `{"keyword":"opening hours","match":"contains","content":{"type":"text","text":"We are open from 9 to 5."}}`,
	"automation.updateSettings":       `{"command_access":"specific","command_allowed":["15550100002"],"welcome_message":"Welcome!"}`,
	"chat.setMuted":                   `{"chat":"15550100002","muted":true,"duration_seconds":28800}`,
	"conn.hello":                      `{"protocol":1,"client":{"name":"crm","version":"1.0"},"consumer":"crm","from":"oldest","filters":[{"types":["Message"]}]}`,
	"events.ack":                      `{"offset":0}`,
	"events.seek":                     `{"time":"2026-01-31T00:00:00Z"}`,
	"events.subscribe":                `{"filters":[{"types":["Message","Receipt"]},{"types":["ChatPresence"],"include_volatile":true}]}`,
	"group.create":                    `{"name":"Friends","participants":["15550100002"]}`,
	"group.getInviteInfo":             `{"invite":"https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"}`,
	"group.join":                      `{"invite":"https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"}`,
	"group.setPicture":                `{"group":"120363000000000001@g.us","media":` + examplePicture + `}`,
	"group.updateSettings":            `{"group":"120363000000000001@g.us","announce":true}`,
	"media.download":                  `{"kind":"image","url":"https://mmg.whatsapp.net/d/f/example.enc","media_key":"` + exampleKey + `","file_sha256":"` + exampleKey + `","file_length":68}`,
	"media.upload":                    `{"media":` + examplePicture + `}`,
	"message.reportSpam":              `{"message_id":"3EB0C767D26B1C4A2F12","chat":"15550100002","timestamp":"2026-01-31T12:00:00Z","flow":"contact_info"}`,
	"message.send":                    `{"to":"15550100002","content":{"type":"text","text":"Hello"}}`,
	"message.sendBulk":                `{"recipients":["15550100002"],"content":{"type":"text","text":"Closed on Monday"}}`,
	"message.sendRepeated":            `{"to":"15550100002","content":{"type":"text","text":"Wake up"},"count":3}`,
	"schedule.create":                 `{"to":"15550100002","content":{"type":"text","text":"Your appointment is tomorrow"},"send_at":"2030-01-31T09:00:00Z"}`,
	"schedule.update":                 `{"schedule_id":"01K8R220T32Z935QZY4VB17083","send_at":"2030-01-31T10:00:00Z"}`,
	"schedule.deleteAll":              `{"confirm":true}`,
	"message.sendAudio":               `{"to":"15550100002","media":{"media_id":"demo-0123456789abcdef"}}`,
	"message.sendButtons":             `{"to":"15550100002","text":"Coming?","buttons":[{"type":"reply","id":"yes","label":"Yes"},{"type":"reply","id":"no","label":"No"}]}`,
	"message.sendCarousel":            `{"to":"15550100002","text":"Two rooms","cards":[{"text":"Garden","buttons":[{"type":"reply","id":"garden","label":"Take it"}]},{"text":"Street","buttons":[{"type":"reply","id":"street","label":"Take it"}]}]}`,
	"message.sendContact":             `{"to":"15550100002","contacts":[{"contact":"15550100002"}]}`,
	"message.sendDocument":            `{"to":"15550100002","media":{"media_id":"demo-0123456789abcdef","filename":"report.pdf"}}`,
	"message.sendEvent":               `{"to":"15550100002","name":"Dinner","start_at":"2030-01-31T19:00:00+01:00"}`,
	"message.sendImage":               `{"to":"15550100002","media":` + examplePicture + `,"caption":"A dot"}`,
	"message.sendList":                `{"to":"15550100002","text":"Which day?","button_text":"Days","sections":[{"rows":[{"id":"mon","title":"Monday"},{"id":"tue","title":"Tuesday"}]}]}`,
	"message.sendLocation":            `{"to":"15550100002","latitude":52.52,"longitude":13.405,"name":"Berlin"}`,
	"message.sendPoll":                `{"to":"15550100002","question":"Which day?","options":["Monday","Tuesday"]}`,
	"message.sendSticker":             `{"to":"15550100002","media":{"media_id":"demo-0123456789abcdef"}}`,
	"message.sendText":                `{"to":"15550100002","text":"Hello","_meta":{"idempotency_key":"order-17-paid"}}`,
	"message.sendVideo":               `{"to":"15550100002","media":{"media_id":"demo-0123456789abcdef"}}`,
	"privacy.updateSettings":          `{"last_seen":"contacts","read_receipts":"all"}`,
	"profile.setPicture":              `{"media":` + examplePicture + `}`,
	"sandbox.awaitMessage":            `{"account":"15550100002","text":"Hello","wait_seconds":1}`,
	"sandbox.awaitStanza":             `{"account":"15550100002","wait_seconds":1}`,
	"sandbox.createAccount":           `{"number":"15550100003","push_name":"Echo","auto_reply":"echo"}`,
	"sandbox.editNewsletterPost":      `{"account":"15550100002","newsletter":"120363000000000002@newsletter","message_id":"3EB0C767D26B1C4A2F11","text":"Corrected"}`,
	"sandbox.enterPairingCode":        `{"account":"15550100002","code":"ABCD-EFGH"}`,
	"sandbox.followNewsletter":        `{"account":"15550100002","newsletter":"120363000000000002@newsletter"}`,
	"sandbox.injectFault":             `{"kind":"refuse_send","session":"demo","code":463}`,
	"sandbox.postToNewsletter":        `{"account":"15550100002","newsletter":"120363000000000002@newsletter","text":"News"}`,
	"sandbox.reactToNewsletterPost":   `{"account":"15550100002","newsletter":"120363000000000002@newsletter","server_id":100,"emoji":"👍"}`,
	"sandbox.revokeNewsletterPost":    `{"account":"15550100002","newsletter":"120363000000000002@newsletter","message_id":"3EB0C767D26B1C4A2F11"}`,
	"sandbox.scanQrCode":              `{"account":"15550100001","session":"demo"}`,
	"sandbox.send":                    `{"account":"15550100002","to":"15550100001","content":{"type":"text","text":"Hello"}}`,
	"sandbox.setNewsletterPicture":    `{"account":"15550100002","newsletter":"120363000000000002@newsletter"}`,
	"sandbox.setRestrictionRule":      `{"account":"15550100001","unregistered_sends":3,"seconds":86400}`,
	"notification.create":             `{"title":"Maintenance","message":"The server restarts at noon.","everyone":true}`,
	"newsletter.get":                  `{"invite":"https://whatsapp.com/channel/0029Va4K0PZ5a245NkngBA2M"}`,
	"newsletter.follow":               `{"newsletter":"120363000000000002@newsletter"}`,
	"newsletter.unfollow":             `{"newsletter":"120363000000000002@newsletter"}`,
	"newsletter.setMuted":             `{"newsletter":"120363000000000002@newsletter","muted":true}`,
	"newsletter.listMessages":         `{"newsletter":"120363000000000002@newsletter","limit":25}`,
	"newsletter.listMessageUpdates":   `{"newsletter":"120363000000000002@newsletter","since":"2026-01-31T12:00:00Z"}`,
	"newsletter.react":                `{"newsletter":"120363000000000002@newsletter","server_id":100,"emoji":"👍"}`,
	"newsletter.markViewed":           `{"newsletter":"120363000000000002@newsletter","server_ids":[100,101]}`,
	"newsletter.subscribeLiveUpdates": `{"newsletter":"120363000000000002@newsletter"}`,
	"newsletter.create":               `{"name":"News","description":"From the harbour"}`,
	"newsletter.acceptTerms":          `{"notice_id":"20601218","stage":"5"}`,
	"newsletter.sendAdminInvite":      `{"newsletter":"120363000000000002@newsletter","contact":"15550100002","caption":"Join us"}`,
	"sandbox.acceptNewsletterInvite":  `{"account":"15550100002","newsletter":"120363000000000002@newsletter"}`,
	"sandbox.deleteNewsletter":        `{"account":"15550100002","newsletter":"120363000000000002@newsletter"}`,
	"sandbox.demoteNewsletterAdmin":   `{"account":"15550100002","newsletter":"120363000000000002@newsletter","contact":"15550100001"}`,
	"sandbox.revokeNewsletterInvite":  `{"account":"15550100002","newsletter":"120363000000000002@newsletter","contact":"15550100001"}`,
	"sandbox.transferNewsletter":      `{"account":"15550100002","newsletter":"120363000000000002@newsletter","contact":"15550100001"}`,
	"sandbox.inviteNewsletterAdmin":   `{"account":"15550100002","newsletter":"120363000000000002@newsletter","contact":"15550100001","caption":"Join us"}`,
	"sandbox.viewNewsletterPosts":     `{"account":"15550100002","newsletter":"120363000000000002@newsletter","server_ids":[100]}`,
	"session.create":                  `{"session_id":"shop","name":"Shop","connect":true}`,
	"session.submitPasskey":           `{"response":{"id":"AQID","rawId":"AQID","type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQVFJRCIsIm9yaWdpbiI6Imh0dHBzOi8vd2ViLndoYXRzYXBwLmNvbSJ9","authenticatorData":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJA","signature":"AQID"}}}`,
	"session.updateSettings":          `{"skip_groups":true,"skip_global":["redis"]}`,
	"storage.updateSettings":          `{"enabled":true,"endpoint":"https://s3.eu-west-1.amazonaws.com","region":"eu-west-1","bucket":"media","access_key":"AKIDEXAMPLE","secret_key":"a-secret","retention_days":30}`,
	"transport.updateSettings":        `{"transport":"redis","url":"redis://redis.example.com:6379/0","events":["Message"],"options":{"stream":"shop:{event_type}"}}`,
	"webhook.create":                  `{"name":"crm","url":"https://hooks.example.com/events","events":["Message"],"secret":"a-secret-of-16-bytes-or-more"}`,
	"webhook.update":                  `{"url":"https://hooks.example.com/events","events":["Message","ReadReceipt"]}`,
}

const (
	examplePicture = `{"base64":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}` // one pixel
	exampleKey     = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// exampleValues are values of params by name.
var exampleValues = map[string]string{
	"session": `"demo"`, "to": `"15550100002"`, "chat": `"15550100002"`, "contact": `"15550100002"`, "group": `"120363000000000001@g.us"`, "community": `"120363000000000001@g.us"`,
	"account": `"15550100002"`, "number": `"15550100003"`, "message_id": `"3EB0C767D26B1C4A2F11"`, "text": `"Hello"`, "name": `"Friends"`, "currency": `"EUR"`,
}

// exampleCall returns a request with the required params of a method.
func exampleCall(m *methodDoc, doc *document) string {
	params := exampleParams[m.Name]
	if params == "" {
		var members []string
		for _, p := range m.Params {
			if p.Required || p.Name == "session" && m.Scope != "session" {
				members = append(members, `"`+p.Name+`":`+exampleValue(p.Name, p.Schema, doc))
			}
		}
		params = "{" + strings.Join(members, ",") + "}"
	}
	call := `{"jsonrpc":"2.0","id":1,"method":"` + m.Name + `","params":` + params + `}`
	var out bytes.Buffer
	if len(call) <= 110 {
		return call
	}
	if err := json.Indent(&out, []byte(`{"jsonrpc":"2.0","id":1,"method":"`+m.Name+`","params":`+params+`}`), "", "  "); err != nil {
		panic(m.Name + ": the example is not JSON: " + err.Error())
	}
	return strings.Replace(out.String(), "{\n  \"jsonrpc\": \"2.0\",\n  \"id\": 1,\n  ", "{\"jsonrpc\": \"2.0\", \"id\": 1, ", 1)
}

func exampleValue(name string, s *schema, doc *document) string {
	if v, ok := exampleValues[name]; ok && s.Items == nil {
		return v
	}
	if len(s.OneOf) > 0 {
		return exampleValue(name, s.OneOf[0], doc)
	}
	if s.Ref != "" {
		object := doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
		var members []string
		for _, key := range object.Required {
			members = append(members, `"`+key+`":`+exampleValue(key, object.Properties[key], doc))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	if s.Items != nil {
		return "[" + exampleValue(strings.TrimSuffix(name, "s"), s.Items, doc) + "]"
	}
	if len(s.Enum) > 0 {
		raw, _ := json.Marshal(s.Enum[0])
		return string(raw)
	}
	switch typeName(s.Type) {
	case "string":
		if len(s.Examples) > 0 {
			return `"15550100002"`
		}
		return `"example"`
	case "integer", "number":
		return "1"
	case "boolean":
		return "true"
	case "object":
		return "{}"
	}
	return "null"
}
