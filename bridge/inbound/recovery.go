package inbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// appStateRecovery applies the phone's answer to a request for a copy of a collection.
func (t *Translation) appStateRecovery(evt *events.Message) {
	answer := evt.Message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage()
	if !evt.Info.IsFromMe || evt.Info.Sender.Device != 0 ||
		answer.GetPeerDataOperationRequestType() != waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY {
		return
	}
	s, cli := t.service, t.cli
	t.later(recoveryTimeout, func(ctx context.Context) {
		if err := s.conn.RecoverAppState(ctx, cli, answer); err != nil {
			wa.LogPanic(s.log(), err)
			s.log().Warn("the phone's copy of the app state could not be applied", "error", err)
		}
	})
}

// recoveryTimeout bounds the writes of one collection, for example of all contacts of the account.
const recoveryTimeout = 2 * time.Minute
