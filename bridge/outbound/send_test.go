package outbound

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

var team = types.NewJID("120363000000000001", types.GroupServer)

func TestSendChecksItsOptions(t *testing.T) {
	w := newWorld(t)
	day := 86400
	for name, c := range map[string]struct {
		to      string
		content message.Content
		options SendOptions
		field   string
	}{
		"chat":         {"nobody", message.Content{}, SendOptions{}, "to"},
		"long id":      {conntest.Ada.String(), message.Content{}, SendOptions{MessageID: strings.Repeat("x", 129)}, "message_id"},
		"negative":     {conntest.Ada.String(), message.Content{}, SendOptions{TypingSeconds: -1}, "typing_seconds"},
		"long typing":  {conntest.Ada.String(), message.Content{}, SendOptions{TypingSeconds: 61}, "typing_seconds"},
		"timer beside": {conntest.Ada.String(), message.Content{ViewOnce: true}, SendOptions{DisappearingSeconds: &day}, "disappearing_seconds"},
	} {
		_, err := w.Send(t.Context(), c.to, &c.content, &c.options)
		t.Log(name)
		refused(t, err, wa.ReasonBadParam, c.field)
	}
	_, err := w.Send(t.Context(), conntest.Ada.String(), &message.Content{Type: message.TypeText, Text: "x"}, &SendOptions{})
	refused(t, err, wa.ReasonNotConnected, "")
}

// TestRepeatNeedsNoConnection checks that a message of a known id is returned and not sent again.
func TestRepeatNeedsNoConnection(t *testing.T) {
	w := newWorld(t)
	w.save(conntest.Ada, "SENT", conntest.Own, hello("before"))
	w.save(conntest.Ada, "THEIRS", conntest.Ada, hello("theirs"))
	content := &message.Content{Type: message.TypeText, Text: "again"}
	sent, err := w.Send(t.Context(), conntest.Ada.String(), content, &SendOptions{MessageID: "SENT"})
	must(t, err)
	if sent.MessageID != "SENT" || *sent.Message.Text != "before" || len(w.pending) != 0 {
		t.Errorf("got %+v", sent)
	}
	_, err = w.Send(t.Context(), conntest.Ada.String(), content, &SendOptions{MessageID: "THEIRS"})
	refused(t, err, wa.ReasonConflict, "message_id")
}

// TestMessageContext checks the parts of a message beside its content.
func TestMessageContext(t *testing.T) {
	w := newWorld(t)
	quotable := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: ptr("quoted"), ContextInfo: &waE2E.ContextInfo{StanzaID: ptr("OLDER")}}}
	w.save(conntest.Ada, "QUOTED", conntest.Ada, quotable)
	never, week, hour := 0, 604800, 3600
	for name, c := range map[string]struct {
		to      types.JID
		options SendOptions
		field   string
		check   func(*waE2E.ContextInfo) bool
	}{
		"nothing": {conntest.Ada, SendOptions{}, "", func(i *waE2E.ContextInfo) bool { return i == nil }},
		"reply to a stored message": {conntest.Ada, SendOptions{ReplyTo: &ReplyTo{MessageID: "QUOTED"}}, "", func(i *waE2E.ContextInfo) bool {
			quoted := i.GetQuotedMessage().GetExtendedTextMessage()
			return i.GetStanzaID() == "QUOTED" && i.GetParticipant() == conntest.Ada.String() && i.RemoteJID == nil && quoted.GetText() == "quoted" && quoted.ContextInfo == nil
		}},
		"reply in another chat": {conntest.Bob, SendOptions{ReplyTo: &ReplyTo{MessageID: "QUOTED", Chat: conntest.Ada.String()}}, "", func(i *waE2E.ContextInfo) bool {
			return i.GetRemoteJID() == conntest.Ada.String() && i.GetQuotedMessage().GetExtendedTextMessage().GetText() == "quoted"
		}},
		"reply to an unknown message": {conntest.Ada, SendOptions{ReplyTo: &ReplyTo{MessageID: "X", Text: "from memory"}}, "", func(i *waE2E.ContextInfo) bool {
			return i.GetQuotedMessage().GetConversation() == "from memory" && i.GetParticipant() == conntest.Ada.String()
		}},
		"reply with its author": {team, SendOptions{DisappearingSeconds: &never, ReplyTo: &ReplyTo{MessageID: "X", Sender: conntest.Bob.String()}}, "", func(i *waE2E.ContextInfo) bool {
			return i.GetParticipant() == conntest.Bob.String()
		}},
		"reply without an author":   {team, SendOptions{ReplyTo: &ReplyTo{MessageID: "X"}}, "reply_to/sender", nil},
		"reply with a wrong chat":   {team, SendOptions{ReplyTo: &ReplyTo{MessageID: "X", Chat: "?"}}, "reply_to/chat", nil},
		"reply with a wrong author": {conntest.Ada, SendOptions{ReplyTo: &ReplyTo{MessageID: "X", Sender: team.String()}}, "reply_to/sender", nil},
		"mentions": {team, SendOptions{DisappearingSeconds: &never, Mentions: []string{conntest.Ada.String(), team.String()}, MentionAll: true}, "", func(i *waE2E.ContextInfo) bool {
			return slices.Equal(i.MentionedJID, []string{conntest.Ada.String()}) && i.GroupMentions[0].GetGroupJID() == team.String() && i.GetNonJIDMentions() == 1
		}},
		"mention of a channel":       {team, SendOptions{Mentions: []string{conntest.Ada.String(), "120363000000000002@newsletter"}}, "mentions/1", nil},
		"mention of nothing":         {team, SendOptions{Mentions: []string{"?"}}, "mentions/0", nil},
		"too many mentions":          {team, SendOptions{Mentions: make([]string, 1025)}, "mentions", nil},
		"mention of all in a chat":   {conntest.Ada, SendOptions{MentionAll: true}, "mention_all", nil},
		"forwarded":                  {conntest.Ada, SendOptions{Forwarded: true}, "", func(i *waE2E.ContextInfo) bool { return i.GetIsForwarded() && i.GetForwardingScore() == 1 }},
		"timer":                      {conntest.Ada, SendOptions{DisappearingSeconds: &week}, "", func(i *waE2E.ContextInfo) bool { return i.GetExpiration() == 604800 }},
		"no timer":                   {conntest.Ada, SendOptions{DisappearingSeconds: &never}, "", func(i *waE2E.ContextInfo) bool { return i == nil }},
		"timer that no client shows": {conntest.Ada, SendOptions{DisappearingSeconds: &hour}, "disappearing_seconds", nil},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := w.messageContext(t.Context(), c.to, &c.options)
			if c.field != "" {
				refused(t, err, wa.ReasonBadParam, c.field)
				return
			}
			must(t, err)
			if !c.check(info) {
				t.Errorf("got %v", info)
			}
		})
	}
	w.conn.Timer, w.conn.TimerAt = 24*time.Hour, time.Now()
	info, err := w.messageContext(t.Context(), conntest.Bob, &SendOptions{})
	must(t, err)
	if info.GetExpiration() != 86400 || info.GetEphemeralSettingTimestamp() != w.conn.TimerAt.Unix() {
		t.Errorf("the account's timer: %v", info)
	}
}

func ptr[T any](value T) *T { return &value }

func TestSendDeliversAndRecords(t *testing.T) {
	w := connect(t)
	sent := w.text("hello", SendOptions{})
	if got := w.received(w.net.AdaPhone, sent.MessageID); got.Text() != "hello" {
		t.Errorf("Ada received %q", got.Text())
	}
	if *sent.Message.Status != "sent" || sent.Timestamp.IsZero() || w.acks != 1 {
		t.Errorf("sent %+v with status %s, %d acknowledgements", sent, *sent.Message.Status, w.acks)
	}
	if out := w.pending[0]; !out.Echo || out.Asked || out.Recipients != 1 {
		t.Errorf("pending %+v", out)
	}
	if len(w.statuses) != 1 || w.statuses[0].Status != "sent" || w.statuses[0].MessageID != sent.MessageID {
		t.Errorf("statuses %+v", w.statuses)
	}
	w.text("again", SendOptions{MessageID: sent.MessageID}) // is not sent
	asked := w.text("with options", SendOptions{MessageID: "OWN1", Echo: ptr(true), TypingSeconds: 0.01, MarkRead: true, CheckRecipient: true})
	if out := w.pending[1]; out.ID != "OWN1" || !out.Asked || asked.MessageID != "OWN1" || len(w.pending) != 2 {
		t.Errorf("pending %+v", w.pending)
	}

	unknown := types.NewJID("15550009999", types.DefaultUserServer)
	_, err := w.Send(w.net.Deadline(), unknown.String(), &message.Content{Type: message.TypeText, Text: "x"}, &SendOptions{CheckRecipient: true})
	refused(t, err, wa.ReasonNotFound, "to")
	_, err = w.Send(w.net.Deadline(), conntest.Ada.String(), &message.Content{Type: message.TypeText}, &SendOptions{ContentField: "content"})
	refused(t, err, wa.ReasonBadParam, "content/text")

	ctx, cancel := context.WithTimeout(w.net.Deadline(), 200*time.Millisecond)
	defer cancel()
	_, err = w.Send(ctx, conntest.Ada.String(), &message.Content{Type: message.TypeText, Text: "too late"}, &SendOptions{TypingSeconds: 60})
	if e := refused(t, err, wa.ReasonTimeout, ""); e.OutcomeUnknown || len(w.pending) != 2 {
		t.Errorf("%+v with %d pending messages", e, len(w.pending))
	}
}

func TestFailedSendIsRecorded(t *testing.T) {
	w := connect(t)
	_, err := w.net.Net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: conntest.Own.User, Code: 420})
	must(t, err)
	send := func(id string) error {
		_, err := w.Send(w.net.Deadline(), conntest.Ada.String(), &message.Content{Type: message.TypeText, Text: "hello"}, &SendOptions{MessageID: id})
		return err
	}
	if e := refused(t, send("F1"), wa.ReasonWhatsApp, ""); e.WACode != 420 || e.MessageID != "F1" {
		t.Errorf("got %+v", e)
	}
	if failed := w.statuses[0]; failed.Status != "failed" || *failed.WACode != 420 || failed.Reason == nil {
		t.Errorf("status %+v", failed)
	}
	row, err := w.conn.Messages.Message(t.Context(), conntest.Owner, messages.Address{JID: conntest.Ada.String()}, "F1")
	must(t, err)
	if row.Status != messages.StatusFailed || row.FailCode != 420 {
		t.Errorf("stored %+v", row)
	}
	must(t, send("F1")) // a failed message may be sent again
	if got := w.received(w.net.AdaPhone, "F1"); got.Text() != "hello" {
		t.Errorf("received %+v", got)
	}

	w.err = wa.StorageError("the message could not be stored", errors.New("the disk is full"))
	refused(t, send("F2"), wa.ReasonStorage, "")
	w.err = nil
	must(t, send("F3"))
	w.received(w.net.AdaPhone, "F3")
	for _, r := range w.net.AdaPhone.Received() {
		if r.ID == "F2" {
			t.Error("a message that is not stored was sent")
		}
	}
}

// TestTimelockStopsFirstMessages checks that an account under a timelock writes to existing chats only.
func TestTimelockStopsFirstMessages(t *testing.T) {
	w := connect(t)
	w.text("before", SendOptions{})
	until := time.Now().Add(time.Hour)
	w.reach = Reachout{Active: true, EnforcementType: "BIZ_QUALITY", Until: until}
	w.text("to a known person", SendOptions{})
	send := func(to types.JID) error {
		_, err := w.Send(w.net.Deadline(), to.String(), &message.Content{Type: message.TypeText, Text: "first"}, &SendOptions{})
		return err
	}
	before := len(w.pending)
	if e := refused(t, send(conntest.Bob), wa.ReasonWhatsApp, "to"); e.Kind != wa.KindReachoutTimelock || !e.RetryAt.Equal(until) || len(w.pending) != before {
		t.Errorf("got %+v", e)
	}
	must(t, send(conntest.Own))

	// WhatsApp's own refusal has the same form, with the end that WhatsApp states.
	w.reach, w.next = Reachout{}, w.reach
	_, err := w.net.Net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: conntest.Own.User, Code: 463, Times: 2})
	must(t, err)
	err = send(conntest.Ada)
	if e := refused(t, err, wa.ReasonWhatsApp, ""); e.Kind == wa.KindReachoutTimelock {
		t.Errorf("in an existing chat: %+v", e)
	}
}

func TestReachout(t *testing.T) {
	now := time.Now()
	over, open := Reachout{Active: true, Until: now.Add(-time.Second)}, Reachout{Active: true}
	if over.Current(now).Active || !open.Current(now).Active {
		t.Error("a timelock ends at its end, and only then")
	}
	if !open.Equal(Reachout{Active: true}) || open.Equal(over) || open.Equal(Reachout{Active: true, EnforcementType: "X"}) {
		t.Error("timelocks are compared by all their fields")
	}
	w := connect(t)
	cli, err := w.net.Live()
	must(t, err)
	if r, err := QueryReachout(w.net.Deadline(), cli); err != nil || r.Active {
		t.Errorf("without a timelock: %+v, %v", r, err)
	}
	must(t, w.net.OwnPhone.Restrict(time.Hour, "BIZ_QUALITY"))
	if r, err := QueryReachout(w.net.Deadline(), cli); err != nil || !r.Active || r.EnforcementType != "BIZ_QUALITY" || r.Until.Before(now) {
		t.Errorf("with a timelock: %+v, %v", r, err)
	}
	defer w.net.RefuseRequests(500)()
	if _, err := QueryReachout(w.net.Deadline(), cli); err == nil {
		t.Error("a refused query has a result")
	}
}
