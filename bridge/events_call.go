package bridge

import (
	"context"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

var callFamily = family{
	on(onCallOffer), on(onCallOfferNotice), on(onCallAccept), on(onCallPreAccept), on(onCallTransport),
	on(onCallRelayLatency), on(onCallTerminate), on(onCallReject), on(onUnknownCall),
}

// call emits an event of a call. A call says the same thing once, which makes
// a dedupe key of it.
func (t *translation) call(name string, meta types.BasicCallMeta, extra fields) error {
	data := fields{
		"call_id": meta.CallID, "from": meta.From.ToNonAD().String(), "caller": jidOrNull(meta.CallCreator),
		"group": jidOrNull(meta.GroupJID), "timestamp": meta.Timestamp.UTC(),
	}
	for key, value := range extra {
		data[key] = value
	}
	p, err := t.who(data, meta.CallCreator, meta.CallCreatorAlt)
	if err != nil {
		return err
	}
	chats := addresses(p)
	if !meta.GroupJID.IsEmpty() {
		chats = append(chats, meta.GroupJID.String())
	}
	return t.emit(name, meta.Timestamp, messageKey("call", name, meta.From.String(), meta.CallID, ""), chats, data)
}

func remote(meta types.CallRemoteMeta) fields {
	return fields{"remote_platform": orNull(meta.RemotePlatform), "remote_version": orNull(meta.RemoteVersion)}
}

func onCallOffer(t *translation, evt *events.CallOffer) error {
	extra := remote(evt.CallRemoteMeta)
	extra["media"] = offerMedia(evt.Data)
	extra["is_group"] = !evt.GroupJID.IsEmpty()
	t.rejectCall(evt.From, evt.CallID)
	return t.call("CallOffer", evt.BasicCallMeta, extra)
}

func onCallOfferNotice(t *translation, evt *events.CallOfferNotice) error {
	return t.call("CallOfferNotice", evt.BasicCallMeta, fields{"media": orNull(evt.Media), "type": orNull(evt.Type)})
}

func onCallAccept(t *translation, evt *events.CallAccept) error {
	return t.call("CallAccept", evt.BasicCallMeta, remote(evt.CallRemoteMeta))
}

func onCallPreAccept(t *translation, evt *events.CallPreAccept) error {
	return t.call("CallPreAccept", evt.BasicCallMeta, remote(evt.CallRemoteMeta))
}

// onCallTransport says nothing that anybody outside of the call could use.
func onCallTransport(*translation, *events.CallTransport) error { return nil }

func onCallRelayLatency(t *translation, evt *events.CallRelayLatency) error {
	return t.call("CallRelayLatency", evt.BasicCallMeta, nil)
}

func onCallTerminate(t *translation, evt *events.CallTerminate) error {
	return t.call("CallTerminate", evt.BasicCallMeta, fields{"reason": orNull(evt.Reason)})
}

func onCallReject(t *translation, evt *events.CallReject) error {
	return t.call("CallReject", evt.BasicCallMeta, nil)
}

func onUnknownCall(t *translation, _ *events.UnknownCallEvent) error {
	t.s.log().Debug("a call stanza of an unknown kind arrived")
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

// rejectCall turns an incoming call down where the session asks for it, once
// the offer is recorded.
func (t *translation) rejectCall(from types.JID, callID string) {
	if !t.settings.RejectCalls {
		return
	}
	s, cli, notice := t.s, t.cli, t.settings.CallRejectMessage
	t.later(callAnswerTimeout, func(ctx context.Context) {
		if err := cli.RejectCall(ctx, from, callID); err != nil {
			s.log().Warn("a call could not be rejected", "error", err)
			return
		}
		if notice == "" {
			return
		}
		if _, err := s.Send(ctx, from.ToNonAD().String(), &Content{Type: typeText, Text: notice}, &SendOptions{}); err != nil {
			s.log().Warn("the notice after a rejected call could not be sent", "error", err)
		}
	})
}
