package bridge_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"os/exec"
	"testing"

	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
)

// TestStickerCommand answers a picture with the command below it by a sticker.
func TestStickerCommand(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	w := newWorld(t)
	ada, bob := w.account("15550000002", "Ada"), w.account("15550000003", "Bob")
	a, b := w.paired("ada", ada), w.paired("bob", bob)
	access := automation.AccessAll
	if _, err := b.Automation().UpdateSettings(w.ctx(), &automation.Patch{CommandAccess: &access}); err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	content := &message.Content{Type: message.TypeImage, Caption: "#sticker", Media: &message.MediaSource{Base64: base64.StdEncoding.EncodeToString(picture.Bytes())}}
	if _, err := a.Messages().Send(w.ctx(), bob.JID().String(), content, &outbound.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reader("ada").until("a sticker", func(e event) bool {
		return e.Type == "Message" && e.data["type"] == "sticker" && e.data["from_me"] == false
	})
	sent := w.reader("bob").until("the sticker as sent", func(e event) bool { return e.Type == "Message" && e.data["type"] == "sticker" })
	if sent.Origin != "automation" {
		t.Errorf("the origin of the answer is %s", sent.Origin)
	}
}
