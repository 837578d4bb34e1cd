package inbound

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/inbound/projection"
)

// storeHistoryNotice stores the pointer to a blob.
func (t *Translation) storeHistoryNotice(id types.MessageID, notice *waE2E.HistorySyncNotification) error {
	if t.settings.SkipHistory {
		return nil
	}
	raw, err := proto.Marshal(notice)
	if err != nil {
		return fmt.Errorf("encode history notice: %w", err)
	}
	if err = t.service.conn.AddHistory(t.ctx, id, HistoryRequest(notice), raw); err != nil {
		return fmt.Errorf("store history notice: %w", err)
	}
	conn, cli := t.service.conn, t.cli
	t.after = append(t.after, func() { conn.FetchHistory(cli) })
	return nil
}

// HistoryRequest returns the id of the request that a blob answers; empty = the phone sends it without a request.
func HistoryRequest(notice *waE2E.HistorySyncNotification) string {
	return cmp.Or(notice.GetPeerDataRequestSessionID(), notice.GetFullHistorySyncOnDemandRequestMetadata().GetRequestID())
}

// historyRefusal reports a request for the full history that the phone refuses.
func (t *Translation) historyRefusal(evt *events.Message) {
	answer := evt.Message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage()
	if !evt.Info.IsFromMe || evt.Info.Sender.Device != 0 ||
		answer.GetPeerDataOperationRequestType() != waE2E.PeerDataOperationRequestType_FULL_HISTORY_SYNC_ON_DEMAND {
		return
	}
	const accepted = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_REQUEST_SUCCESS
	for _, result := range answer.GetPeerDataOperationResult() {
		response := result.GetFullHistorySyncOnDemandRequestResponse()
		if response == nil || response.GetResponseCode() == accepted {
			continue
		}
		s, request := t.service, cmp.Or(answer.GetStanzaID(), response.GetRequestMetadata().GetRequestID())
		reason := response.GetResponseCode().String()
		t.later(refusalTimeout, func(ctx context.Context) {
			if err := s.conn.RefuseHistory(ctx, request, reason); err != nil {
				s.log().Warn("the end of a request for history could not be recorded", "error", err)
			}
		})
		return
	}
}

// refusalTimeout bounds the write of one event.
const refusalTimeout = time.Minute

// DescribeOld prepares one message of a history blob. It returns nil for items without a message, for unreadable
// messages and for those that are not stored.
func (s *Service) DescribeOld(ctx context.Context, cli *whatsmeow.Client, chat types.JID, item *waHistorySync.HistorySyncMsg) (*projection.Message, error) {
	if item.GetMessage().GetMessage() == nil {
		return nil, nil
	}
	evt, err := cli.ParseWebMessage(chat, item.GetMessage())
	if err != nil || evt.Message == nil {
		return nil, nil //nolint:nilerr // one bad message must not keep the rest away
	}
	t := s.New(ctx, cli)
	if t.filtered(&evt.Info) || isProtocolOnly(evt.Message) {
		return nil, nil
	}
	data, _, _, err := t.Describe(evt)
	if err != nil {
		return nil, err
	}
	return &projection.Message{Data: data, Content: evt.Message, Info: &evt.Info, History: true}, nil
}
