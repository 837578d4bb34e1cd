package methods_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// sameParts compares parts of two messages.
func sameParts(t *testing.T, a, b result, names ...string) {
	t.Helper()
	for _, name := range names {
		if a[name] == nil || !reflect.DeepEqual(a[name], b[name]) {
			t.Errorf("%s is %v, was %v", name, b[name], a[name])
		}
	}
}

func TestLiveLocationsAndInvitesAreSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	// there and back: what Bob received is sent by him as it is.
	returned := func(content params, part string) (at, back result) {
		t.Helper()
		at = bob.received(alice.send(bob.pn(), content))
		back = alice.received(bob.send(alice.pn(), params{"type": at["type"], part: at[part]}))
		if at["type"] != content["type"] || back["type"] != at["type"] {
			t.Errorf("types %v and %v", at["type"], back["type"])
		}
		return at, back
	}

	place := params{"latitude": 1.5, "longitude": -2.5, "live": true, "accuracy_meters": 7, "speed_mps": 1.5, "bearing_degrees": 90}
	at, back := returned(params{"type": "location", "location": place, "caption": "on my way"}, "location")
	sameParts(t, at, back, "location")
	first := at["message_id"].(string)
	if at["text"] != "on my way" || at.object("location")["speed_mps"] != 1.5 || at.object("location")["sequence"].(float64) < 1e15 {
		t.Errorf("location %v", at)
	}
	place["latitude"], place["elapsed_seconds"] = 2.5, 60
	later := alice.send(bob.pn(), params{"type": "location", "location": place})
	if m := bob.awaitMessage(later).Message.GetLiveLocationMessage(); m.GetTimeOffset() != 60 || m.GetAccuracyInMeters() != 7 || m.GetDegreesClockwiseFromMagneticNorth() != 90 {
		t.Errorf("position %v", m)
	}
	bob.shows("the new position", first, func(s sandbox.MessageState) bool { return s.Position.GetDegreesLatitude() == 2.5 })
	if shown := w.script("sandbox.getMessage", params{"account": bob.pn(), "message_id": first}); shown.object("position")["latitude"] != 2.5 {
		t.Errorf("shown %v", shown)
	}
	still := params{"latitude": 1, "longitude": 2, "name": "Quay", "address": "Road 1"}
	at, back = returned(params{"type": "location", "location": still, "caption": "here"}, "location")
	sameParts(t, at, back, "location")

	group := alice.call("group.create", params{"name": "Crew", "participants": []string{}}).object("group")["group"]
	bob.call("privacy.updateSettings", params{"group_add": "none"})
	invited := alice.call("group.updateParticipants", params{"group": group, "action": "add", "participants": []string{bob.pn()}}).list("participants")
	if len(invited) != 1 || invited[0].object("invite")["code"] == nil {
		t.Fatalf("added %v", invited)
	}
	invite := params{"group": group, "code": invited[0].object("invite")["code"], "expires_at": invited[0].object("invite")["expires_at"]}
	at, back = returned(params{"type": "group_invite", "group_invite": invite, "caption": "join us"}, "group_invite")
	for _, name := range []string{"group", "code", "expires_at", "group_name", "caption"} {
		if at.object("group_invite")[name] == nil || at.object("group_invite")[name] != back.object("group_invite")[name] {
			t.Errorf("%s of the invite: %v and %v", name, at["group_invite"], back["group_invite"])
		}
	}
	if at.object("group_invite")["group_name"] != "Crew" || at["text"] != "join us" {
		t.Errorf("invite %v", at)
	}
	joined := w.script("sandbox.acceptGroupInvite", params{"account": bob.pn(), "message_id": at["message_id"]})
	members, err := w.network.GroupMembers(w.jid(group.(string)))
	if err != nil || joined["group"] != group || !slices.Contains(members, bob.phone.LID()) {
		t.Errorf("joined %v: %v, %v", joined, members, err)
	}

	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	for _, invite := range []params{
		{"newsletter": "120363000000000002@newsletter", "name": "News", "admin": true, "expires_at": until}, {"newsletter": "120363000000000002@newsletter", "name": "News"},
	} {
		at, back = returned(params{"type": "newsletter_invite", "newsletter_invite": invite, "caption": "read us"}, "newsletter_invite")
		sameParts(t, at, back, "newsletter_invite")
		if at["text"] != "read us" || at.object("newsletter_invite")["admin"] != (invite["admin"] == true) {
			t.Errorf("invite %v", at)
		}
	}

	for _, c := range []struct {
		pointer string
		content params
	}{
		{"/content/location/latitude", params{"type": "location", "location": params{"longitude": 1}}},
		{"/content/location/longitude", params{"type": "location", "location": params{"latitude": 1, "longitude": 181}}},
		{"/content/location/speed_mps", params{"type": "location", "location": params{"latitude": 1, "longitude": 1, "live": true, "speed_mps": -1}}},
		{"/content/group_invite", params{"type": "group_invite"}},
		{"/content/group_invite/code", params{"type": "group_invite", "group_invite": params{"group": group, "code": " "}}},
		{"/content/group_invite/group", params{"type": "group_invite", "group_invite": params{"group": bob.pn(), "code": "x"}}},
		{"/content/newsletter_invite", params{"type": "newsletter_invite"}},
		{"/content/newsletter_invite/name", params{"type": "newsletter_invite", "newsletter_invite": params{"newsletter": "1@newsletter", "name": " "}}},
		{"/content/newsletter_invite/newsletter", params{"type": "newsletter_invite", "newsletter_invite": params{"newsletter": group, "name": "News"}}},
		{"/content/newsletter_invite/expires_at", params{"type": "newsletter_invite", "newsletter_invite": params{"newsletter": "1@newsletter", "name": "News", "admin": true}}},
	} {
		alice.refusedAt(c.pointer, bob.pn(), c.content)
	}
	alice.refusedAt("/to", group.(string), params{"type": "group_invite", "group_invite": invite})
}

func TestAlbumsAreSent(t *testing.T) {
	t.Parallel()
	eachChat(t, func(t *testing.T, alice, bob *member, toBob, toAlice string) {
		picture, film := photo(t), clip()
		image, video := params{"base64": dataURL("image/jpeg", picture)}, params{"base64": dataURL("video/mp4", film)}
		call := params{"to": toBob, "message_id": "3EB0" + "00000000000000000" + map[bool]string{true: "1", false: "2"}[toBob == bob.pn()], "content": params{"type": "album", "album": params{
			"items": []params{{"type": "image", "media": image, "caption": "one"}, {"type": "video", "media": video}, {"type": "image", "media": image}},
		}}}
		sent := alice.call("message.send", call)
		album, children := sent["message_id"].(string), sent.texts("album_message_ids")
		if len(children) != 3 {
			t.Fatalf("sent %v", sent)
		}
		tied := func(s sandbox.MessageState) bool {
			return len(s.Children) == 3 && s.Children[0].ID == children[0] && s.Children[1].ID == children[1] && s.Children[2].ID == children[2]
		}
		bob.shows("its files", album, tied)
		alice.shows("its files", album, tied)
		bob.hasFile(bob.awaitMessage(children[0]), picture)
		bob.hasFile(bob.awaitMessage(children[1]), film)
		at := bob.received(album)
		if counts := at.object("album"); at["type"] != "album" || counts["image_count"] != 2.0 || counts["video_count"] != 1.0 {
			t.Errorf("album received as %v", at)
		}
		for i, kind := range []string{"image", "video", "image"} {
			if child := bob.received(children[i]); child["type"] != kind || child["parent_message_id"] != album || i == 0 && child["text"] != "one" {
				t.Errorf("file %d received as %v", i, child)
			}
		}
		if again := alice.call("message.send", call); again["message_id"] != album || !slices.Equal(again.texts("album_message_ids"), children) {
			t.Errorf("repeated as %v", again)
		}
		// What Bob received is an album of his, whose pictures follow.
		own := bob.send(toAlice, params{"type": at["type"], "album": at["album"]})
		child := bob.send(toAlice, params{"type": "image", "media": image, "parent_message_id": own})
		alice.shows("the picture that follows", own, func(s sandbox.MessageState) bool { return len(s.Children) == 1 && s.Children[0].ID == child })
		sameParts(t, at, alice.received(own), "album")
		if alice.received(child)["parent_message_id"] != own {
			t.Errorf("child %v", alice.received(child))
		}
		counted := 0
		for _, r := range bob.phone.Received() {
			if slices.Contains(append(children, album), r.ID) {
				counted++
			}
		}
		if counted != 4 {
			t.Errorf("the album has %d messages", counted)
		}
		one := params{"type": "image", "media": image}
		bob.refusedAt("/content/album", toAlice, params{"type": "album"})
		bob.refusedAt("/content/album/items", toAlice, params{"type": "album", "album": params{"items": []params{one}}})
		bob.refusedAt("/content/album/items", toAlice, params{"type": "album", "album": params{"items": slices.Repeat([]params{one}, 31)}})
		bob.refusedAt("/content/album/image_count", toAlice, params{"type": "album", "album": params{"image_count": 1}})
		bob.refusedAt("/content/album/items/1/media/base64", toAlice, params{"type": "album", "album": params{"items": []params{one, {"type": "image", "media": params{"base64": "x"}}}}})
		bob.refusedAt("/content/parent_message_id", toAlice, params{"type": "text", "text": "x", "parent_message_id": own})
		bob.refusedAt("/content/parent_message_id", toAlice, params{"type": "image", "media": image, "parent_message_id": child})
		bob.refusedAt("/content/parent_message_id", toAlice, params{"type": "image", "media": image, "parent_message_id": album})
		bob.refusedAt("/content/view_once", toAlice, params{"type": "image", "media": image, "parent_message_id": own, "view_once": true})
	})
}

func TestStickerPacksAreSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	mark := sticker(t)
	pack := params{"name": "Seals", "publisher": "A", "description": "from the harbour", "stickers": []params{
		{"media": params{"base64": dataURL("image/webp", mark)}, "emojis": []string{"🦭"}, "label": "a seal"},
	}}
	id := alice.send(bob.pn(), params{"type": "sticker_pack", "sticker_pack": pack, "caption": "for you"})
	at := bob.received(id)
	if got := at.object("sticker_pack"); at["type"] != "sticker_pack" || at["text"] != "for you" || got["name"] != "Seals" || got["publisher"] != "A" ||
		got["description"] != "from the harbour" || got["sticker_count"] != 1.0 || got["pack_id"] == "" {
		t.Errorf("received %v", at)
	}
	message := bob.awaitMessage(id).Message.GetStickerPackMessage()
	archive, err := bob.phone.Download(bob.awaitMessage(id))
	if err != nil {
		t.Fatal(err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil || len(files.File) != 2 || message.GetStickerPackOrigin() != waE2E.StickerPackMessage_USER_CREATED {
		t.Fatalf("archive %v: %v", files, err)
	}
	for i, name := range []string{message.GetTrayIconFileName(), message.GetStickers()[0].GetFileName()} {
		file, err := files.Open(name)
		if err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(file); err != nil || !bytes.Equal(content.Bytes(), mark) {
			t.Errorf("file %s has %d bytes: %v", name, content.Len(), err)
		}
	}
	if s := message.GetStickers()[0]; s.GetMimetype() != "image/webp" || !slices.Equal(s.GetEmojis(), []string{"🦭"}) || s.GetAccessibilityLabel() != "a seal" {
		t.Errorf("sticker %v", s)
	}

	// A pack of the sticker store is sent by its id, and what was received of it again.
	if err := w.network.AddStickerPack(sandbox.StickerPack{ID: "harbour", Name: "Harbour", Publisher: "WhatsApp", Stickers: []sandbox.PackSticker{{WebP: mark}, {WebP: mark}}}); err != nil {
		t.Fatal(err)
	}
	at = bob.received(alice.send(bob.pn(), params{"type": "sticker_pack", "sticker_pack": params{"pack_id": "harbour"}}))
	back := alice.received(bob.send(alice.pn(), params{"type": at["type"], "sticker_pack": at["sticker_pack"]}))
	sameParts(t, at, back, "sticker_pack")
	if got := at.object("sticker_pack"); got["name"] != "Harbour" || got["sticker_count"] != 2.0 {
		t.Errorf("received %v", at)
	}

	var drawing bytes.Buffer
	if err := png.Encode(&drawing, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	one := params{"media": params{"base64": base64.StdEncoding.EncodeToString(mark)}}
	for _, c := range []struct {
		pointer string
		pack    any
	}{
		{"/content/sticker_pack", nil},
		{"/content/sticker_pack/stickers", params{"name": "x"}},
		{"/content/sticker_pack/stickers", params{"name": "x", "stickers": []params{}}},
		{"/content/sticker_pack/stickers", params{"name": "x", "stickers": slices.Repeat([]params{one}, 31)}},
		{"/content/sticker_pack/name", params{"stickers": []params{one}}},
		{"/content/sticker_pack/stickers/0/media", params{"name": "x", "stickers": []params{{}}}},
		{"/content/sticker_pack/stickers/0/media/base64", params{"name": "x", "stickers": []params{{"media": params{"base64": "x"}}}}},
		{"/content/sticker_pack/stickers/1/media", params{"name": "x", "stickers": []params{one, one}}},
		{"/content/sticker_pack/pack_id", params{"pack_id": "nowhere"}},
	} {
		alice.refusedAt(c.pointer, bob.pn(), params{"type": "sticker_pack", "sticker_pack": c.pack})
	}
	alice.refusedAt("/to", "120363000000000001@newsletter", params{"type": "sticker_pack", "sticker_pack": pack})
}

func TestCommentsAreSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	street := alice.call("group.create", params{"name": "Street", "participants": []string{bob.pn()}}).object("group")["group"]
	news := alice.call("community.create", params{"name": "Village", "groups": []any{street}})["announcement_group"].(string)
	bob.awaitGroupChange(street.(string), "link", nil)
	post := alice.call("message.sendText", params{"to": news, "text": "Flood"})["message_id"].(string)
	bob.received(post)

	comment := params{"type": "text", "text": "Where?", "target": params{"message_id": post}}
	sent := bob.call("message.send", params{"to": news, "content": comment})
	id := sent["message_id"].(string)
	if m := sent.object("message"); m["text"] != "Where?" || m.object("target")["action"] != "comment" || m.object("target")["message_id"] != post {
		t.Errorf("sent %v", sent)
	}
	if m := alice.awaitMessage(id).Message; m.GetEncCommentMessage() == nil || m.GetConversation() != "" {
		t.Errorf("comment %v", m)
	}
	at := alice.received(id)
	if at["type"] != "text" || at["text"] != "Where?" || at.object("target")["action"] != "comment" || at.object("target")["message_id"] != post {
		t.Errorf("received %v", at)
	}
	alice.shows("the comment", post, func(s sandbox.MessageState) bool {
		return len(s.Comments) == 1 && s.Comments[0].Text() == "Where?" && s.Comments[0].ID == id
	})
	bob.eventually("the stored comment", "message.get", params{"message_id": id, "chat": news}, func(r result) bool {
		return r.object("message")["text"] == "Where?" && r.object("message").object("target")["message_id"] == post && r.object("message")["status"] != "pending"
	})
	back := bob.received(alice.send(news, params{"type": at["type"], "text": at["text"], "target": at["target"]}))
	if back["text"] != "Where?" || back.object("target")["message_id"] != post {
		t.Errorf("received again %v", back)
	}
	picture := alice.received(bob.send(news, params{"type": "image", "media": params{"base64": dataURL("image/jpeg", photo(t))}, "caption": "look", "target": params{"message_id": post}}))
	if picture["type"] != "image" || picture["text"] != "look" || picture.object("target")["action"] != "comment" {
		t.Errorf("picture %v", picture)
	}
	byPhone := w.script("sandbox.comment", params{"account": bob.pn(), "message_id": post, "text": "From the phone"})["message_id"].(string)
	if got := alice.received(byPhone); got["text"] != "From the phone" || got.object("target")["message_id"] != post {
		t.Errorf("by the phone %v", got)
	}
	shown := w.script("sandbox.getMessage", params{"account": alice.pn(), "message_id": post}).list("comments")
	if len(shown) != 4 || shown[0]["text"] != "Where?" {
		encoded, _ := json.Marshal(shown)
		t.Errorf("comments %s", encoded)
	}

	bob.refused(rpc.CodeWhatsApp, "message.sendText", params{"to": news, "text": "Mutiny"}) // comments are all that members write there
	w.network.ClearRecords()
	bob.refusedAt("/content/target/message_id", news, params{"type": "text", "text": "x", "target": params{"message_id": "3EB0000000000000000000"}})
	bob.refusedAt("/content/target/action", news, params{"type": "text", "text": "x", "target": params{"message_id": post, "action": "pin"}})
	bob.refusedAt("/to", alice.pn(), params{"type": "text", "text": "x", "target": params{"message_id": post}})
	bob.refusedAt("/content/target", news, params{"type": "poll", "question": "x", "options": []string{"a", "b"}, "target": params{"message_id": post}})
}
