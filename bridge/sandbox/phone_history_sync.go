package sandbox

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

const (
	// bootstrapMessages is the number of newest messages of each chat in the first chunk, unless the companion requests another number.
	bootstrapMessages = 10
	// defaultRecentDays is the period of the RECENT chunks in days, unless the companion requests another; older messages are in the FULL chunks.
	defaultRecentDays = 90
	// historyStatusLife is the lifetime of status updates.
	historyStatusLife = 24 * time.Hour
)

// historyRequest is a companion's request for history, at linking or later on demand.
type historyRequest struct {
	config *waCompanionReg.DeviceProps_HistorySyncConfig
	full   bool // wants messages older than the recent ones
}

// historyPiece is one chunk with the further fields of its notification.
type historyPiece struct {
	history  *waHistorySync.HistorySync
	inline   bool
	metadata *waE2E.FullHistorySyncOnDemandRequestMetadata // of a full history on demand
	session  string                                        // id of the request that it answers
}

// historyRequestOf returns the history settings of a companion's registration.
func (p *Phone) historyRequestOf(companion types.JID) historyRequest {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	d := p.net.findDevice(companion)
	if d == nil {
		return historyRequest{}
	}
	return historyRequest{config: d.keys.props.GetHistorySyncConfig(), full: d.keys.props.GetRequireFullSync()}
}

// firstHistory returns the chunks for a new companion, in the order of real phones: chats with their newest messages, names, past members, status updates, then the
// recent messages and, if the companion requested them, the older ones.
func (p *Phone) firstHistory(want historyRequest) []historyPiece {
	chats, messages := p.conversations()
	first := bootstrapMessages
	if limit := want.config.GetInitialSyncMaxMessagesPerChat(); limit > 0 {
		first = int(limit)
	}
	bootstrap := p.newHistory(waHistorySync.HistorySync_INITIAL_BOOTSTRAP)
	rest := map[types.JID][]Received{}
	for _, c := range chats {
		chat, _ := types.ParseJID(c.GetID())
		list := messages[chat]
		count := min(first, len(list))
		p.addMessages(c, list[:count])
		endOf(c, count == len(list), want.full)
		rest[chat] = list[count:]
	}
	bootstrap.Conversations = chats
	p.addIdentities(bootstrap)
	pieces := []historyPiece{
		{history: bootstrap, inline: true}, {history: p.pushNames()}, {history: p.nonBlocking()}, {history: p.statusHistory()},
	}
	days := defaultRecentDays
	if limit := want.config.GetRecentSyncDaysLimit(); limit > 0 {
		days = int(limit)
	}
	recent, older := splitAt(rest, p.net.now().AddDate(0, 0, -days))
	pieces = append(pieces, p.chunks(waHistorySync.HistorySync_RECENT, chats, recent)...)
	if want.full {
		pieces = append(pieces, p.chunks(waHistorySync.HistorySync_FULL, chats, p.dropOlder(older, want.config))...)
	}
	return pieces
}

// dropOlder returns the messages inside of the period that a companion requested.
func (p *Phone) dropOlder(messages map[types.JID][]Received, config *waCompanionReg.DeviceProps_HistorySyncConfig) map[types.JID][]Received {
	if days := config.GetFullSyncDaysLimit(); days > 0 {
		messages, _ = splitAt(messages, p.net.now().AddDate(0, 0, -int(days)))
	}
	return messages
}

// splitAt splits messages into those after a time and those before it.
func splitAt(messages map[types.JID][]Received, at time.Time) (after, before map[types.JID][]Received) {
	after, before = map[types.JID][]Received{}, map[types.JID][]Received{}
	for chat, list := range messages {
		index := slices.IndexFunc(list, func(r Received) bool { return r.Time.Before(at) })
		if index < 0 {
			index = len(list)
		}
		after[chat], before[chat] = list[:index], list[index:]
	}
	return after, before
}

// endOf sets whether the phone has further messages of a chat.
func endOf(c *waHistorySync.Conversation, complete, more bool) {
	end := waHistorySync.Conversation_COMPLETE_BUT_MORE_MESSAGES_REMAIN_ON_PRIMARY
	if complete {
		end = waHistorySync.Conversation_COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
	}
	c.EndOfHistoryTransfer, c.EndOfHistoryTransferType = proto.Bool(complete || !more), end.Enum()
}

// chunks splits messages into chunks of Options.HistoryChunk messages. There is at least one, which marks the type as complete.
func (p *Phone) chunks(kind waHistorySync.HistorySync_HistorySyncType, chats []*waHistorySync.Conversation, messages map[types.JID][]Received) []historyPiece {
	var list []*waHistorySync.HistorySync
	current, room := p.newHistory(kind), p.net.options.HistoryChunk
	for _, described := range chats {
		chat, _ := types.ParseJID(described.GetID())
		for rest := messages[chat]; len(rest) > 0; {
			if room == 0 {
				list = append(list, current)
				current, room = p.newHistory(kind), p.net.options.HistoryChunk
			}
			count := min(room, len(rest))
			c := proto.CloneOf(described)
			c.Messages = nil
			p.addMessages(c, rest[:count])
			rest = rest[count:]
			room -= count
			endOf(c, len(rest) == 0, false)
			current.Conversations = append(current.Conversations, c)
		}
	}
	list = append(list, current)
	pieces := make([]historyPiece, len(list))
	for i, h := range list {
		h.ChunkOrder, h.Progress = proto.Uint32(uint32(i+1)), proto.Uint32(uint32((i+1)*100/len(list)))
		pieces[i].history = h
	}
	return pieces
}

func (p *Phone) newHistory(kind waHistorySync.HistorySync_HistorySyncType) *waHistorySync.HistorySync {
	return &waHistorySync.HistorySync{SyncType: kind.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100)}
}

func (p *Phone) addMessages(c *waHistorySync.Conversation, messages []Received) {
	for _, r := range messages {
		if isViewOnce(r.Message) {
			continue
		}
		c.Messages = append(c.Messages, &waHistorySync.HistorySyncMsg{Message: p.webMessage(r), MsgOrderID: proto.Uint64(uint64(len(c.Messages) + 1))})
	}
}

// addIdentities adds the pairs of phone number and LID of the known accounts, and the salt of the account's tokens for first contacts.
func (p *Phone) addIdentities(h *waHistorySync.HistorySync) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, a := range p.knownAccounts() {
		h.PhoneNumberToLidMappings = append(h.PhoneNumberToLidMappings,
			&waHistorySync.PhoneNumberToLIDMapping{PnJID: proto.String(a.pn.String()), LidJID: proto.String(a.lid.String())})
	}
	h.NctSalt = p.account.nctSalt
	h.GlobalSettings = &waHistorySync.GlobalSettings{DisappearingModeDuration: proto.Int32(int32(p.account.profile.timer))}
}

// knownAccounts returns the account itself, its chat partners, its contacts and the members of its groups.
// Call under n.mu.
func (p *Phone) knownAccounts() []*account {
	known := map[*account]struct{}{p.account: {}}
	for a := range p.account.followers {
		known[a] = struct{}{}
	}
	for a := range p.account.profile.contacts {
		known[a] = struct{}{}
	}
	for _, r := range p.messages.list() {
		for _, jid := range []types.JID{r.Chat, r.Sender} {
			if a := p.net.find(jid); a != nil {
				known[a] = struct{}{}
			}
		}
	}
	for _, g := range p.net.groupHost.groupsOf(p.account) {
		for _, m := range g.members {
			known[m.account] = struct{}{}
		}
		for _, m := range g.past {
			known[m.account] = struct{}{}
		}
	}
	list := make([]*account, 0, len(known))
	for a := range known {
		list = append(list, a)
	}
	slices.SortFunc(list, func(x, y *account) int { return slices.Compare([]byte(x.lid.User), []byte(y.lid.User)) })
	return list
}

// pushNames returns the chunk with push names.
func (p *Phone) pushNames() *waHistorySync.HistorySync {
	h := p.newHistory(waHistorySync.HistorySync_PUSH_NAME)
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, a := range p.knownAccounts() {
		h.Pushnames = append(h.Pushnames, &waHistorySync.Pushname{ID: proto.String(a.pn.String()), Pushname: proto.String(a.pushName)})
	}
	return h
}

// nonBlocking returns the chunk with the former members of the account's groups.
func (p *Phone) nonBlocking() *waHistorySync.HistorySync {
	h := p.newHistory(waHistorySync.HistorySync_NON_BLOCKING_DATA)
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, g := range p.net.groupHost.groupsOf(p.account) {
		if len(g.past) == 0 {
			continue
		}
		past := &waHistorySync.PastParticipants{GroupJID: proto.String(g.jid.String())}
		for _, m := range g.past {
			reason := waHistorySync.PastParticipant_REMOVED
			if m.left {
				reason = waHistorySync.PastParticipant_LEFT
			}
			past.PastParticipants = append(past.PastParticipants, &waHistorySync.PastParticipant{
				UserJID: proto.String(m.account.lid.String()), LeaveReason: reason.Enum(), LeaveTS: proto.Uint64(uint64(m.at.Unix())),
			})
		}
		h.PastParticipants = append(h.PastParticipants, past)
	}
	return h
}

// statusHistory returns the chunk with the status updates that have not expired.
func (p *Phone) statusHistory() *waHistorySync.HistorySync {
	h := p.newHistory(waHistorySync.HistorySync_INITIAL_STATUS_V3)
	oldest := p.net.now().Add(-historyStatusLife)
	for _, r := range p.messages.list() {
		if r.Chat == types.StatusBroadcastJID && r.Time.After(oldest) {
			h.StatusV3Messages = append(h.StatusV3Messages, p.webMessage(r))
		}
	}
	return h
}

// fullHistory returns the answer to a request for the whole history, and all messages of the phone in FULL chunks.
func (p *Phone) fullHistory(id string, request *waE2E.PeerDataOperationRequestMessage_FullHistorySyncOnDemandRequest) (*waE2E.ProtocolMessage, []historyPiece) {
	code := waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_REQUEST_SUCCESS
	chats, messages := p.conversations()
	pieces := p.chunks(waHistorySync.HistorySync_FULL, chats, p.dropOlder(messages, request.GetHistorySyncConfig()))
	for i := range pieces {
		pieces[i].metadata, pieces[i].session = request.GetRequestMetadata(), id
	}
	return fullHistoryAnswer(id, request, code), pieces
}

// refusedHistory returns the answer to a request for the whole history that the phone's owner declines.
func (p *Phone) refusedHistory(id string, request *waE2E.PeerDataOperationRequestMessage_FullHistorySyncOnDemandRequest) *waE2E.ProtocolMessage {
	return fullHistoryAnswer(id, request, waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_DECLINED_SHARING_HISTORY)
}

func fullHistoryAnswer(id string, request *waE2E.PeerDataOperationRequestMessage_FullHistorySyncOnDemandRequest,
	code waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_FullHistorySyncOnDemandResponseCode,
) *waE2E.ProtocolMessage {
	return peerAnswer(&waE2E.PeerDataOperationRequestResponseMessage{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_FULL_HISTORY_SYNC_ON_DEMAND.Enum(), StanzaID: proto.String(id),
		PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
			FullHistorySyncOnDemandRequestResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_FullHistorySyncOnDemandRequestResponse{
				RequestMetadata: request.GetRequestMetadata(), ResponseCode: code.Enum(),
			},
		}},
	})
}

func peerAnswer(answer *waE2E.PeerDataOperationRequestResponseMessage) *waE2E.ProtocolMessage {
	return &waE2E.ProtocolMessage{
		Type:                                    waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: answer,
	}
}

// packHistory returns the notification of a chunk: with the chunk inline, or with a reference to a file on the media host.
func (p *Phone) packHistory(piece historyPiece) (*waE2E.ProtocolMessage, error) {
	raw, err := proto.Marshal(piece.history)
	if err != nil {
		return nil, fmt.Errorf("sandbox: history: %w", err)
	}
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	if _, err = writer.Write(raw); err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: history: %w", err)
	}
	kind := waE2E.HistorySyncType(piece.history.GetSyncType())
	notice := &waE2E.HistorySyncNotification{
		SyncType: &kind, ChunkOrder: piece.history.ChunkOrder, Progress: piece.history.Progress,
		FullHistorySyncOnDemandRequestMetadata: piece.metadata,
	}
	if piece.session != "" {
		notice.PeerDataRequestSessionID = proto.String(piece.session)
	}
	if piece.inline && packed.Len() <= maxInlineHistory {
		notice.InitialHistBootstrapInlinePayload = packed.Bytes()
	} else {
		file, err := p.net.media.upload(packed.Bytes(), whatsmeow.MediaHistory)
		if err != nil {
			return nil, err
		}
		p.historyFiles.Add(1)
		p.net.blobs.countDownloads(file.DirectPath, &p.historyDownloads)
		notice.FileSHA256, notice.FileEncSHA256, notice.FileLength = file.FileSHA256, file.FileEncSHA256, proto.Uint64(file.FileLength)
		notice.MediaKey, notice.DirectPath = file.MediaKey, proto.String(file.DirectPath)
	}
	return &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: notice}, nil
}

// HistoryFiles returns the number of files with history that the phone has sent to companions, and of their downloads.
func (p *Phone) HistoryFiles() (sent, downloads int) {
	return int(p.historyFiles.Load()), int(p.historyDownloads.Load())
}

// maxInlineHistory is the largest compressed chunk that is sent inline, in bytes.
const maxInlineHistory = 64 << 10

// sendHistory sends chunks to a companion, in order.
func (p *Phone) sendHistory(ctx context.Context, companion types.JID, pieces []historyPiece) error {
	for _, piece := range pieces {
		message, err := p.packHistory(piece)
		if err != nil {
			return err
		}
		id := p.random.messageID()
		p.mu.Lock()
		if err = p.sendPeerAs(ctx, companion, id, message); err == nil {
			p.noteHistory(sentHistory{id: id, companion: companion, key: message.GetHistorySyncNotification().GetMediaKey(), piece: piece})
		}
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
