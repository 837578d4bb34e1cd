package methods_test

import (
	"encoding/json"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// An event that a broker got without its data can be read by its offset, in the form that sockets get.
func TestGetEvent(t *testing.T) {
	a := newAdmin(t)
	a.call("session.create", params{"session_id": "shop"})
	var logged []*journal.Event
	for _, text := range []string{"one", "two"} {
		e, err := a.journal.Append(t.Context(), "shop", journal.Record{Type: "Message", Data: json.RawMessage(`{"text":"` + text + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		logged = append(logged, e[0].Event)
	}
	for _, e := range logged {
		got := a.call("session.getEvent", params{"session": "shop", "offset": e.Offset, "id": e.ID})["event"].(map[string]any)
		if got["id"] != e.ID || got["offset"] != float64(e.Offset) || got["data"].(map[string]any)["text"] == nil {
			t.Errorf("offset %d is %v", e.Offset, got)
		}
	}
	last := logged[len(logged)-1].Offset
	for _, c := range []struct {
		params params
		code   int
	}{
		{params{"session": "shop", "offset": last + 1}, rpc.CodeNotFound},
		{params{"session": "shop", "offset": last + 100}, rpc.CodeNotFound},
		{params{"session": "shop", "offset": last, "id": logged[0].ID}, rpc.CodeNotFound},
		{params{"session": "nobody", "offset": last}, rpc.CodeNotFound},
		{params{"session": "shop", "offset": 0}, rpc.CodeInvalidParams},
		{params{"session": "shop"}, rpc.CodeInvalidParams},
	} {
		if _, failed := a.try("session.getEvent", c.params); failed == nil || failed.Code != c.code {
			t.Errorf("%v: %v, want %d", c.params, failed, c.code)
		}
	}
}
