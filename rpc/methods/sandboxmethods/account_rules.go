package sandboxmethods

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxRestrict struct {
	asAccount
	Seconds         int    `json:"seconds" rpc:"required,min=1,max=31536000" doc:"duration; the account cannot write to people without a chat with it"`
	EnforcementType string `json:"enforcement_type,omitempty" rpc:"max=100" doc:"WhatsApp's word for the cause; default DEFAULT"`
}

type sandboxRestrictionRule struct {
	asAccount
	UnregisteredSends int `json:"unregistered_sends" rpc:"required,min=0,max=100000" doc:"messages to unregistered numbers that start a restriction; 0 ends the rule"`
	Seconds           int `json:"seconds,omitempty" rpc:"min=0,max=31536000" doc:"duration of that restriction"`
}

type sandboxRequestMode struct {
	asAccount
	Mode string `json:"mode" rpc:"required,enum=answer|ignore|refuse" doc:"answer; ignore: as a phone that is switched off; refuse: the owner declines to share the full history"`
}

var requestModes = map[string]sandbox.RequestMode{"answer": sandbox.AnswerRequests, "ignore": sandbox.IgnoreRequests, "refuse": sandbox.RefuseRequests}

func (p *sandboxRestrictionRule) Validate() error {
	if p.UnregisteredSends > 0 && p.Seconds == 0 {
		return rpc.InvalidParams("/seconds", "is needed for a rule")
	}
	return nil
}

type sandboxHistoryMessage struct {
	Text      string    `json:"text" rpc:"required,min=1,max=65536" doc:"text"`
	FromMe    bool      `json:"from_me,omitempty" doc:"sent by the account itself"`
	Sender    string    `json:"sender,omitempty" rpc:"format=jid" doc:"author in a group"`
	Timestamp time.Time `json:"timestamp" rpc:"required" doc:"when"`
	MessageID string    `json:"message_id,omitempty" rpc:"max=100" doc:"id; default a new one"`
}

type sandboxAddHistory struct {
	asAccount
	Chat                string                  `json:"chat" rpc:"required,format=jid" doc:"person or group"`
	Messages            []sandboxHistoryMessage `json:"messages,omitempty" rpc:"max=1000" doc:"messages of the past, in any order"`
	UnreadCount         *uint32                 `json:"unread_count,omitempty" rpc:"min=0,max=100000" doc:"unread messages; default counted"`
	DisappearingSeconds *uint32                 `json:"disappearing_seconds,omitempty" rpc:"min=0,max=7776000" doc:"message timer of the chat"`
	Archived            *bool                   `json:"archived,omitempty" doc:"archived"`
	Pinned              *bool                   `json:"pinned,omitempty" doc:"pinned"`
	MutedUntil          *time.Time              `json:"muted_until,omitempty" doc:"end of muting; a time before 1970 mutes without end"`
	MarkedUnread        *bool                   `json:"marked_unread,omitempty" doc:"marked as unread"`
}

type sandboxHistoryAdded struct {
	MessageIDs []string `json:"message_ids" doc:"ids of the messages, in the order of the call"`
}

// history in the form of the simulated network.
func (p *sandboxAddHistory) history() (sandbox.HistoryChat, error) {
	h := sandbox.HistoryChat{
		Unread: p.UnreadCount, Timer: p.DisappearingSeconds, Archived: p.Archived, Pinned: p.Pinned, MutedUntil: p.MutedUntil, MarkedUnread: p.MarkedUnread,
	}
	for _, m := range p.Messages {
		message := sandbox.HistoryMessage{ID: m.MessageID, FromMe: m.FromMe, Time: m.Timestamp, Content: sandbox.Text(m.Text)}
		if m.Sender != "" {
			var err error
			if message.Sender, err = wa.ParseJID("messages/sender", m.Sender); err != nil {
				return h, err
			}
		}
		h.Messages = append(h.Messages, message)
	}
	return h, nil
}

type sandboxStatusPrivacy struct {
	asAccount
	Type     string   `json:"type" rpc:"required,enum=contacts|blacklist|whitelist" doc:"all contacts, all but those listed, or only those"`
	Contacts []string `json:"contacts,omitempty" rpc:"max=1000,format=jid" doc:"people of a blacklist or whitelist"`
}

type sandboxIssueToken struct {
	asAccount
	To       string     `json:"to" rpc:"required,format=jid" doc:"person who gets the token"`
	IssuedAt *time.Time `json:"issued_at,omitempty" doc:"time of issue, which the token states; default now. Tokens expire four weeks after it"`
}

type sandboxListReports struct {
	Account string `json:"account,omitempty" rpc:"max=100" doc:"only reports of this account: number or JID"`
}

type sandboxReportedMessage struct {
	MessageID string          `json:"message_id" doc:"message"`
	Chat      string          `json:"chat" doc:"chat of the message"`
	Sender    string          `json:"sender" doc:"author"`
	Timestamp time.Time       `json:"timestamp" doc:"when it was sent, as the reporter stated it"`
	MediaType string          `json:"media_type" doc:"kind of its file, as the reporter stated it"`
	Content   json.RawMessage `json:"content" doc:"protobuf content as JSON; null = the report has none"`
}

type sandboxReport struct {
	ReportID  string                   `json:"report_id" doc:"id that the reporter got"`
	Reporter  string                   `json:"reporter" doc:"account that reported, as LID"`
	About     string                   `json:"about" doc:"reported person or group"`
	Flow      string                   `json:"flow" doc:"place in the app, as on the wire"`
	GroupName string                   `json:"group_name" doc:"name of the group, as the reporter stated it"`
	Messages  []sandboxReportedMessage `json:"messages" doc:"reported messages"`
	Time      time.Time                `json:"time" doc:"when"`
}

type sandboxReports struct {
	Reports []sandboxReport `json:"reports" doc:"the oldest first"`
}

// listReports describes the reports of an account, or of all if the account is empty.
func listReports(n *sandbox.Network, account string) (sandboxReports, error) {
	result := sandboxReports{Reports: []sandboxReport{}}
	var reporter types.JID
	if account != "" {
		phone, err := n.Phone(plainNumber(account))
		if err != nil {
			return result, at("/account", err)
		}
		reporter = phone.LID()
	}
	for _, r := range n.SpamReports() {
		if account != "" && r.Reporter != reporter {
			continue
		}
		report := sandboxReport{
			ReportID: r.ID, Reporter: r.Reporter.String(), About: r.About.String(), Flow: r.Flow, GroupName: r.Subject, Messages: []sandboxReportedMessage{}, Time: r.Time.UTC(),
		}
		for _, m := range r.Messages {
			reported := sandboxReportedMessage{
				MessageID: m.ID, Chat: m.Chat.String(), Sender: m.Sender.String(), Timestamp: m.Time.UTC(), MediaType: m.MediaType, Content: json.RawMessage("null"),
			}
			if m.Content != nil {
				if raw, err := protojson.Marshal(m.Content); err == nil { // invalid UTF-8 has no JSON
					reported.Content = raw
				}
			}
			report.Messages = append(report.Messages, reported)
		}
		result.Reports = append(result.Reports, report)
	}
	return result, nil
}

func registerRules(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "setStatusPrivacy", "Set who gets an account's status posts. A post to other people is refused and recorded as a violation.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxStatusPrivacy) (result done, err error) {
			people, err := wa.ParsePeople("contacts", p.Contacts)
			if err != nil {
				return result, err
			}
			return did(at("/contacts", phone.SetStatusPrivacy(types.StatusPrivacyType(p.Type), people)))
		})
	onPhone(reg, d, "restrictAccount", "Start a reach-out timelock: messages to people without a chat with the account are refused with 463 until it ends.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRestrict) (done, error) {
			return did(phone.Restrict(time.Duration(p.Seconds)*time.Second, p.EnforcementType))
		})
	onPhone(reg, d, "liftRestriction", "End an account's reach-out timelock.",
		func(_ context.Context, phone *sandbox.Phone, _ *asAccount) (done, error) {
			phone.LiftRestriction()
			return did(nil)
		})
	onPhone(reg, d, "setRestrictionRule", "Set the number of messages to unregistered numbers that starts a reach-out timelock.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRestrictionRule) (done, error) {
			return did(phone.RestrictUnknownSenders(p.UnregisteredSends, time.Duration(p.Seconds)*time.Second))
		})
	onPhone(reg, d, "issueToken", "Issue a person a privacy token of the account, which may have been issued in the past.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxIssueToken) (result done, err error) {
			to, err := wa.ParsePerson("to", p.To)
			if err != nil {
				return result, err
			}
			issued := time.Now()
			if p.IssuedAt != nil {
				issued = *p.IssuedAt
			}
			return did(at("/to", phone.IssueToken(to, issued)))
		})
	onNetwork(reg, d, "listSpamReports", "List the reports of spam that the simulated WhatsApp got, the latest 1000 at most.",
		func(_ context.Context, n *sandbox.Network, p *sandboxListReports) (sandboxReports, error) {
			return listReports(n, p.Account)
		})
	onPhone(reg, d, "addHistory", "Add past messages and properties to a chat of the account's phone; companions get them by history sync.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxAddHistory) (result sandboxHistoryAdded, err error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return result, err
			}
			h, err := p.history()
			if err != nil {
				return result, err
			}
			ids, err := phone.AddHistory(chat, h)
			return sandboxHistoryAdded{MessageIDs: append([]string{}, ids...)}, at("/chat", err)
		})
}
