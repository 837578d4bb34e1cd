package sandbox

import (
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// SpamReport is an account's report of spam.
type SpamReport struct {
	ID       string
	Reporter types.JID
	About    types.JID // user or group
	Flow     string    // where in the app it was made
	Messages []string  // ids
	Time     time.Time
}

func (n *Network) spamRoutes() iqRoutes { return iqRoutes{"spam/set/spam_list": n.reportSpam} }

func (n *Network) reportSpam(r *request) ([]waBinary.Node, error) {
	report := SpamReport{Reporter: r.device.account.lid, Flow: text(r.child(), "spam_flow"), Time: n.now()}
	report.About, _ = jidOf(r.child(), "jid")
	for _, message := range r.child().GetChildrenByTag("message") {
		if from, ok := jidOf(&message, "from"); ok && report.About.IsEmpty() {
			report.About = from
		}
		report.Messages = append(report.Messages, text(&message, "id"))
	}
	if report.Flow == "" || report.About.IsEmpty() || n.find(report.About) == nil && n.groupHost.find(report.About) == nil {
		n.recordViolation(r, "malformed spam report")
		return nil, iqFail(400)
	}
	report.ID = strconv.FormatUint(n.random.uint64()%1e12, 10)
	n.spam = appendBounded(n.spam, report)
	return []waBinary.Node{leaf("report_id", []byte(report.ID))}, nil
}

// SpamReports returns the reports of all accounts, the oldest first, at most the latest 1000.
func (n *Network) SpamReports() []SpamReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.spam)
}
