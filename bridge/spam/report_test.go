package spam

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

const group = "120363000000000009@g.us"

var sentAt = time.Unix(1_700_000_000, 0).UTC()

// session is a connected session with stored messages by id.
type session struct {
	*conntest.LiveConn
	stored map[string]*messages.Row
}

func (s *session) StoredMessage(_ context.Context, chat, id string) (*messages.Row, error) {
	row := s.stored[id]
	if row == nil || chat != "" && chat != row.Chat {
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such message")
	}
	return row, nil
}

func connect(t *testing.T) (*Service, *session) {
	t.Helper()
	ada := messages.Address{JID: conntest.Ada.String()}
	text := []byte{0x0a, 2, 'H', 'i'} // conversation
	s := &session{conntest.Connect(t), map[string]*messages.Row{
		"STORED":  {ID: "STORED", Chat: conntest.Ada.String(), Sender: ada, Time: sentAt, Raw: text},
		"DELETED": {ID: "DELETED", Chat: conntest.Ada.String(), Sender: ada, Time: sentAt, Raw: text, DeletedAt: sentAt},
		"OWN":     {ID: "OWN", Chat: conntest.Ada.String(), FromMe: true, Time: sentAt, Raw: text},
	}}
	return NewService(s), s
}

// TestReport compares what WhatsApp gets with the report.
func TestReport(t *testing.T) {
	t.Parallel()
	service, s := connect(t)
	other, err := s.AdaPhone.CreateGroup(sandbox.GroupOptions{Subject: "Pier", Members: []types.JID{conntest.Own}})
	if err != nil {
		t.Fatal(err)
	}
	ada := s.AdaPhone.LID()
	if err := s.Keys.LIDs.PutLIDMapping(s.Deadline(), ada, conntest.Ada); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		report        Report
		flow, subject string
		about, chat   types.JID
		content       bool
		mediaType     string
	}{
		"stored":       {Report{MessageID: "STORED", MediaType: "image", GroupName: "left out"}, "MessageMenu", "", ada, ada, true, "image"},
		"deleted":      {Report{MessageID: "DELETED", Flow: "contact_info"}, "ContactInfo", "", ada, ada, false, ""},
		"not stored":   {Report{MessageID: "M1", Chat: conntest.Ada.String(), Time: sentAt, Flow: "status_report", MediaType: "image"}, "StatusReport", "", ada, ada, false, ""},
		"of a group":   {Report{MessageID: "M2", Chat: other.String(), Sender: conntest.Ada.String(), Time: sentAt, GroupName: "Pier", Flow: "group_info_report"}, "GroupInfoReport", "Pier", other, other, false, ""},
		"group beside": {Report{MessageID: "M3", Chat: conntest.Ada.String(), Group: other.String(), Time: sentAt, Flow: "group_spam_banner_report"}, "GroupSpamBannerReport", "", other, other, false, ""},
		"of a status":  {Report{MessageID: "M4", Chat: "status@broadcast", Sender: conntest.Ada.User, Time: sentAt, Flow: "message_menu"}, "MessageMenu", "", ada, types.StatusBroadcastJID, false, ""},
	} {
		id, err := service.Report(s.Deadline(), &c.report)
		if err != nil || id == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		reports := s.Net.SpamReports()
		got := reports[len(reports)-1]
		m := got.Messages[0]
		if *id != got.ID || got.Reporter != s.OwnPhone.LID() || got.About != c.about || got.Flow != c.flow || got.Subject != c.subject {
			t.Errorf("%s: report %+v", name, got)
		}
		if m.ID != c.report.MessageID || m.Chat != c.chat || m.Sender != ada || !m.Time.Equal(sentAt) || m.MediaType != c.mediaType || (m.Content.GetConversation() == "Hi") != c.content {
			t.Errorf("%s: message %+v", name, m)
		}
	}
}

// TestBadReports checks that reports that cannot be made name the parameter and send nothing.
func TestBadReports(t *testing.T) {
	t.Parallel()
	service, s := connect(t)
	ada := conntest.Ada.String()
	for name, c := range map[string]struct {
		report Report
		field  string
	}{
		"no id":                    {Report{Chat: ada, Time: sentAt}, "message_id"},
		"own message":              {Report{MessageID: "OWN"}, "message_id"},
		"unknown flow":             {Report{MessageID: "STORED", Flow: "MessageMenu"}, "flow"},
		"no chat":                  {Report{MessageID: "M1", Time: sentAt}, "chat"},
		"no time":                  {Report{MessageID: "M1", Chat: ada}, "timestamp"},
		"no address":               {Report{MessageID: "STORED", Chat: "nobody"}, "chat"},
		"newsletter":               {Report{MessageID: "M1", Chat: "120363000000000009@newsletter", Time: sentAt}, "chat"},
		"sender is a group":        {Report{MessageID: "M1", Chat: group, Sender: group, Time: sentAt}, "sender"},
		"group is a person":        {Report{MessageID: "STORED", Group: ada}, "group"},
		"group is not the chat":    {Report{MessageID: "M1", Chat: "120363000000000008@g.us", Group: group, Time: sentAt}, "group"},
		"stored with another chat": {Report{MessageID: "STORED", Chat: conntest.Bob.String()}, "timestamp"},
	} {
		_, err := service.Report(s.Deadline(), &c.report)
		var problem *wa.Error
		if !errors.As(err, &problem) || problem.Reason != wa.ReasonBadParam || problem.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.Net.SpamReports()); n != 0 {
		t.Errorf("%d reports", n)
	}
}

// TestReportFails checks the errors of WhatsApp and replies without a usable id.
func TestReportFails(t *testing.T) {
	t.Parallel()
	service, s := connect(t)
	end := s.RefuseRequests(429)
	if _, err := service.Report(s.Deadline(), &Report{MessageID: "STORED"}); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("refused: %v", err)
	}
	end()
	for name, content := range map[string]any{"none": nil, "long": []byte(strings.Repeat("x", maxReportID+1)), "nodes": []waBinary.Node{{Tag: "a"}}} {
		end := s.ChangeReplies(func(reply waBinary.Node) waBinary.Node {
			reply.Content = []waBinary.Node{{Tag: "report_id", Content: content}}
			return reply
		})
		if id, err := service.Report(s.Deadline(), &Report{MessageID: "STORED"}); err != nil || id != nil {
			t.Errorf("%s: %v, %v", name, id, err)
		}
		end()
	}
	offline := NewService(&session{&conntest.LiveConn{Conn: &conntest.Conn{}}, s.stored})
	if _, err := offline.Report(s.Deadline(), &Report{MessageID: "STORED"}); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("not connected: %v", err)
	}
}
