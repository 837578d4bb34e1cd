package waakg

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/waystation/waystation/server/rest"
)

// messageContent is the content of a message in the form of Baileys. One of the first members decides the kind.
type messageContent struct {
	Text     string          `rest:"text" max:"65536" doc:"the text; beside a file its caption"`
	Image    *mediaSource    `rest:"image" doc:"{url}"`
	Video    *mediaSource    `rest:"video" doc:"{url}"`
	Audio    *mediaSource    `rest:"audio" doc:"{url}"`
	Document *mediaSource    `rest:"document" doc:"{url}"`
	Sticker  *mediaSource    `rest:"sticker" doc:"{url, pack, author}, or the address alone"`
	Location *placeContent   `rest:"location" doc:"{degreesLatitude, degreesLongitude, name, address}"`
	Contacts *contactContent `rest:"contacts" doc:"{displayName, contacts: [{vcard}]}"`
	Poll     *pollContent    `rest:"poll" doc:"{name, values, selectableCount}"`

	Caption  string `rest:"caption" max:"65536" doc:"text below a file"`
	MimeType string `rest:"mimetype" max:"128" doc:"type of a file; default: detected"`
	FileName string `rest:"fileName" max:"255" doc:"name of a document"`
	PTT      bool   `rest:"ptt" doc:"a sound is a voice note"`
	GIF      bool   `rest:"gifPlayback" doc:"a video is a loop without sound"`
	ViewOnce bool   `rest:"viewOnce" doc:"a file opens once"`
}

// mediaSource is an address or data URL, or an object with it under url.
type mediaSource json.RawMessage

// fields returns the members of a file, or its address as url. field is the documented name of the file.
func (m *mediaSource) fields(field string) (out struct{ URL, Pack, Author string }, err error) {
	if json.Unmarshal(*m, &out.URL) == nil {
		return out, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(*m, &members) != nil || members == nil {
		return out, rest.Bad(field, "", "must be an address or an object with url")
	}
	for name, target := range map[string]*string{"url": &out.URL, "pack": &out.Pack, "author": &out.Author} {
		if raw := members[name]; raw != nil && json.Unmarshal(raw, target) != nil {
			return out, rest.Bad(field+"."+name, "", "must be a string")
		}
	}
	switch {
	case utf8.RuneCountInString(out.Pack) > maxPackName:
		return out, rest.Bad(field+".pack", "", "is longer than 128 characters")
	case utf8.RuneCountInString(out.Author) > maxPackName:
		return out, rest.Bad(field+".author", "", "is longer than 128 characters")
	case out.URL == "":
		return out, rest.Missing(field+".url", "")
	}
	return out, nil
}

// maxPackName is the length of the name and the author of a sticker pack, in characters.
const maxPackName = 128

type placeContent struct {
	Latitude  *float64 `rest:"degreesLatitude,required" doc:"degrees"`
	Longitude *float64 `rest:"degreesLongitude,required" doc:"degrees"`
	Name      string   `rest:"name" max:"1024"`
	Address   string   `rest:"address" max:"1024"`
}

type contactContent struct {
	Name  string `rest:"displayName" max:"255"`
	Cards []struct {
		Name string `rest:"displayName" max:"255"`
		Card string `rest:"vcard,required" max:"16384"`
	} `rest:"contacts,required"`
}

type pollContent struct {
	Name   string   `rest:"name,required" max:"255" doc:"the question"`
	Values []string `rest:"values,required" doc:"2 to 12 answers"`
	Count  *int     `rest:"selectableCount" doc:"how many answers may be chosen; default 1"`
}

// CompleteParams implements rest.Completer.
func (m *messageContent) CompleteParams(p rest.Params) error {
	content := rest.Params{}
	p["content"] = content
	for _, file := range []struct {
		kind   string
		source *mediaSource
	}{{"image", m.Image}, {"video", m.Video}, {"audio", m.Audio}, {"document", m.Document}, {"sticker", m.Sticker}} {
		if file.source != nil {
			return m.completeFile(content, file.kind, file.source)
		}
	}
	switch {
	case m.Location != nil:
		content["type"], content["latitude"], content["longitude"] = "location", *m.Location.Latitude, *m.Location.Longitude
		content["name"], content["address"] = m.Location.Name, m.Location.Address
	case m.Contacts != nil:
		var cards []rest.Params
		for _, one := range m.Contacts.Cards {
			name := one.Name
			if name == "" {
				name = m.Contacts.Name
			}
			cards = append(cards, rest.Params{"name": name, "vcard": one.Card})
		}
		content["type"], content["contacts"] = "contact", cards
	case m.Poll != nil:
		content["type"], content["question"], content["options"] = "poll", m.Poll.Name, m.Poll.Values
		if m.Poll.Count != nil {
			content["selectable_count"] = *m.Poll.Count
		}
	case m.Text != "":
		content["type"], content["text"] = "text", m.Text
	default:
		return rest.Missing("message.text", "message is required")
	}
	return nil
}

func (m *messageContent) completeFile(content rest.Params, kind string, source *mediaSource) error {
	from, err := source.fields("message." + kind)
	if err != nil {
		return err
	}
	file := rest.File{Text: from.URL, Name: m.FileName}
	media := file.Media()
	if m.MimeType != "" {
		media["mime_type"] = m.MimeType
	}
	content["type"], content["media"] = kind, media
	caption := m.Caption
	if caption == "" {
		caption = m.Text
	}
	for name, value := range map[string]string{"pack_name": from.Pack, "pack_author": from.Author} {
		if kind == "sticker" && value != "" {
			content[name] = value
		}
	}
	if caption != "" && kind != "audio" && kind != "sticker" {
		content["caption"] = caption
	}
	for _, flag := range []struct {
		kind, name string
		on         bool
	}{{"audio", "voice_note", m.PTT}, {"video", "gif_playback", m.GIF}, {"", "view_once", m.ViewOnce}} {
		if flag.on && (flag.kind == "" || flag.kind == kind) {
			content[flag.name] = true
		}
	}
	return nil
}
