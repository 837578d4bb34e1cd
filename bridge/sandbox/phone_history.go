package sandbox

import (
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxHistoryChats bounds the chats with a chatRecord.
const maxHistoryChats = 10_000

// chatRecord has the properties of a chat besides its messages. Guarded by Phone.mu.
type chatRecord struct {
	unread       *uint32 // nil: counted from the messages
	timer        uint32  // seconds
	timerAt      time.Time
	archived     bool
	pinnedAt     time.Time
	mutedUntil   time.Time // zero: not muted; foreverMuted: without end
	markedUnread bool
}

// foreverMuted is the mutedUntil of a chat that is muted without end.
var foreverMuted = time.UnixMilli(-1)

// HistoryMessage is a past message that AddHistory puts into a chat.
type HistoryMessage struct {
	ID      string    // "" makes one
	Sender  types.JID // of a group's member; "" is the other side of a chat of two
	FromMe  bool
	Time    time.Time
	Content Content
}

// HistoryChat has the properties of a chat; nil fields are not changed.
type HistoryChat struct {
	Messages     []HistoryMessage
	Unread       *uint32
	Timer        *uint32 // seconds
	Archived     *bool
	Pinned       *bool
	MutedUntil   *time.Time // zero unmutes, a time before 1970 mutes without end
	MarkedUnread *bool
}

// AddHistory adds past messages and properties to a chat of the phone without sending stanzas. Companions
// get them by history sync. The error wraps ErrNoAccount for an unknown person.
func (p *Phone) AddHistory(chat types.JID, h HistoryChat) ([]string, error) {
	chat, err := p.chatOf(chat)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range h.Messages {
		if m.ID == "" {
			m.ID = p.random.messageID()
		}
		received := Received{ID: m.ID, Chat: chat, Sender: chat, FromMe: m.FromMe, Time: m.Time, Message: m.Content}
		switch {
		case m.FromMe:
			received.Sender = p.account.lid
		case !m.Sender.IsEmpty():
			if received.Sender, err = p.chatOf(m.Sender); err != nil {
				return nil, err
			}
		case chat.Server != types.HiddenUserServer:
			return nil, fmt.Errorf("sandbox: %w: a message of %s needs a sender", ErrBadJID, chat)
		}
		if sender, err := p.net.Phone(received.Sender.String()); err == nil && !m.FromMe {
			received.PushName = sender.PushName()
			p.net.mu.Lock()
			sender.account.followers[p.account] = struct{}{}
			p.net.mu.Unlock()
		}
		ids = append(ids, m.ID)
		p.messages.add(received)
	}
	p.net.mu.Lock()
	if other := p.net.find(chat); other != nil {
		noteChat(p.account, other)
	}
	p.net.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	record := p.chatRecord(chat)
	if h.Unread != nil {
		record.unread = proto.Uint32(*h.Unread)
	}
	if h.Timer != nil {
		record.timer, record.timerAt = *h.Timer, p.net.now()
	}
	setIf(&record.archived, h.Archived)
	setIf(&record.markedUnread, h.MarkedUnread)
	if h.Pinned != nil {
		record.pinnedAt = time.Time{}
		if *h.Pinned {
			record.pinnedAt = p.net.now()
		}
	}
	if h.MutedUntil != nil {
		record.mutedUntil = *h.MutedUntil
		if !record.mutedUntil.IsZero() && record.mutedUntil.Unix() < 0 {
			record.mutedUntil = foreverMuted
		}
	}
	return ids, nil
}

func setIf[T any](place, value *T) {
	if value != nil {
		*place = *value
	}
}

// chatRecord returns the record of a chat and creates it if necessary. Call under p.mu.
func (p *Phone) chatRecord(chat types.JID) *chatRecord {
	if p.chats == nil || len(p.chats) >= maxHistoryChats {
		p.chats = map[types.JID]*chatRecord{}
	}
	if p.chats[chat] == nil {
		p.chats[chat] = &chatRecord{}
	}
	return p.chats[chat]
}

// noteTimer records a change of a chat's message timer.
func (p *Phone) noteTimer(r Received) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteTimerLocked(r)
}

// noteTimerLocked is noteTimer for callers that hold p.mu.
func (p *Phone) noteTimerLocked(r Received) {
	change := r.Message.GetProtocolMessage()
	if change.GetType() != waE2E.ProtocolMessage_EPHEMERAL_SETTING {
		return
	}
	record := p.chatRecord(r.Chat)
	record.timer, record.timerAt = change.GetEphemeralExpiration(), r.Time
}

// noteRead records messages that the account read, on the phone or on a companion.
func (p *Phone) noteRead(chat types.JID, ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.read.add(id)
	}
	if record := p.chats[chat]; record != nil {
		record.unread, record.markedUnread = nil, false
	}
}

// ownReceipt handles a receipt of one of the account's other devices: messages read there count as read on the phone.
func (p *Phone) ownReceipt(node *waBinary.Node) {
	from, _ := jidOf(node, "from")
	participant, inGroup := jidOf(node, "participant")
	if from.User != p.account.lid.User && participant.User != p.account.lid.User {
		return
	}
	chat := from.ToNonAD()
	if recipient, ok := jidOf(node, "recipient"); ok && !inGroup {
		chat = recipient
	}
	p.noteRead(chat, receiptIDs(node)...)
}

// receiptIDs returns the message ids of a receipt.
func receiptIDs(node *waBinary.Node) []string {
	ids := []string{text(node, "id")}
	list := node.GetChildByTag("list")
	for _, item := range list.GetChildrenByTag("item") {
		ids = append(ids, text(&item, "id"))
	}
	return ids
}

// conversations returns the phone's chats without their messages, the latest first, and the messages by chat, the newest first.
func (p *Phone) conversations() ([]*waHistorySync.Conversation, map[types.JID][]Received) {
	byChat := map[types.JID][]Received{}
	for _, r := range p.messages.list() {
		if r.Chat.Server == types.NewsletterServer || r.Chat.Server == types.BroadcastServer {
			continue
		}
		byChat[r.Chat] = append(byChat[r.Chat], r)
	}
	for chat, list := range byChat {
		slices.SortStableFunc(list, func(a, b Received) int { return a.Time.Compare(b.Time) })
		slices.Reverse(list)
		byChat[chat] = list
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	chats := map[types.JID]struct{}{}
	for chat := range byChat {
		chats[chat] = struct{}{}
	}
	for chat := range p.chats {
		chats[chat] = struct{}{}
	}
	for _, g := range p.net.groupHost.groupsOf(p.account) {
		chats[g.jid] = struct{}{}
	}
	list := make([]*waHistorySync.Conversation, 0, len(chats))
	for chat := range chats {
		list = append(list, p.conversation(chat, byChat[chat]))
	}
	slices.SortFunc(list, func(a, b *waHistorySync.Conversation) int {
		if a.GetConversationTimestamp() != b.GetConversationTimestamp() {
			return int(int64(b.GetConversationTimestamp()) - int64(a.GetConversationTimestamp()))
		}
		return slices.Compare([]byte(a.GetID()), []byte(b.GetID()))
	})
	return list, byChat
}

// conversation returns one chat without its messages. Call under p.mu and n.mu.
func (p *Phone) conversation(chat types.JID, messages []Received) *waHistorySync.Conversation {
	c := &waHistorySync.Conversation{ID: proto.String(chat.String()), UnreadCount: proto.Uint32(p.unread(messages)), NotSpam: proto.Bool(true)}
	if len(messages) > 0 {
		c.ConversationTimestamp = proto.Uint64(uint64(messages[0].Time.Unix()))
		c.LastMsgTimestamp = c.ConversationTimestamp
	}
	timer, timerAt := uint32(0), time.Time{}
	if other := p.net.find(chat); other != nil {
		c.PnJID, c.LidJID = proto.String(other.pn.String()), proto.String(other.lid.String())
		c.Name, c.DisplayName = p.savedName(other), proto.String(other.pushName)
		if token := p.net.tokens[tokenKey{issuer: other, holder: p.account}]; token != nil {
			c.TcToken, c.TcTokenTimestamp = token.value, proto.Uint64(uint64(token.at.Unix()))
		}
	} else if g := p.net.groupHost.find(chat); g != nil {
		timer = g.ephemeral
		c.Name, c.Description = proto.String(g.subject.text), proto.String(g.topic.text)
		c.CreatedAt, c.CreatedBy = proto.Uint64(uint64(g.created.Unix())), proto.String(g.creator.lid.String())
		c.ReadOnly = proto.Bool(g.member(p.account) == nil)
		for _, m := range g.members {
			rank := waHistorySync.GroupParticipant_REGULAR
			switch m.rank {
			case rankAdmin:
				rank = waHistorySync.GroupParticipant_ADMIN
			case rankCreator:
				rank = waHistorySync.GroupParticipant_SUPERADMIN
			}
			c.Participant = append(c.Participant, &waHistorySync.GroupParticipant{UserJID: proto.String(m.account.lid.String()), Rank: rank.Enum()})
		}
	}
	record := p.chats[chat]
	if record == nil {
		record = &chatRecord{}
	}
	if record.unread != nil {
		c.UnreadCount = record.unread
	}
	if record.timerAt.After(timerAt) {
		timer, timerAt = record.timer, record.timerAt
	}
	if timer != 0 {
		c.EphemeralExpiration = proto.Uint32(timer)
		if !timerAt.IsZero() {
			c.EphemeralSettingTimestamp = proto.Int64(timerAt.Unix())
		}
	}
	p.conversationState(c, chat, record)
	return c
}

// conversationState adds the user's settings of a chat: from the synchronised settings where they have an entry, else from the record. Call under p.mu and n.mu.
func (p *Phone) conversationState(c *waHistorySync.Conversation, chat types.JID, record *chatRecord) {
	c.Archived, c.MarkedAsUnread = proto.Bool(record.archived), proto.Bool(record.markedUnread)
	pinned, muted := record.pinnedAt, record.mutedUntil
	for _, address := range p.addresses(chat) {
		if change, ok := p.stateEntry(appstate.WAPatchRegularLow, appstate.IndexArchive, address); ok {
			c.Archived = proto.Bool(change.Value.GetArchiveChatAction().GetArchived())
		}
		if change, ok := p.stateEntry(appstate.WAPatchRegularLow, appstate.IndexPin, address); ok {
			pinned = time.Time{}
			if change.Value.GetPinAction().GetPinned() {
				pinned = time.UnixMilli(change.Value.GetTimestamp())
			}
		}
		if change, ok := p.stateEntry(appstate.WAPatchRegularHigh, appstate.IndexMute, address); ok {
			action := change.Value.GetMuteAction()
			muted = time.Time{}
			if action.GetMuted() {
				muted = foreverMuted
				if end := action.GetMuteEndTimestamp(); end > 0 {
					muted = time.UnixMilli(end)
				}
			}
		}
		if change, ok := p.stateEntry(appstate.WAPatchRegularLow, appstate.IndexMarkChatAsRead, address); ok {
			c.MarkedAsUnread = proto.Bool(!change.Value.GetMarkChatAsReadAction().GetRead())
		}
	}
	if !pinned.IsZero() {
		c.Pinned = proto.Uint32(uint32(pinned.Unix()))
	}
	if !muted.IsZero() {
		c.MuteEndTime = proto.Uint64(uint64(muted.UnixMilli()))
	}
}

// addresses returns the JIDs by which settings may refer to a chat. Call under n.mu.
func (p *Phone) addresses(chat types.JID) []types.JID {
	if other := p.net.find(chat); other != nil {
		return []types.JID{other.pn, other.lid}
	}
	return []types.JID{chat}
}

// stateEntry returns an entry of the synchronised settings about a chat. Call under p.mu.
func (p *Phone) stateEntry(collection appstate.WAPatchName, index string, chat types.JID) (StateChange, bool) {
	change, ok := p.states.current[string(collection)+"\x00"+index+"\x00"+chat.String()]
	return change, ok
}

// savedName returns an account's name in the phone's address book; nil when it has no entry. Call under p.mu.
func (p *Phone) savedName(other *account) *string {
	for _, address := range []types.JID{other.pn, other.lid} {
		if change, ok := p.stateEntry(appstate.WAPatchCriticalUnblockLow, appstate.IndexContact, address); ok {
			return proto.String(change.Value.GetContactAction().GetFullName())
		}
	}
	return nil
}

// unread returns the number of messages of others since the account's last own or read message; messages are the newest first. Call under p.mu.
func (p *Phone) unread(messages []Received) (count uint32) {
	for _, r := range messages {
		if r.FromMe || p.read.has(r.ID) {
			return count
		}
		if r.Message.GetProtocolMessage() == nil && r.Message.GetReactionMessage() == nil {
			count++
		}
	}
	return count
}
