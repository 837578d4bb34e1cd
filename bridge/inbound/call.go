package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

var callFamily = family{
	on(onCallOffer), on(onCallOfferNotice), on(onCallAccept), on(onCallPreAccept), on(onCallTransport),
	on(onCallRelayLatency), on(onCallTerminate), on(onCallReject), on(onUnknownCall),
}

// call emits an event of a call. Each device sends an event type once per call, so that type, sender and call id are the
// dedupe key.
func (t *Translation) call(name string, meta types.BasicCallMeta, extra fields) error {
	data := fields{
		"call_id": meta.CallID, "from": meta.From.ToNonAD().String(), "caller": wa.JIDOrNull(meta.CallCreator),
		"group": wa.JIDOrNull(meta.GroupJID), "timestamp": meta.Timestamp.UTC(),
	}
	for key, value := range extra {
		data[key] = value
	}
	p, err := t.who(data, meta.CallCreator, meta.CallCreatorAlt)
	if err != nil {
		return err
	}
	chats := Addresses(p)
	if !meta.GroupJID.IsEmpty() {
		chats = append(chats, meta.GroupJID.String())
	}
	return t.Emit(name, meta.Timestamp, messageKey("call", name, meta.From.String(), meta.CallID, ""), chats, data)
}

func remote(meta types.CallRemoteMeta) fields {
	return fields{"remote_platform": wa.OrNull(meta.RemotePlatform), "remote_version": wa.OrNull(meta.RemoteVersion)}
}

func onCallOffer(t *Translation, evt *events.CallOffer) error {
	extra := remote(evt.CallRemoteMeta)
	extra["media"] = offerMedia(evt.Data)
	extra["is_group"] = !evt.GroupJID.IsEmpty()
	t.rejectCall(evt.BasicCallMeta)
	return t.call("CallOffer", evt.BasicCallMeta, extra)
}

func onCallOfferNotice(t *Translation, evt *events.CallOfferNotice) error {
	return t.call("CallOfferNotice", evt.BasicCallMeta, fields{"media": wa.OrNull(evt.Media), "type": wa.OrNull(evt.Type)})
}

func onCallAccept(t *Translation, evt *events.CallAccept) error {
	return t.call("CallAccept", evt.BasicCallMeta, remote(evt.CallRemoteMeta))
}

func onCallPreAccept(t *Translation, evt *events.CallPreAccept) error {
	return t.call("CallPreAccept", evt.BasicCallMeta, remote(evt.CallRemoteMeta))
}

// onCallTransport emits nothing: transport data is of use inside the call only.
func onCallTransport(*Translation, *events.CallTransport) error { return nil }

func onCallRelayLatency(t *Translation, evt *events.CallRelayLatency) error {
	return t.call("CallRelayLatency", evt.BasicCallMeta, nil)
}

func onCallTerminate(t *Translation, evt *events.CallTerminate) error {
	return t.call("CallTerminate", evt.BasicCallMeta, fields{"reason": wa.OrNull(evt.Reason)})
}

func onCallReject(t *Translation, evt *events.CallReject) error {
	return t.call("CallReject", evt.BasicCallMeta, fields{"reason": nil, "automatic": false})
}

func onUnknownCall(t *Translation, _ *events.UnknownCallEvent) error {
	t.service.log().Debug("a call stanza of an unknown kind arrived")
	return nil
}

func offerMedia(offer *waBinary.Node) string {
	if offer != nil {
		if _, ok := offer.GetOptionalChildByTag("video"); ok {
			return "video"
		}
	}
	return "audio"
}

// callAnswerTimeout bounds the rejection of a call and the notice after it.
const callAnswerTimeout = 30 * time.Second

// rejectCall rejects an incoming call if the session's settings ask for it, once the offer is recorded. The event has
// the reason; WhatsApp does not receive it.
func (t *Translation) rejectCall(meta types.BasicCallMeta) {
	if !t.settings.RejectCalls {
		return
	}
	s, cli, reason, notice := t.service, t.cli, t.settings.CallRejectReason, t.settings.CallRejectMessage
	t.later(callAnswerTimeout, func(ctx context.Context) {
		if err := cli.RejectCall(ctx, meta.From, meta.CallID); err != nil {
			s.log().Warn("a call could not be rejected", "error", err)
			return
		}
		if err := s.recordRejection(ctx, cli, meta, reason); err != nil {
			s.log().Warn("the rejection of a call could not be recorded", "error", err)
		}
		if notice == "" {
			return
		}
		// A repeated offer gets one answer.
		if err := s.conn.SendNotice(ctx, meta.From.ToNonAD().String(), notice, noticeID(meta.CallID)); err != nil {
			s.log().Warn("the notice after a rejected call could not be sent", "error", err)
		}
	})
}

// recordRejection records the event of an automatic rejection.
func (s *Service) recordRejection(ctx context.Context, cli *whatsmeow.Client, meta types.BasicCallMeta, reason string) error {
	t := s.New(ctx, cli)
	meta.Timestamp = time.Now()
	if err := t.call("CallReject", meta, fields{"reason": reason, "automatic": true}); err != nil {
		return err
	}
	t.Last().Origin = journal.OriginServer
	return t.Append()
}

// noticeID returns the id of the message sent after a rejected call, in whatsmeow's format of ids.
func noticeID(call string) types.MessageID {
	sum := sha256.Sum256([]byte("rejected call\x00" + call))
	return whatsmeow.WebMessageIDPrefix + strings.ToUpper(hex.EncodeToString(sum[:9]))
}
