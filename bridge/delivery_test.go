package bridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
)

// failMessages makes the journal fail the first appends of a message, as many as times.
func (w *world) failMessages(times int, how func()) {
	left := times
	w.faults.set(func(_ string, records []journal.Record) error {
		for _, r := range records {
			if r.Type == "Message" && left > 0 {
				left--
				how()
				return errDiskFull
			}
		}
		return nil
	})
}

func TestFailedAppendIsRedelivered(t *testing.T) {
	for name, how := range map[string]func(){"error": func() {}, "panic": func() { panic("out of luck") }} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
			w.paired("ada", ada)
			r := w.reader("ada")
			w.failMessages(2, how)
			for i := range 5 {
				if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(fmt.Sprint("message ", i))); err != nil {
					t.Fatal(err)
				}
			}
			seen := map[string]int{}
			for len(seen) < 5 {
				e := r.until("all five messages", func(e event) bool { return e.Type == "Message" })
				text, _ := e.data["text"].(string)
				if seen[text]++; seen[text] > 1 {
					t.Errorf("%q came again", text)
				}
			}
			w.reaches(w.session("ada"), bridge.StateConnected)
			for i := range 5 {
				if n := w.count("ada", fmt.Sprint("message ", i)); n != 1 {
					t.Errorf("message %d is in the journal %d times", i, n)
				}
			}
		})
	}
}

func TestDuplicateDeliveryIsOneEvent(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultDuplicate, Session: "4915550001", Tag: "message"}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"twice", "after it"} {
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	r.text("after it")
	if n := w.count("ada", "twice"); n != 1 {
		t.Errorf("the message is in the journal %d times", n)
	}
}

func TestUndecryptableIsResolvedByALaterEvent(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("first contact")); err != nil {
		t.Fatal(err)
	}
	r.text("first contact")
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultUndecryptable, Session: "4915550001"}); err != nil {
		t.Fatal(err)
	}
	id, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("garbled"))
	if err != nil {
		t.Fatal(err)
	}
	placeholder := r.of("UndecryptableMessage")
	resolved := r.text("garbled")
	if placeholder.data["message_id"] != id || resolved.data["message_id"] != id || resolved.data["resolved"] != true {
		t.Errorf("placeholder %v, message %v", placeholder.data, resolved.data)
	}
	if placeholder.ID == resolved.ID {
		t.Error("both have one event id")
	}
}

func TestKindsOfMessages(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	send := func(c sandbox.Content) (string, event) {
		t.Helper()
		id, err := bob.Send(w.ctx(), ada.JID(), c)
		if err != nil {
			t.Fatal(err)
		}
		return id, r.until("message "+id, func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
	}
	first, e := send(sandbox.Text("first"))
	if e.data["type"] != "text" {
		t.Errorf("text: %v", e.data)
	}
	_, e = send(sandbox.Location(48.1, 11.5, "Square", "Old town"))
	if place, _ := e.data["location"].(map[string]any); e.data["type"] != "location" || place["name"] != "Square" || place["latitude"] != 48.1 {
		t.Errorf("location: %v", e.data)
	}
	_, e = send(sandbox.Poll("Tea?", []string{"yes", "no"}, 1))
	if poll, _ := e.data["poll"].(map[string]any); e.data["type"] != "poll" || poll["question"] != "Tea?" || len(poll["options"].([]any)) != 2 {
		t.Errorf("poll: %v", e.data)
	}
	image, err := bob.Upload(sandbox.Media{Kind: sandbox.Image, Data: []byte("not really a picture"), Caption: "look"})
	if err != nil {
		t.Fatal(err)
	}
	_, e = send(image)
	if media, _ := e.data["media"].(map[string]any); e.data["type"] != "image" || e.data["text"] != "look" || media["size"] != float64(20) || media["keys"] == nil {
		t.Errorf("image: %v", e.data)
	}

	if _, err = bob.Edit(w.ctx(), ada.JID(), first, sandbox.Text("first, better")); err != nil {
		t.Fatal(err)
	}
	e = r.text("first, better")
	if target, _ := e.data["target"].(map[string]any); target["action"] != "edit" || target["message_id"] != first || e.data["edited_at"] == nil {
		t.Errorf("edit: %v", e.data)
	}
	if _, err = bob.Revoke(w.ctx(), ada.JID(), bob.JID(), first); err != nil {
		t.Fatal(err)
	}
	e = r.until("revocation", func(e event) bool {
		target, _ := e.data["target"].(map[string]any)
		return target["action"] == "revoke"
	})
	if target := e.data["target"].(map[string]any); target["message_id"] != first || e.data["type"] != "system" {
		t.Errorf("revoke: %v", e.data)
	}
}

func TestLargeMessageLosesItsRaw(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	for _, size := range []int{40 << 10, 200 << 10} {
		id, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		e := r.until("message", func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
		if len(e.Data) > 64<<10 || !json.Valid(e.Data) || e.data["raw_truncated"] != true {
			t.Errorf("%d bytes of text became %d bytes of data; raw_truncated %v", size, len(e.Data), e.data["raw_truncated"])
		}
		if text, _ := e.data["text"].(string); size < 64<<10 && len(text) != size {
			t.Errorf("text of %d bytes became %d", size, len(text))
		}
	}
}

func TestHistoryBecomesOneEventPerBlob(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("long ago")); err != nil {
		t.Fatal(err)
	}
	w.paired("ada", ada)
	r := w.reader("ada")
	r.of("HistorySync")
	deadline := time.Now().Add(patience)
	for w.rows("bridge_history") != 0 {
		if time.Now().After(deadline) {
			t.Fatal("a history blob is not done with")
		}
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("tick")); err != nil {
			t.Fatal(err)
		}
		r.text("tick")
	}
}
