package sandbox

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func photo(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side {
		img.Set(i, i, color.RGBA{R: 200, A: 255})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPictures(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	get := func(jid types.JID, params *whatsmeow.GetProfilePictureParams) (*types.ProfilePictureInfo, error) {
		return a.GetProfilePictureInfo(w.ctx(), jid, params)
	}
	if _, err := get(bob.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("no picture: %v", err)
	}
	large := photo(t, 640)
	id, err := bob.SetPicture(large)
	if err != nil {
		t.Fatal(err)
	}
	info, err := get(bob.LID(), nil)
	if err != nil || info.ID != id || info.Type != "image" || !bytes.Equal(w.fetch(info.URL), large) {
		t.Errorf("picture %+v: %v", info, err)
	}
	if got, err := a.DownloadMediaWithOnlyPath(w.ctx(), info.DirectPath); err != nil || !bytes.Equal(got, large) {
		t.Errorf("by its path: %d bytes, %v", len(got), err)
	}
	preview, err := get(bob.JID(), &whatsmeow.GetProfilePictureParams{Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	if small, err := jpeg.DecodeConfig(bytes.NewReader(w.fetch(preview.URL))); err != nil || small.Width != previewSide {
		t.Errorf("preview %+v: %v", small, err)
	}
	if same, err := get(bob.JID(), &whatsmeow.GetProfilePictureParams{ExistingID: id}); same != nil || err != nil {
		t.Errorf("unchanged: %+v %v", same, err)
	}
	if err = bob.SetPrivacy(types.PrivacySettingTypeProfile, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	if _, err = get(bob.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized) {
		t.Errorf("hidden: %v", err)
	}

	own, err := a.SetGroupPhoto(w.ctx(), types.EmptyJID, photo(t, 100))
	if err != nil {
		t.Fatal(err)
	}
	if info, err = get(alice.JID(), nil); err != nil || info.ID != own {
		t.Errorf("own picture %+v: %v", info, err)
	}
	if _, err = a.SetGroupPhoto(w.ctx(), types.EmptyJID, []byte("GIF89a")); !errors.Is(err, whatsmeow.ErrInvalidImageFormat) {
		t.Errorf("no JPEG: %v", err)
	}
	if _, err = a.SetGroupPhoto(w.ctx(), types.EmptyJID, nil); err != nil {
		t.Error(err)
	}
	if _, err = get(alice.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("removed: %v", err)
	}
}

func TestGroupPicture(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	id, err := w.a.SetGroupPhoto(w.ctx(), g, photo(t, 80))
	if err != nil {
		t.Fatal(err)
	}
	evt := await(w.b, func(e *events.Picture) bool { return e.JID == g })
	if evt.PictureID != id || evt.Author != w.alice.LID() {
		t.Errorf("event %+v", evt)
	}
	if info, err := w.b.GetProfilePictureInfo(w.ctx(), g, nil); err != nil || info.ID != id {
		t.Errorf("picture %+v: %v", info, err)
	}
	if err = w.alice.SetLocked(g, true); err != nil {
		t.Fatal(err)
	}
	if _, err = w.b.SetGroupPhoto(w.ctx(), g, photo(t, 80)); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("member of a locked group: %v", err)
	}
	stranger := w.account("15550007", "Sam")
	if _, err = stranger.SetGroupPicture(g, photo(t, 80)); err == nil {
		t.Error("a stranger changed the picture")
	}
	if _, err = w.a.SetGroupPhoto(w.ctx(), g, nil); err != nil {
		t.Fatal(err)
	}
	await(w.b, func(e *events.Picture) bool { return e.JID == g && e.Remove })
}
