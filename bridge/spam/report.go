package spam

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that reports use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// StoredMessage returns a stored message, or an Error with ReasonNotFound. The chat may be empty while the id is unique in the session.
	StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error)
}

// Service reports spam for one session. Its methods return *wa.Error.
type Service struct{ conn Conn }

// NewService returns the reports of a session.
func NewService(conn Conn) *Service { return &Service{conn: conn} }

// flows are the names on the wire of the places in the app where a report is made.
var flows = map[string]string{
	"message_menu":             "MessageMenu",
	"group_spam_banner_report": "GroupSpamBannerReport",
	"group_info_report":        "GroupInfoReport",
	"contact_info":             "ContactInfo",
	"status_report":            "StatusReport",
}

const (
	defaultFlow = "message_menu"
	// rawVersion is the version of the form in which a report contains the message.
	rawVersion = "3"
	// maxReportID is the length in bytes of the longest id of a report that is accepted; WhatsApp's have up to 36.
	maxReportID = 256
)

// Report describes the reported message. Empty members other than MessageID are taken from the stored message.
type Report struct {
	MessageID string
	Chat      string    // person, group, or the list of status posts
	Sender    string    // author in a group or of a status post
	Group     string    // group that is reported; empty = Chat, if that is a group
	GroupName string    // sent only with a group
	Time      time.Time // of the message
	Flow      string    // place in the app, a key of flows; empty = message_menu
	MediaType string    // sent only with the content of the message
}

// Report sends a report with the content of the message, if that is stored. It returns the id that WhatsApp gave the report, nil if WhatsApp gave none.
func (s *Service) Report(ctx context.Context, r *Report) (reportID *string, err error) {
	m, err := s.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if err := m.toLIDs(ctx, client.Store); err != nil {
		return nil, err
	}
	reply, err := client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{ // no public call reports spam
		Namespace: "spam", Type: "set", To: types.ServerJID, Content: []waBinary.Node{m.node()},
	})
	if err != nil {
		return nil, wa.Wrap("report the message", err)
	}
	return idOf(reply), nil
}

// idOf returns the id in the reply to a report, nil if there is none.
func idOf(reply *waBinary.Node) *string {
	if reply == nil {
		return nil
	}
	node := reply.GetChildByTag("report_id")
	content, _ := node.Content.([]byte)
	if len(content) > maxReportID {
		return nil
	}
	return wa.OrNull(wa.CleanText(string(content)))
}

// reported is a message with all that WhatsApp needs to know about it.
type reported struct {
	id, flow, groupName, mediaType string
	chat, sender                   types.JID // sender is empty in a chat with a person
	at                             time.Time
	content                        []byte // protobuf; nil = not stored
}

// resolve checks a report and completes it from the stored message.
func (s *Service) resolve(ctx context.Context, r *Report) (*reported, error) {
	m := &reported{id: r.MessageID, groupName: r.GroupName, mediaType: r.MediaType, at: r.Time}
	if m.id == "" {
		return nil, wa.BadParam("message_id", "is empty")
	}
	var known bool
	if m.flow, known = flows[r.Flow]; r.Flow == "" {
		m.flow = flows[defaultFlow]
	} else if !known {
		return nil, wa.BadParam("flow", "must be one of %s", strings.Join(slices.Sorted(maps.Keys(flows)), ", "))
	}
	if err := m.setAddresses(r); err != nil {
		return nil, err
	}
	stored, err := s.conn.StoredMessage(ctx, wa.AddressString(m.chat), m.id)
	switch {
	case err == nil:
		err = m.complete(stored)
	case wa.IsNotFound(err) && m.chat.IsEmpty():
		err = wa.BadParam("chat", "is needed: the message is not stored")
	case wa.IsNotFound(err) && m.at.IsZero():
		err = wa.BadParam("timestamp", "is needed: the message is not stored")
	case wa.IsNotFound(err):
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if wa.IsPerson(m.chat) {
		m.sender, m.groupName = types.EmptyJID, ""
	}
	return m, nil
}

// setAddresses parses the addresses of a report. Callers may name the author of a message in a group as its chat, beside the group.
func (m *reported) setAddresses(r *Report) (err error) {
	if r.Chat != "" {
		if m.chat, err = wa.ParseJID("chat", r.Chat); err != nil {
			return err
		}
		if !wa.IsPerson(m.chat) && m.chat.Server != types.GroupServer && m.chat != types.StatusBroadcastJID {
			return wa.BadParam("chat", "must be a person, a group or the list of status posts")
		}
	}
	if r.Sender != "" {
		if m.sender, err = wa.ParsePerson("sender", r.Sender); err != nil {
			return err
		}
	}
	if r.Group == "" {
		return nil
	}
	group, err := wa.ParseGroup("group", r.Group)
	switch {
	case err != nil:
		return err
	case wa.IsPerson(m.chat):
		if m.sender.IsEmpty() {
			m.sender = m.chat
		}
	case !m.chat.IsEmpty() && m.chat != group:
		return wa.BadParam("group", "is not the chat of the message")
	}
	m.chat = group
	return nil
}

// complete fills what the report leaves out from the stored message.
func (m *reported) complete(stored *messages.Row) error {
	if stored.FromMe {
		return wa.BadParam("message_id", "is a message of the account itself")
	}
	if m.chat.IsEmpty() {
		chat, err := types.ParseJID(stored.Chat)
		if err != nil {
			return wa.StorageError("the chat of the message could not be read", err)
		}
		m.chat = chat
	}
	if m.sender.IsEmpty() {
		sender, _ := types.ParseJID(stored.Sender.JID) // a report without the author is valid
		m.sender = sender.ToNonAD()
	}
	if m.at.IsZero() {
		m.at = stored.Time
	}
	if stored.DeletedAt.IsZero() {
		m.content = stored.Raw
	}
	return nil
}

// toLIDs replaces phone numbers by LIDs where those are known: messages arrive under LIDs.
func (m *reported) toLIDs(ctx context.Context, device *store.Device) error {
	for _, jid := range []*types.JID{&m.chat, &m.sender} {
		who, err := wa.PersonOf(ctx, device, *jid)
		if err != nil {
			return err
		}
		if !who.LID.IsEmpty() {
			*jid = who.LID
		}
	}
	return nil
}

// node returns the report as WhatsApp reads it.
func (m *reported) node() waBinary.Node {
	message := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": m.id, "t": strconv.FormatInt(m.at.Unix(), 10), "from": m.chat}}
	if !m.sender.IsEmpty() {
		message.Attrs["participant"] = m.sender
	}
	if len(m.content) > 0 {
		raw := waBinary.Node{Tag: "raw", Attrs: waBinary.Attrs{"v": rawVersion}, Content: m.content}
		if m.mediaType != "" {
			raw.Attrs["mediatype"] = m.mediaType
		}
		message.Content = []waBinary.Node{raw}
	}
	list := waBinary.Node{Tag: "spam_list", Attrs: waBinary.Attrs{"spam_flow": m.flow}, Content: []waBinary.Node{message}}
	if m.chat.Server == types.GroupServer {
		list.Attrs["jid"] = m.chat
		if m.groupName != "" {
			list.Attrs["subject"] = m.groupName
		}
	}
	return list
}
