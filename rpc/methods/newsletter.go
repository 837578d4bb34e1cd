package methods

import (
	"cmp"
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/newsletters"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type newsletterParam struct {
	Newsletter string `json:"newsletter" rpc:"required,format=jid" doc:"newsletter"`
}

// newsletterRef are the params that identify a newsletter by address or invite.
type newsletterRef struct {
	Newsletter string `json:"newsletter" rpc:"format=jid" doc:"newsletter"`
	Invite     string `json:"invite" rpc:"max=256" doc:"code or whole link instead"`
}

func (p *newsletterRef) ref() newsletters.Ref {
	return newsletters.Ref{Newsletter: p.Newsletter, Invite: p.Invite}
}

type newsletterListResult struct {
	Newsletters []newsletters.Newsletter `json:"newsletters" doc:"newsletter objects"`
}

type newsletterResult struct {
	Newsletter newsletters.Newsletter `json:"newsletter" doc:"newsletter object"`
}

type newsletterCreateParams struct {
	Name        string               `json:"name" rpc:"required,min=1,max=1024" doc:"cut to 25 characters"`
	Description string               `json:"description" rpc:"max=2048" doc:"text"`
	Picture     *message.MediaSource `json:"picture" doc:"image; cropped and scaled to a square jpeg"`
}

type newsletterFollowResult struct {
	Newsletter string `json:"newsletter" doc:"followed newsletter"`
}

type newsletterUnfollowResult struct {
	Newsletter string `json:"newsletter" doc:"newsletter left"`
}

type newsletterSetMutedParams struct {
	newsletterParam
	Muted bool `json:"muted" rpc:"required" doc:"new state"`
}

type newsletterMutedResult struct {
	Muted bool `json:"muted" doc:"new state"`
}

type newsletterListMessagesParams struct {
	newsletterParam
	Limit          int `json:"limit" rpc:"min=0,max=100" doc:"default 25"`
	BeforeServerID int `json:"before_server_id" rpc:"min=0" doc:"older than this post"`
}

type newsletterListMessageUpdatesParams struct {
	newsletterParam
	Limit         int        `json:"limit" rpc:"min=0,max=100" doc:"default 100"`
	Since         *time.Time `json:"since" doc:"changed from this time on"`
	AfterServerID int        `json:"after_server_id" rpc:"min=0" doc:"newer than this post"`
}

type newsletterMessagesResult struct {
	Messages []newsletters.NewsletterMessage `json:"messages" doc:"newsletter_message objects, the oldest first"`
}

type newsletterReactParams struct {
	newsletterParam
	ServerID int    `json:"server_id" rpc:"required,min=1" doc:"post"`
	Emoji    string `json:"emoji" rpc:"required,max=64" doc:"empty removes the reaction"`
}

type newsletterReactResult struct {
	ServerID int `json:"server_id" doc:"post"`
}

type newsletterMarkViewedParams struct {
	newsletterParam
	ServerIDs []int `json:"server_ids" rpc:"required,min=1,max=100,each.min=1" doc:"posts"`
}

type newsletterMarkViewedResult struct {
	ServerIDs []int `json:"server_ids" doc:"posts"`
}

type newsletterLiveUpdatesResult struct {
	DurationSeconds int `json:"duration_seconds" doc:"how long WhatsApp will send them"`
}

type newsletterAcceptTermsParams struct {
	NoticeID string `json:"notice_id" rpc:"max=64" doc:"default 20601218"`
	Stage    string `json:"stage" rpc:"max=64" doc:"default 5"`
}

type newsletterAcceptTermsResult struct {
	Accepted bool `json:"accepted" doc:"true"`
}

type newsletterSendAdminInviteParams struct {
	newsletterParam
	Contact   string               `json:"contact" rpc:"required,format=jid" doc:"person"`
	Name      string               `json:"name" rpc:"max=100" doc:"newsletter name shown; default its own"`
	Caption   string               `json:"caption" rpc:"max=65536" doc:"text"`
	Thumbnail *message.MediaSource `json:"thumbnail" doc:"picture; default its own"`
}

// defaultPosts and defaultChangedPosts are the limits of lists without one.
const (
	defaultPosts        = 25
	defaultChangedPosts = 100
)

// RegisterNewsletter adds the methods of the namespace newsletter.
func RegisterNewsletter(reg *rpc.Registry, d Deps) {
	registerNewsletterFollowing(reg, d)
	registerNewsletterPosts(reg, d)
	registerNewsletterOwning(reg, d)
}

func registerNewsletterFollowing(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.list", Summary: "List followed newsletters.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (newsletterListResult, error) {
			list, err := s.Newsletters().List(ctx)
			return newsletterListResult{Newsletters: list}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.get", Summary: "Return one newsletter, by JID or invite code."},
		func(ctx context.Context, s *bridge.Session, p *newsletterRef) (newsletterResult, error) {
			found, err := shared.Value(s.Newsletters().Get(ctx, p.ref()))
			return newsletterResult{Newsletter: found}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.follow", Summary: "Follow a newsletter, by JID or invite code."},
		func(ctx context.Context, s *bridge.Session, p *newsletterRef) (newsletterFollowResult, error) {
			newsletter, err := s.Newsletters().Follow(ctx, p.ref())
			return newsletterFollowResult{Newsletter: newsletter}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.unfollow", Summary: "Stop following a newsletter, by JID or invite code."},
		func(ctx context.Context, s *bridge.Session, p *newsletterRef) (newsletterUnfollowResult, error) {
			newsletter, err := s.Newsletters().Unfollow(ctx, p.ref())
			return newsletterUnfollowResult{Newsletter: newsletter}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.setMuted", Summary: "Mute or unmute a newsletter."},
		func(ctx context.Context, s *bridge.Session, p *newsletterSetMutedParams) (newsletterMutedResult, error) {
			return newsletterMutedResult{Muted: p.Muted}, s.Newsletters().SetMuted(ctx, p.Newsletter, p.Muted)
		})
}

func registerNewsletterPosts(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.listMessages", Summary: "Page backwards through a newsletter's posts.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, p *newsletterListMessagesParams) (newsletterMessagesResult, error) {
			posts, err := s.Newsletters().ListPosts(ctx, p.Newsletter, newsletters.PostQuery{Limit: cmp.Or(p.Limit, defaultPosts), Before: p.BeforeServerID})
			return newsletterMessagesResult{Messages: posts}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.listMessageUpdates", Summary: "List posts whose views or reactions changed.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, p *newsletterListMessageUpdatesParams) (newsletterMessagesResult, error) {
			query := newsletters.PostQuery{Limit: cmp.Or(p.Limit, defaultChangedPosts), After: p.AfterServerID}
			if p.Since != nil {
				query.Since = *p.Since
			}
			posts, err := s.Newsletters().ListChanges(ctx, p.Newsletter, query)
			return newsletterMessagesResult{Messages: posts}, err
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "newsletter.react", Summary: "Put an emoji on a newsletter post, or take it off.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *newsletterReactParams) (newsletterReactResult, error) {
			return newsletterReactResult{ServerID: p.ServerID}, s.Newsletters().React(ctx, p.Newsletter, p.ServerID, p.Emoji, shared.MessageID(call, 0))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.markViewed", Summary: "Count posts as viewed."},
		func(ctx context.Context, s *bridge.Session, p *newsletterMarkViewedParams) (newsletterMarkViewedResult, error) {
			return newsletterMarkViewedResult{ServerIDs: p.ServerIDs}, s.Newsletters().MarkViewed(ctx, p.Newsletter, p.ServerIDs)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "newsletter.subscribeLiveUpdates", Summary: "Ask for live view and reaction counts for a while.",
		Description: "The counts arrive as events NewsletterLiveUpdate.",
	},
		func(ctx context.Context, s *bridge.Session, p *newsletterParam) (newsletterLiveUpdatesResult, error) {
			duration, err := s.Newsletters().SubscribeLiveUpdates(ctx, p.Newsletter)
			return newsletterLiveUpdatesResult{DurationSeconds: int(duration / time.Second)}, err
		})
}

func registerNewsletterOwning(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "newsletter.create", Summary: "Create a newsletter.",
		Description: "WhatsApp refuses accounts that have not accepted its terms for newsletters: newsletter.acceptTerms accepts them.",
	},
		func(ctx context.Context, s *bridge.Session, p *newsletterCreateParams) (newsletterResult, error) {
			picture, err := s.Files().LoadPicture(ctx, "picture", p.Picture)
			if err != nil {
				return newsletterResult{}, err
			}
			made, err := shared.Value(s.Newsletters().Create(ctx, p.Name, p.Description, picture))
			return newsletterResult{Newsletter: made}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "newsletter.acceptTerms", Summary: "Accept the terms notice needed before creating newsletters."},
		func(ctx context.Context, s *bridge.Session, p *newsletterAcceptTermsParams) (newsletterAcceptTermsResult, error) {
			err := s.Newsletters().AcceptTerms(ctx, cmp.Or(p.NoticeID, newsletters.TermsNotice), cmp.Or(p.Stage, newsletters.TermsStage))
			return newsletterAcceptTermsResult{Accepted: true}, err
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{
		Name: "newsletter.sendAdminInvite", Summary: "Invite a person to become admin of a newsletter.", Timeout: sendTimeout, Repeatable: true,
	},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *newsletterSendAdminInviteParams) (newsletters.NewsletterInviteSent, error) {
			thumbnail, err := s.Files().LoadThumbnail(ctx, "thumbnail", p.Thumbnail)
			if err != nil {
				return newsletters.NewsletterInviteSent{}, err
			}
			return shared.Value(s.Newsletters().SendAdminInvite(ctx, &newsletters.AdminInvite{
				Newsletter: p.Newsletter, Contact: p.Contact, Name: p.Name, Caption: p.Caption, Thumbnail: thumbnail, MessageID: shared.MessageID(call, 0),
			}))
		})
}
