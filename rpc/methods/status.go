package methods

import (
	"cmp"
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/statusposts"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type statusSendParams struct {
	Content   message.Content `json:"content" rpc:"required" doc:"content object of type text, image, video or audio"`
	Audience  []string        `json:"audience" rpc:"max=10000,format=jid" doc:"only these of the people who see the posts; default all of them"`
	Mentions  []string        `json:"mentions" rpc:"max=1024,format=jid" doc:"people mentioned in the post"`
	MessageID string          `json:"message_id" rpc:"max=128" doc:"own message id; made from _meta.idempotency_key or generated when absent; a repeat with the same id is not sent twice"`
	Echo      *bool           `json:"echo" doc:"force the echo event for this post; absent follows the session setting"`
}

// OrderKey implements rpc.Ordered: posts leave in the order they came.
func (p *statusSendParams) OrderKey() string { return orderOf("status@broadcast") }

// RegisterStatus adds the methods of the namespace status.
func RegisterStatus(reg *rpc.Registry, d Deps) {
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{
		Name: "status.send", Summary: "Post a status: text, image, video or audio.", Timeout: sendTimeout, Repeatable: true,
		Description: "The people who see it are those of the status privacy, see status.getPrivacy: the contacts with a name in the address book, without the blacklist," +
			" or the whitelist. message.getReceipts lists who has seen it. The server deletes posts a day after they were sent, except starred ones.",
	},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *statusSendParams) (*statusposts.Posted, error) {
			return s.StatusPosts().Send(ctx, &statusposts.Post{
				Content: &p.Content, Audience: p.Audience, Mentions: p.Mentions, MessageID: cmp.Or(p.MessageID, shared.MessageID(call, 0)), Echo: p.Echo,
			})
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "status.getPrivacy", Summary: "Read who sees status posts.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (account.StatusPrivacy, error) {
			return shared.Value(s.Account().GetStatusPrivacy(ctx))
		})
}
