package sandbox

import (
	"context"
	"slices"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxHistory bounds the messages of one answer to a request for history.
const maxHistory = 500

// handlePeer does what a companion asks of its phone.
func (p *Phone) handlePeer(in incoming, message *waE2E.Message) {
	p.stanzas.add(*in.node)
	asked := message.GetProtocolMessage()
	request := asked.GetPeerDataOperationRequestMessage()
	var answer *waE2E.ProtocolMessage
	switch {
	case asked.GetType() == waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		p.mu.Lock()
		answer = p.shareAppStateKeys()
		p.mu.Unlock()
	case request.GetPlaceholderMessageResendRequest() != nil:
		answer = p.placeholders(in.id, request)
	case request.GetHistorySyncOnDemandRequest() != nil:
		answer = p.olderHistory(request.GetHistorySyncOnDemandRequest())
	}
	if answer == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.sendPeer(context.Background(), in.sender, answer); err != nil {
		p.net.log.Warn("companion got no answer from its phone", "error", err)
	}
}

// placeholders gives a companion the messages that it could not decrypt itself, those that the phone has.
func (p *Phone) placeholders(id string, request *waE2E.PeerDataOperationRequestMessage) *waE2E.ProtocolMessage {
	response := &waE2E.PeerDataOperationRequestResponseMessage{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(), StanzaID: proto.String(id),
	}
	messages := p.messages.list()
	for _, wanted := range request.GetPlaceholderMessageResendRequest() {
		index := slices.IndexFunc(messages, func(r Received) bool { return r.ID == wanted.GetMessageKey().GetID() })
		if index < 0 {
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
	return &waE2E.ProtocolMessage{
		Type:                                    waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: response,
	}
}

// olderHistory gives a companion the messages before one it knows, the newest first.
func (p *Phone) olderHistory(request *waE2E.PeerDataOperationRequestMessage_HistorySyncOnDemandRequest) *waE2E.ProtocolMessage {
	chat, err := types.ParseJID(request.GetChatJID())
	if err != nil {
		return nil
	}
	if direct, err := p.chatOf(chat); err == nil {
		chat = direct
	}
	conversation := &waHistorySync.Conversation{ID: proto.String(chat.String())}
	count := min(max(int(request.GetOnDemandMsgCount()), 0), maxHistory)
	older := false
	for _, r := range slices.Backward(p.messages.list()) {
		switch {
		case r.Chat != chat:
		case r.ID == request.GetOldestMsgID():
			older = true
		case older && len(conversation.Messages) < count:
			conversation.Messages = append(conversation.Messages, &waHistorySync.HistorySyncMsg{Message: p.webMessage(r), MsgOrderID: proto.Uint64(uint64(len(conversation.Messages) + 1))})
		}
	}
	history, err := packHistory(&waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_ON_DEMAND.Enum(), ChunkOrder: proto.Uint32(0), Progress: proto.Uint32(100),
		Conversations: []*waHistorySync.Conversation{conversation},
	})
	if err != nil {
		return nil
	}
	return history
}

// webMessage is a message as phones keep it in their history.
func (p *Phone) webMessage(r Received) *waWeb.WebMessageInfo {
	info := &waWeb.WebMessageInfo{
		Key: p.key(r.Chat, r.Sender, r.ID), Message: r.Message, MessageTimestamp: proto.Uint64(uint64(r.Time.Unix())), PushName: proto.String(r.PushName),
	}
	if r.Chat.Server == types.GroupServer {
		info.Participant = proto.String(r.Sender.ToNonAD().String())
	}
	return info
}
