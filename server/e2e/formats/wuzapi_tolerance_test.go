package formats

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// wuzapiID sends a request that must succeed and returns the id of the message.
func wuzapiID(t *testing.T, w *e2etest.DialectWorld, path string, body object) string {
	t.Helper()
	status, answer := wuzapiPost(t, w, w.Caller, path, body)
	var out struct{ Data struct{ Id string } }
	if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK {
		t.Fatalf("%s %v: %d %s", path, body, status, answer)
	}
	return out.Data.Id
}

// TestWuzapiContextInfo checks that ContextInfo may be empty or have mentions, a reply or both, in every route that sends. An
// incomplete reply is an error.
func TestWuzapiContextInfo(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "what a question"})
	jpeg := e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 3))
	routes := map[string]object{
		"/chat/send/text":     {"Body": "hello @" + w.Shop},
		"/chat/send/image":    {"Image": jpeg, "Caption": "hello"},
		"/chat/send/audio":    {"Audio": e2etest.DataURL("audio/ogg", e2etest.OpusFile(3))},
		"/chat/send/video":    {"Video": e2etest.DataURL("video/mp4", e2etest.MP4File(3))},
		"/chat/send/document": {"Document": e2etest.DataURL("application/octet-stream", e2etest.PDFFile(3)), "FileName": "plan.pdf"},
		"/chat/send/sticker":  {"Sticker": e2etest.DataURL("image/webp", e2etest.WebPFile(t, 3))},
		"/chat/send/location": {"Latitude": 1.5, "Longitude": 2.5},
		"/chat/send/contact":  {"Name": "Zoë", "Vcard": "BEGIN:VCARD\nFN:Zoë\nEND:VCARD"},
		"/chat/send/template": {"Content": "choose", "Footer": "f", "Buttons": []object{{"DisplayText": "Yes"}}},
	}
	mentioned, reply := []string{e2etest.JIDOf(w.Shop)}, object{"StanzaId": original, "Participant": w.Peer.JID()}
	for path, content := range routes {
		for name, c := range map[string]struct {
			context any
			want    object
			missing string
		}{
			"empty":           {object{}, object{"quoted": nil, "mentions": []string{}}, ""},
			"null":            {nil, object{"quoted": nil}, ""},
			"empty fields":    {object{"StanzaId": "", "Participant": "", "MentionedJID": []string{}}, object{"quoted": nil}, ""},
			"mentions":        {object{"MentionedJID": mentioned}, object{"quoted": nil, "mentions": mentioned}, ""},
			"mentions, older": {object{"mentionedJid": mentioned}, object{"mentions": mentioned}, ""},
			"reply":           {reply, object{"quoted": object{"message_id": original}}, ""},
			"both":            {e2etest.MergeObjects(reply, object{"MentionedJID": mentioned}), object{"quoted": object{"message_id": original}, "mentions": mentioned}, ""},
			"half, id":        {object{"StanzaId": original}, nil, "Missing Participant in ContextInfo"},
			"half, author":    {object{"Participant": w.Peer.JID()}, nil, "Missing StanzaId in ContextInfo"},
			"half, mentions":  {object{"StanzaId": original, "MentionedJID": mentioned}, nil, "Missing Participant in ContextInfo"},
		} {
			body := e2etest.MergeObjects(content, object{"Phone": w.Peer.Number, "ContextInfo": c.context})
			if c.missing != "" {
				if status, answer := wuzapiPost(t, w, w.Caller, "/wuzapi"+path, body); status != http.StatusBadRequest || !strings.Contains(string(answer), c.missing) {
					t.Errorf("%s, %s: %d %s", path, name, status, answer)
				}
				continue
			}
			w.OnPhone(t, w.Peer.Number, wuzapiID(t, w, "/wuzapi"+path, body), c.want)
		}
	}
}

// TestWuzapiActsOnUnknownMessages sends reactions and receipts for messages that the server does not have, for example older ones after a migration: in a
// one-to-one chat their author is known, in a group the request must name it or gets a client error. None is an internal error.
func TestWuzapiActsOnUnknownMessages(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for _, base := range []string{"", "/wuzapi"} {
		for name, c := range map[string]struct {
			path   string
			body   object
			status int
			text   string
		}{
			"reaction in a chat of two":       {"/chat/react", object{"Phone": w.Peer.Number, "Body": "❤️", "Id": "3EB0BEFORE0001"}, 200, ""},
			"reaction to one's own":           {"/chat/react", object{"Phone": w.Peer.Number, "Body": "👍", "Id": "me:3EB0BEFORE0002"}, 200, ""},
			"removal":                         {"/chat/react", object{"Phone": w.Peer.Number, "Body": "remove", "Id": "3EB0BEFORE0003"}, 200, ""},
			"reaction in a group, with it":    {"/chat/react", object{"Phone": w.Group, "Body": "👍", "Id": "3EB0BEFORE0004", "Participant": w.Peer.JID()}, 200, ""},
			"reaction to one's own, group":    {"/chat/react", object{"Phone": w.Group, "Body": "👍", "Id": "me:3EB0BEFORE0005"}, 200, ""},
			"reaction in a group, without it": {"/chat/react", object{"Phone": w.Group, "Body": "👍", "Id": "3EB0BEFORE0006"}, 400, "Missing Participant in Payload"},
			"receipt in a chat of two":        {"/chat/markread", object{"Chat": w.Peer.JID(), "Id": []string{"3EB0BEFORE0007"}}, 200, ""},
			"receipts with their author":      {"/chat/markread", object{"Chat": w.Peer.JID(), "Sender": w.Peer.JID(), "Id": []string{"3EB0BEFORE0008", "3EB0BEFORE0009"}}, 200, ""},
			"receipt in a group, with it":     {"/chat/markread", object{"Chat": w.Group, "Sender": w.Peer.JID(), "Id": []string{"3EB0BEFORE0010"}}, 200, ""},
			"receipt in a group, without it":  {"/chat/markread", object{"Chat": w.Group, "Id": []string{"3EB0BEFORE0011"}}, 400, "Missing Sender in Payload"},
		} {
			status, answer := wuzapiPost(t, w, w.Caller, base+c.path, c.body)
			if status != c.status || !strings.Contains(string(answer), c.text) {
				t.Errorf("%s at %q: %d %s, want %d", name, base, status, answer, c.status)
			}
			if id, is := c.body["Id"].(string); is && c.status == 200 && c.body["Body"] != "remove" && !strings.Contains(w.Group, e2etest.TextOf(c.body["Phone"])) {
				w.AwaitReaction(t, w.Peer.Number, strings.TrimPrefix(id, "me:"), e2etest.TextOf(c.body["Body"]))
			}
		}
	}
}

// TestWuzapiSendsWithoutALook checks that input which the real server does not validate is sent: names with slashes, blank texts, malformed cards, templates without a
// footer.
func TestWuzapiSendsWithoutALook(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	pdf := e2etest.DataURL("application/octet-stream", e2etest.PDFFile(3))
	document := func(name string) object { return object{"Document": pdf, "FileName": name} }
	card := func(text string) object { return object{"Name": "Zoë", "Vcard": text} }
	for name, c := range map[string]struct {
		path       string
		body, want object
	}{
		"name with a slash":      {"document", document("01/2025.pdf"), object{"type": "document", "media": object{"filename": "01/2025.pdf"}}},
		"name with a backslash":  {"document", document(`01\2025.pdf`), object{"media": object{"filename": `01\2025.pdf`}}},
		"name that climbs":       {"document", document("../../etc/passwd"), object{"media": object{"filename": "../../etc/passwd"}}},
		"name of dots":           {"document", document(".."), object{"media": object{"filename": ".."}}},
		"blank text":             {"text", object{"Body": " "}, object{"type": "text", "text": " "}},
		"lines of nothing":       {"text", object{"Body": "\n\n"}, object{"type": "text", "text": "\n\n"}},
		"card after a line":      {"contact", card("\nBEGIN:VCARD\nFN:Z\nEND:VCARD"), object{"type": "contact", "contacts": []object{{"vcard": "\nBEGIN:VCARD\nFN:Z\nEND:VCARD"}}}},
		"card of another form":   {"contact", card("FN:Zoë\nTEL:+15550600003"), object{"contacts": []object{{"vcard": "FN:Zoë\nTEL:+15550600003"}}}},
		"card after a mark":      {"contact", card("\ufeffBEGIN:VCARD\nEND:VCARD"), object{"type": "contact"}},
		"template, no footer":    {"template", object{"Content": "choose", "Buttons": []object{{"DisplayText": "Yes"}}}, object{"type": "buttons", "text": "choose"}},
		"template, empty footer": {"template", object{"Content": "choose", "Footer": "", "Buttons": []object{{"DisplayText": "Yes"}}}, object{"type": "buttons"}},
		"template, null footer":  {"template", object{"Content": "choose", "Footer": nil, "Buttons": []object{{"DisplayText": "Yes"}}}, object{"type": "buttons"}},
	} {
		id := wuzapiID(t, w, "/wuzapi/chat/send/"+c.path, e2etest.MergeObjects(c.body, object{"Phone": w.Peer.Number}))
		t.Run(name, func(t *testing.T) { w.OnPhone(t, w.Peer.Number, id, c.want) })
	}
}

// TestWuzapiAudioIsAVoiceNote checks that any audio declared as a voice note is sent as one, converted if necessary.
func TestWuzapiAudioIsAVoiceNote(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for _, format := range []string{"wav", "mp3", "ogg", "flac", "adts", "ipod", "amr"} {
		t.Run(format, func(t *testing.T) {
			arguments := []string{"-loglevel", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=8000", "-ac", "1"}
			if format == "ogg" {
				arguments = append(arguments, "-ac", "2", "-ar", "44100", "-c:a", "libvorbis")
			}
			sound, err := exec.Command("ffmpeg", append(arguments, "-f", format, "-movflags", "frag_keyframe", "pipe:1")...).Output()
			if err != nil || len(sound) == 0 {
				t.Skipf("ffmpeg makes no %s: %v", format, err)
			}
			id := wuzapiID(t, w, "/wuzapi/chat/send/audio", object{"Phone": w.Peer.Number, "Audio": e2etest.DataURL("audio/ogg", sound)})
			w.OnPhone(t, w.Peer.Number, id, object{"type": "audio", "raw": object{"audioMessage": object{"PTT": true, "mimetype": "audio/ogg; codecs=opus"}}})
		})
	}
}

// TestWuzapiDownloadsByPath downloads a file of a message by its path only, as later clients do.
func TestWuzapiDownloadsByPath(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for kind, file := range map[string][]byte{"image": e2etest.JPEGFile(t, 9), "video": e2etest.MP4File(9), "document": e2etest.PDFFile(9), "audio": e2etest.OpusFile(9)} {
		content := object{"type": kind, "base64": file}
		_, message := w.Receive(t, w.Peer.Number, content)
		keys, _ := e2etest.ValueAt(message, "media/keys").(map[string]any)
		body := object{
			"DirectPath": keys["direct_path"], "MediaKey": keys["media_key"], "Mimetype": e2etest.ValueAt(message, "media/mime_type"),
			"FileSHA256": keys["file_sha256"], "FileEncSHA256": keys["file_enc_sha256"], "FileLength": e2etest.ValueAt(message, "media/size"),
		}
		for name, change := range map[string]object{"by path": {}, "empty url": {"Url": ""}, "no encrypted hash": {"FileEncSHA256": ""}} {
			status, answer := wuzapiPost(t, w, w.Caller, "/wuzapi/chat/download"+kind, e2etest.MergeObjects(body, change))
			var out struct{ Data struct{ Data string } }
			if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK {
				t.Errorf("%s %s: %d %.300s", kind, name, status, answer)
				continue
			}
			if _, got := e2etest.FromDataURL(t, out.Data.Data); string(got) != string(file) {
				t.Errorf("%s %s: another file", kind, name)
			}
		}
		if status, answer := wuzapiPost(t, w, w.Caller, "/wuzapi/chat/download"+kind, e2etest.MergeObjects(body, object{"DirectPath": ""})); status != http.StatusBadRequest || !strings.Contains(string(answer), "Missing Url") {
			t.Errorf("%s without both: %d %s", kind, status, answer)
		}
	}
}

// TestWuzapiFieldsOfLaterVersions checks that form webhooks name the session, and its token only if the session enabled that. Answers have the keys of
// later versions beside the document's.
func TestWuzapiFieldsOfLaterVersions(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi")
	for i, c := range []struct{ token, want any }{{nil, ""}, {"a word of mine", "a word of mine"}, {"", ""}} {
		body := object{"events": []string{"Message"}}
		if c.token != nil {
			body["bodyToken"] = c.token
		}
		path := "/form" + string(rune('a'+i))
		body["webhookURL"] = w.Receiver.URL + path
		if status, answer := wuzapiPost(t, w, w.Caller, "/wuzapi/webhook", body); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		w.Receive(t, w.Peer.Number, object{"type": "text", "text": "hello"})
		w.Receiver.AwaitRequest(t, path, "jsonData")
		form, err := url.ParseQuery(string(w.Receiver.RequestsTo(path)[0].Body))
		if err != nil || form.Get("userID") != w.Caller.ID || form.Get("instanceName") != w.Caller.ID || form.Get("token") != c.want {
			t.Errorf("token %v: %v, %v", c.token, form, err)
		}
	}
}
