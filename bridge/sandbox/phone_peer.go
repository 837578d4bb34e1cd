package sandbox

import (
	"context"
	"slices"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxHistory is the largest number of messages in one answer to a request for history.
const maxHistory = 500

// RequestMode is how a phone treats requests of its companions.
type RequestMode int

// Modes of a phone.
const (
	AnswerRequests RequestMode = iota
	IgnoreRequests             // as a phone that is switched off: requests arrive and are not answered
	RefuseRequests             // as a phone whose owner declines to share the full history; other requests are answered
)

// SetRequestMode sets how the phone treats later requests of its companions.
func (p *Phone) SetRequestMode(mode RequestMode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = mode
}

// handlePeer handles a companion's request to its phone.
func (p *Phone) handlePeer(in incoming, message *waE2E.Message) {
	p.stanzas.add(*in.node)
	p.mu.Lock()
	mode := p.requests
	p.mu.Unlock()
	if mode == IgnoreRequests {
		return
	}
	asked := message.GetProtocolMessage()
	request := asked.GetPeerDataOperationRequestMessage()
	var answer *waE2E.ProtocolMessage
	var pieces []historyPiece
	switch {
	case asked.GetType() == waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		p.mu.Lock()
		answer = p.shareAppStateKeys()
		p.mu.Unlock()
	case request.GetPlaceholderMessageResendRequest() != nil:
		answer = p.placeholders(in.id, request)
	case request.GetHistorySyncOnDemandRequest() != nil:
		pieces = p.olderHistory(in.id, request.GetHistorySyncOnDemandRequest())
	case request.GetFullHistorySyncOnDemandRequest() != nil:
		if answer, pieces = p.fullHistory(in.id, request.GetFullHistorySyncOnDemandRequest()); mode == RefuseRequests {
			answer, pieces = p.refusedHistory(in.id, request.GetFullHistorySyncOnDemandRequest()), nil
		}
	case request.GetSyncdCollectionFatalRecoveryRequest() != nil:
		answer = p.recoverState(in.id, appstate.WAPatchName(request.GetSyncdCollectionFatalRecoveryRequest().GetCollectionName()))
	}
	var err error
	if answer != nil {
		p.mu.Lock()
		err = p.sendPeer(context.Background(), in.sender, answer)
		p.mu.Unlock()
	}
	if err == nil {
		err = p.sendHistory(context.Background(), in.sender, pieces)
	}
	if err != nil {
		p.net.log.Warn("companion got no answer from its phone", "error", err)
	}
}

// placeholders returns the requested messages, which the companion could not decrypt. Unknown and view-once messages are left out.
func (p *Phone) placeholders(id string, request *waE2E.PeerDataOperationRequestMessage) *waE2E.ProtocolMessage {
	response := &waE2E.PeerDataOperationRequestResponseMessage{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(), StanzaID: proto.String(id),
	}
	messages := p.messages.list()
	for _, wanted := range request.GetPlaceholderMessageResendRequest() {
		index := slices.IndexFunc(messages, func(r Received) bool { return r.ID == wanted.GetMessageKey().GetID() })
		if index < 0 || isViewOnce(messages[index].Message) {
			continue
		}
		raw, err := proto.Marshal(p.webMessage(messages[index]))
		if err != nil {
			continue
		}
		response.PeerDataOperationResult = append(response.PeerDataOperationResult, &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{
			PlaceholderMessageResendResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse{
				WebMessageInfoBytes: raw,
			},
		})
	}
	if len(response.PeerDataOperationResult) == 0 {
		return nil
	}
	return peerAnswer(response)
}

// olderHistory returns the chunk with the messages before one that the companion has, the newest first.
func (p *Phone) olderHistory(id string, request *waE2E.PeerDataOperationRequestMessage_HistorySyncOnDemandRequest) []historyPiece {
	chat, err := types.ParseJID(request.GetChatJID())
	if err != nil {
		return nil
	}
	if direct, err := p.chatOf(chat); err == nil {
		chat = direct
	}
	chats, messages := p.conversations()
	conversation := &waHistorySync.Conversation{ID: proto.String(chat.String())}
	if index := slices.IndexFunc(chats, func(c *waHistorySync.Conversation) bool { return c.GetID() == chat.String() }); index >= 0 {
		conversation = chats[index]
	}
	list := messages[chat]
	start := slices.IndexFunc(list, func(r Received) bool { return r.ID == request.GetOldestMsgID() }) + 1
	count := min(max(int(request.GetOnDemandMsgCount()), 0), maxHistory)
	if start == 0 {
		count = 0 // the phone does not have the message
	}
	end := min(start+count, len(list))
	p.addMessages(conversation, list[start:end])
	endOf(conversation, end == len(list), true)
	h := p.newHistory(waHistorySync.HistorySync_ON_DEMAND)
	h.Conversations = []*waHistorySync.Conversation{conversation}
	return []historyPiece{{history: h, session: id}}
}

// webMessage returns a message in the form of the phone's history.
func (p *Phone) webMessage(r Received) *waWeb.WebMessageInfo {
	info := &waWeb.WebMessageInfo{
		Key: p.key(r.Chat, r.Sender, r.ID), Message: r.Message, MessageTimestamp: proto.Uint64(uint64(r.Time.Unix())), PushName: proto.String(r.PushName),
	}
	if r.Chat.Server == types.GroupServer {
		info.Participant = proto.String(r.Sender.ToNonAD().String())
	}
	return info
}
