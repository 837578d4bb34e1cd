package sandbox

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

func TestPhoneTellsWhereMediaIsNow(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	picture, err := bob.Upload(Media{Kind: Image, Data: []byte("picture")})
	if err != nil {
		t.Fatal(err)
	}
	id := w.says(bob, alice.JID(), picture)
	evt := await(a, func(e *events.Message) bool { return e.Info.ID == id })
	w.inject(Fault{Kind: FaultMediaDownload})
	image := evt.Message.GetImageMessage()
	if _, err = a.Download(w.ctx(), image); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) {
		t.Errorf("download: %v", err)
	}
	if err = a.SendMediaRetryReceipt(w.ctx(), &evt.Info, image.GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	answer := await(a, func(e *events.MediaRetry) bool { return e.MessageID == id })
	retry, err := whatsmeow.DecryptMediaRetryNotification(answer, image.GetMediaKey())
	if err != nil {
		t.Fatal(err)
	}
	image.DirectPath = retry.DirectPath
	if data, err := a.Download(w.ctx(), image); err != nil || string(data) != "picture" {
		t.Errorf("download after: %q, %v", data, err)
	}
	// A message that the phone never received.
	unknown := evt.Info
	unknown.ID = "NEVER"
	if err = a.SendMediaRetryReceipt(w.ctx(), &unknown, image.GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	missing := await(a, func(e *events.MediaRetry) bool { return e.MessageID == "NEVER" })
	if _, err = whatsmeow.DecryptMediaRetryNotification(missing, image.GetMediaKey()); !errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone) {
		t.Errorf("unknown message: %v", err)
	}
}
