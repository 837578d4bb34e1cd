package inbound

import (
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

var newsletterFamily = family{
	on(onNewsletterJoin), on(onNewsletterLeave), on(onNewsletterMute), on(onNewsletterLive),
}

func onNewsletterJoin(t *Translation, evt *events.NewsletterJoin) error {
	data := fields{
		"newsletter": evt.ID.String(), "chat": evt.ID.String(), "name": wa.OrNull(evt.ThreadMeta.Name.Text), "description": wa.OrNull(evt.ThreadMeta.Description.Text),
		"subscriber_count": evt.ThreadMeta.SubscriberCount, "invite_code": wa.OrNull(evt.ThreadMeta.InviteCode), "role": nil, "muted": nil,
	}
	if evt.ViewerMeta != nil {
		data["role"], data["muted"] = string(evt.ViewerMeta.Role), evt.ViewerMeta.Mute == types.NewsletterMuteOn
	}
	return t.Emit("NewsletterJoin", evt.Mex.Timestamp, "", []string{evt.ID.String()}, data)
}

func onNewsletterLeave(t *Translation, evt *events.NewsletterLeave) error {
	return t.Emit("NewsletterLeave", evt.Mex.Timestamp, "", []string{evt.ID.String()},
		fields{"newsletter": evt.ID.String(), "chat": evt.ID.String(), "role": wa.OrNull(string(evt.Role))})
}

func onNewsletterMute(t *Translation, evt *events.NewsletterMuteChange) error {
	return t.Emit("NewsletterMuteChange", evt.Mex.Timestamp, "", []string{evt.ID.String()},
		fields{"newsletter": evt.ID.String(), "chat": evt.ID.String(), "muted": evt.Mute == types.NewsletterMuteOn})
}

func onNewsletterLive(t *Translation, evt *events.NewsletterLiveUpdate) error {
	messages := make([]fields, 0, len(evt.Messages))
	for _, m := range evt.Messages {
		messages = append(messages, fields{
			"server_id": m.MessageServerID, "message_id": wa.OrNull(m.MessageID), "view_count": m.ViewsCount, "reaction_counts": m.ReactionCounts,
		})
	}
	return t.Emit("NewsletterLiveUpdate", evt.Time, "", []string{evt.JID.String()},
		fields{"newsletter": evt.JID.String(), "chat": evt.JID.String(), "messages": messages})
}
