package webhook

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
)

func TestReceiverKeepsTheLastTests(t *testing.T) {
	r := NewTestReceiver(1000)
	for i := range maxReceivedTests + 5 {
		if err := r.Receive(ReceivedTest{Poster: strconv.Itoa(i % 2), Event: strconv.Itoa(i), Data: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Receive(ReceivedTest{Poster: "big", Event: "large", Data: make(json.RawMessage, maxReceivedTestData+1)}); err != nil {
		t.Fatal(err)
	}
	all := r.List("")
	if len(all) != maxReceivedTests || all[0].Event != "large" || all[0].Data != nil || all[0].Size != maxReceivedTestData+1 || all[1].Event != "104" {
		t.Errorf("kept %d, the newest %+v", len(all), all[0])
	}
	if own := r.List("1"); len(own) != 49 || string(own[0].Data) != "{}" {
		t.Errorf("kept %d of one poster", len(own))
	}
}

func TestReceiverHasARate(t *testing.T) {
	r := NewTestReceiver(2)
	var err error
	for range 3 {
		err = r.Receive(ReceivedTest{})
	}
	if !errors.Is(err, ErrReceiverBusy) || len(r.List("")) != 2 {
		t.Errorf("third post: %v, kept %d", err, len(r.List("")))
	}
	if err := NewTestReceiver(0).Receive(ReceivedTest{}); !errors.Is(err, ErrReceiverOff) {
		t.Errorf("receiver that is off: %v", err)
	}
}
