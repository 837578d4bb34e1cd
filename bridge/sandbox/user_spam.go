package sandbox

import (
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// SpamReport is an account's report of spam.
type SpamReport struct {
	ID       string
	Reporter types.JID
	About    types.JID // user or group
	Flow     string    // where in the app it was made
	Subject  string    // name of the group, as the reporter stated it
	Messages []ReportedMessage
	Time     time.Time
}

// ReportedMessage is a message in a report of spam.
type ReportedMessage struct {
	ID        string
	Chat      types.JID
	Sender    types.JID // author; the chat if the report names no other
	Time      time.Time
	MediaType string
	Content   *waE2E.Message // nil = the report has no content
}

// maxReportedMessages is the number of messages in the largest report that is accepted.
const maxReportedMessages = 100

func (n *Network) spamRoutes() iqRoutes { return iqRoutes{"spam/set/spam_list": n.reportSpam} }

func (n *Network) reportSpam(r *request) ([]waBinary.Node, error) {
	report := SpamReport{Reporter: r.device.account.lid, Flow: text(r.child(), "spam_flow"), Subject: text(r.child(), "subject"), Time: n.now()}
	report.About, _ = jidOf(r.child(), "jid")
	malformed := report.Flow == ""
	for _, node := range r.child().GetChildrenByTag("message") {
		message, ok := reportedMessage(&node)
		if !ok || len(report.Messages) == maxReportedMessages {
			malformed = true
			break
		}
		if report.About.IsEmpty() {
			report.About = message.Sender
		}
		report.Messages = append(report.Messages, message)
	}
	if malformed || report.About.IsEmpty() || n.find(report.About) == nil && n.groupHost.find(report.About) == nil {
		n.recordViolation(r, "malformed spam report")
		return nil, iqFail(400)
	}
	report.ID = strconv.FormatUint(n.random.uint64()%1e12, 10)
	n.spam = appendBounded(n.spam, report)
	return []waBinary.Node{leaf("report_id", []byte(report.ID))}, nil
}

// reportedMessage reads a message of a report.
func reportedMessage(node *waBinary.Node) (m ReportedMessage, ok bool) {
	m.ID = text(node, "id")
	if seconds, err := strconv.ParseUint(text(node, "t"), 10, 32); err == nil {
		m.Time = time.Unix(int64(seconds), 0)
	}
	m.Chat, _ = jidOf(node, "from")
	if m.Sender, ok = jidOf(node, "participant"); !ok {
		m.Sender = m.Chat
	}
	raw, ok := node.GetOptionalChildByTag("raw")
	if !ok {
		return m, m.ID != ""
	}
	m.MediaType = text(&raw, "mediatype")
	m.Content = &waE2E.Message{}
	content, _ := raw.Content.([]byte)
	return m, m.ID != "" && text(&raw, "v") != "" && len(content) > 0 && proto.Unmarshal(content, m.Content) == nil
}

// SpamReports returns the reports of all accounts, the oldest first, at most the latest 1000.
func (n *Network) SpamReports() []SpamReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.spam)
}
