package inbound

import (
	"regexp"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

var (
	callMeta  = types.BasicCallMeta{From: adaLID, CallCreator: adaLID, CallCreatorAlt: ada, CallID: "C1", Timestamp: at}
	groupCall = types.BasicCallMeta{From: team, CallCreator: carolLID, CallID: "C2", Timestamp: at, GroupJID: team}
)

// TestCallEvents checks the events of calls.
func TestCallEvents(t *testing.T) {
	phone := types.CallRemoteMeta{RemotePlatform: "android", RemoteVersion: "2.26"}
	video := &waBinary.Node{Tag: "offer", Content: []waBinary.Node{{Tag: "video"}}}
	checkFamily(t, callFamily, []sample{
		{"offer", &events.CallOffer{BasicCallMeta: callMeta, CallRemoteMeta: phone}},
		{"video offer", &events.CallOffer{BasicCallMeta: callMeta, Data: video}},
		{"offer to a group", &events.CallOfferNotice{BasicCallMeta: groupCall, Media: "audio", Type: "group"}},
		{"accept", &events.CallAccept{BasicCallMeta: callMeta, CallRemoteMeta: phone}},
		{"pre-accept", &events.CallPreAccept{BasicCallMeta: callMeta, CallRemoteMeta: phone}},
		{"transport", &events.CallTransport{BasicCallMeta: callMeta}},
		{"latency", &events.CallRelayLatency{BasicCallMeta: callMeta}},
		{"terminate", &events.CallTerminate{BasicCallMeta: callMeta, Reason: "timeout"}},
		{"reject", &events.CallReject{BasicCallMeta: callMeta}},
		{"unknown", &events.UnknownCallEvent{Node: &waBinary.Node{Tag: "call"}}},
	})
}

// TestRejectionIsRecorded checks the event of an automatic rejection and the id of the notice after it.
func TestRejectionIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.events.recordRejection(t.Context(), w.cli, callMeta, "declined"); err != nil {
		t.Fatal(err)
	}
	got := w.take()
	if !strings.Contains(got, "timestamp = ") || strings.Contains(got, `timestamp = "2026-01-02`) {
		t.Errorf("the time of the rejection is missing:\n%s", got)
	}
	withoutTime := regexp.MustCompile(`\n +timestamp = .*`).ReplaceAllString(got, "")
	checkText(t, withoutTime, `
		CallReject
		  chats: 15550000002@s.whatsapp.net 100000000000002@lid
		  key: call|CallReject|100000000000002@lid|C1
		  origin: server
		    automatic = true
		    call_id = "C1"
		    caller = "15550000002@s.whatsapp.net"
		    contact_key = "100000000000002@lid"
		    from = "15550000002@s.whatsapp.net"
		    lid = "100000000000002@lid"
		    pn = "15550000002@s.whatsapp.net"
		    reason = "declined"
		    null: group
	`)
	first, again := noticeID("C1"), noticeID("C1")
	if first != again || first == noticeID("C2") || !strings.HasPrefix(first, "3EB0") || len(first) != 22 {
		t.Errorf("ids of the notices: %s, %s, %s", first, again, noticeID("C2"))
	}
}

// TestFailedRejection checks that a call that cannot be rejected leads to the event of its offer alone.
func TestFailedRejection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings.RejectCalls, w.settings.CallRejectMessage = true, "no calls, please"
	got := w.record(&events.CallOffer{BasicCallMeta: callMeta})
	if !strings.HasPrefix(got, "CallOffer\n") || strings.Contains(got, "CallReject") || strings.Contains(got, "call: send") {
		t.Errorf("events and calls:\n%s", got)
	}
}

// TestRepeatedCallEvents checks that an event of a call is recorded once for each device.
func TestRepeatedCallEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		if err := w.events.Record(w.cli, &events.CallTerminate{BasicCallMeta: callMeta}); err != nil {
			t.Fatal(err)
		}
	}
	other := callMeta
	other.From.Device = 2
	if err := w.events.Record(w.cli, &events.CallTerminate{BasicCallMeta: other}); err != nil {
		t.Fatal(err)
	}
	if len(w.records) != 2 {
		t.Errorf("%d records, want 2:\n%s", len(w.records), w.take())
	}
}
