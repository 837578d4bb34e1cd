package bridge_test

import (
	"context"
	"errors"
	"testing"

	"github.com/waystation/waystation/bridge/objectstore"
)

// TestFileOfASessionMadeAnew stores a file of a deleted session while another session of the same id exists: the new
// session must not report the file.
func TestFileOfASessionMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.create("ada")
	files := w.bridge.StorageFiles()
	job := func(id string) *objectstore.Job {
		return &objectstore.Job{
			Session: "ada", Place: objectstore.PlaceSession, Ref: "message|" + id,
			About: []byte(`{"data":{"message_id":"` + id + `","chat":"4915100000002@s.whatsapp.net","media":{}},"chats":["4915100000002@s.whatsapp.net"],"key":"message|` + id + `"}`),
		}
	}
	stored := &objectstore.Outcome{Delivery: objectstore.DeliveryURL, Object: &objectstore.Object{URL: "https://files.example/1"}}
	done := func(id string, wanted bool) error {
		return files.Done(w.ctx(), job(id), stored, func(context.Context) (bool, error) { return wanted, nil })
	}
	if err := done("1", true); err != nil {
		t.Fatal(err)
	}
	if err := w.bridge.Delete(w.ctx(), "ada", true); err != nil {
		t.Fatal(err)
	}
	if err := done("2", true); !errors.Is(err, objectstore.ErrGone) {
		t.Errorf("while there is none: %v", err)
	}
	w.create("ada")
	if err := done("3", false); !errors.Is(err, objectstore.ErrGone) {
		t.Errorf("to the new one: %v", err)
	}
	if err := done("4", true); err != nil {
		t.Fatal(err)
	}
	var told []any
	for _, e := range w.all("ada") {
		if e.Type == "MessageMedia" {
			told = append(told, e.data["message_id"])
		}
	}
	if len(told) != 1 || told[0] != "4" {
		t.Errorf("told of files %v, want its own alone", told)
	}
}
