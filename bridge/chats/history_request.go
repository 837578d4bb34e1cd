package chats

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// HistoryRequest asks for messages of a chat that are older than one.
type HistoryRequest struct {
	Chat string
	// OldestID is the oldest message of the chat that the caller has; empty = the oldest stored message.
	OldestID string
	// OldestTime and OldestFromMe describe that message; nil = as it is stored. A time needs no stored message.
	OldestTime   *time.Time
	OldestFromMe *bool
	OldestSender string // its author in a group; the phone finds the message without it
	Limit        int    // messages
}

// oldestMessage is a message that the phone has.
type oldestMessage struct {
	id     string
	at     time.Time
	fromMe bool
}

// FullHistory is what the phone is asked to send of all chats.
type FullHistory struct {
	Days, SizeMegabytes         uint32
	IncludeGroups, IncludeCalls bool
}

// RequestHistory asks the phone for older messages of a chat, and returns the id of the request and the chat. The phone sends them later as a blob;
// the events HistorySync and HistorySyncComplete have the id.
func (s *Service) RequestHistory(ctx context.Context, want HistoryRequest) (requestID, jid string, err error) {
	to, err := s.liveChat(want.Chat)
	if err != nil {
		return "", "", err
	}
	oldest, err := s.oldestMessage(ctx, to, &want)
	if err != nil {
		return "", "", err
	}
	cli, err := s.liveForHistory()
	if err != nil {
		return "", "", err
	}
	info := &types.MessageInfo{MessageSource: types.MessageSource{Chat: to, IsFromMe: oldest.fromMe}, ID: oldest.id, Timestamp: oldest.at}
	requestID = wa.NewRequestID()
	return requestID, to.String(), s.sendToPhone(ctx, cli, requestID, to.String(), cli.BuildHistorySyncRequest(info, want.Limit))
}

// oldestMessage completes what the caller does not know of the oldest message from the message store.
func (s *Service) oldestMessage(ctx context.Context, chat types.JID, want *HistoryRequest) (*oldestMessage, error) {
	if want.OldestSender != "" {
		if _, err := wa.ParsePerson("oldest_sender", want.OldestSender); err != nil {
			return nil, err
		}
	}
	switch {
	case want.OldestID == "" && (want.OldestTime != nil || want.OldestFromMe != nil):
		return nil, wa.BadParam("oldest_message_id", "is missing")
	case want.OldestID == "":
		return s.oldestStored(ctx, chat)
	}
	oldest := &oldestMessage{id: want.OldestID}
	if want.OldestFromMe != nil {
		oldest.fromMe = *want.OldestFromMe
	}
	if want.OldestTime != nil {
		oldest.at = *want.OldestTime
		return oldest, nil
	}
	stored, err := s.FindMessage(ctx, want.Chat, want.OldestID)
	if err != nil {
		return nil, err
	}
	if oldest.at = stored.Time; want.OldestFromMe == nil {
		oldest.fromMe = stored.FromMe
	}
	return oldest, nil
}

// RequestFullHistory asks the phone for the history of all chats. It arrives in several blobs; their HistorySync events and HistorySyncComplete have
// the returned id.
func (s *Service) RequestFullHistory(ctx context.Context, want FullHistory) (requestID string, err error) {
	cli, err := s.liveForHistory()
	if err != nil {
		return "", err
	}
	id := wa.NewRequestID()
	return id, s.sendToPhone(ctx, cli, id, "", &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE.Enum(),
		PeerDataOperationRequestMessage: &waE2E.PeerDataOperationRequestMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_FULL_HISTORY_SYNC_ON_DEMAND.Enum(),
			FullHistorySyncOnDemandRequest: &waE2E.PeerDataOperationRequestMessage_FullHistorySyncOnDemandRequest{
				RequestMetadata: &waE2E.FullHistorySyncOnDemandRequestMetadata{RequestID: &id},
				HistorySyncConfig: &waCompanionReg.DeviceProps_HistorySyncConfig{
					FullSyncDaysLimit: &want.Days, FullSyncSizeMbLimit: &want.SizeMegabytes, StorageQuotaMb: &want.SizeMegabytes,
					SupportGroupHistory: &want.IncludeGroups, SupportCallLogHistory: &want.IncludeCalls,
				},
				FullHistorySyncOnDemandConfig: &waE2E.FullHistorySyncOnDemandConfig{HistoryDurationDays: &want.Days},
			},
		},
	}})
}

// liveForHistory returns the client, or the reason why history would not be stored.
func (s *Service) liveForHistory() (*whatsmeow.Client, error) {
	cli, err := s.conn.Live()
	if err == nil && s.conn.SkipsHistory() {
		err = wa.NewError(wa.ReasonConflict, "the setting skip_history_sync is on: history would be dropped")
	}
	return cli, err
}

func (s *Service) oldestStored(ctx context.Context, chat types.JID) (*oldestMessage, error) {
	row, err := s.store.Oldest(ctx, s.owner, s.AddressOf(ctx, chat))
	switch {
	case errors.Is(err, messages.ErrNotFound):
		return nil, wa.BadParam("oldest_message_id", "is needed: no message of the chat is stored")
	case err != nil:
		return nil, wa.StorageError("the oldest message could not be read", err)
	}
	return &oldestMessage{id: row.ID, at: row.Time, fromMe: row.FromMe}, nil
}

// sendToPhone sends a request with an id to the phone, for one chat or for all (empty). The request is stored first, because the phone may answer
// before the call returns.
func (s *Service) sendToPhone(ctx context.Context, cli *whatsmeow.Client, id, chat string, request *waE2E.Message) error {
	if err := s.conn.BeginHistory(ctx, id, chat); err != nil {
		return err
	}
	_, err := askPhone(ctx, cli, id, request)
	if err == nil {
		return nil
	}
	if forgotten := s.conn.ForgetHistory(context.WithoutCancel(ctx), id); forgotten != nil {
		s.log().Warn("a request for history that could not be sent is still stored", "error", forgotten)
	}
	return wa.Wrap("request the history", err)
}

// askPhone sends the phone a request under an id.
func askPhone(ctx context.Context, cli *whatsmeow.Client, id string, request *waE2E.Message) (whatsmeow.SendResponse, error) {
	return cli.SendMessage(ctx, cli.Store.GetJID().ToNonAD(), request, whatsmeow.SendRequestExtra{ID: id, Peer: true})
}
