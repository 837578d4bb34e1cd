package automationmethods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// Deps are the dependencies of the methods.
type Deps struct {
	Bridge *bridge.Bridge
}

type settingsResult struct {
	Settings automation.AssistantSettings `json:"settings" doc:"automation_settings object"`
}

type autoReplyParam struct {
	ID string `json:"auto_reply_id" rpc:"required,min=1,max=64" doc:"rule"`
}

type autoReplyCreateParams struct {
	Keyword  string          `json:"keyword" rpc:"required,min=1,max=512" doc:"text or pattern to match"`
	Content  message.Content `json:"content" rpc:"required" doc:"content object to answer with"`
	Match    string          `json:"match" rpc:"enum=exact|contains|starts_with|regex" doc:"exact, contains, starts_with (all without regard to case and surrounding blanks) or regex (RE2, found anywhere in the text); default exact"`
	ChatType string          `json:"chat_type" rpc:"enum=all|group|private" doc:"all, group or private; default all"`
}

type autoReplyUpdateParams struct {
	autoReplyParam
	Keyword  *string          `json:"keyword" rpc:"min=1,max=512" doc:"text or pattern"`
	Content  *message.Content `json:"content" doc:"new content"`
	Match    *string          `json:"match" rpc:"enum=exact|contains|starts_with|regex" doc:"exact, contains, starts_with or regex"`
	ChatType *string          `json:"chat_type" rpc:"enum=all|group|private" doc:"all, group or private"`
}

type deleteAllParams struct {
	Confirm bool `json:"confirm" rpc:"required" doc:"must be true"`
}

// Validate implements rpc.Validator.
func (p *deleteAllParams) Validate() error {
	if !p.Confirm {
		return rpc.InvalidParams("/confirm", "must be true")
	}
	return nil
}

type autoRepliesResult struct {
	AutoReplies []*automation.Rule `json:"auto_replies" doc:"auto_reply objects, oldest first; the first that matches answers"`
}

type autoReplyResult struct {
	AutoReply *automation.Rule `json:"auto_reply" doc:"auto_reply object"`
}

type autoReplyDeleted struct {
	ID string `json:"auto_reply_id" doc:"deleted id"`
}

type autoRepliesDeleted struct {
	Deleted int `json:"deleted_count" doc:"rules deleted"`
}

// Register adds the methods of the namespace automation.
func Register(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.getSettings", Summary: "Return the settings of the assistant."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (settingsResult, error) {
			settings, err := s.Automation().Settings(ctx)
			return settingsResult{settings}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.updateSettings", Summary: "Change any of the assistant's settings."},
		func(ctx context.Context, s *bridge.Session, p *automation.Patch) (settingsResult, error) {
			settings, err := s.Automation().UpdateSettings(ctx, p)
			return settingsResult{settings}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.listAutoReplies", Summary: "List the auto-reply rules.", MaxReply: shared.ListReply},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (autoRepliesResult, error) {
			rules, err := s.Automation().Rules(ctx)
			return autoRepliesResult{rules}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.createAutoReply", Summary: "Add an auto-reply rule."},
		func(ctx context.Context, s *bridge.Session, p *autoReplyCreateParams) (autoReplyResult, error) {
			rule, err := s.Automation().CreateRule(ctx, &automation.RulePatch{
				Keyword: &p.Keyword, Content: &p.Content, Match: shared.Optional(p.Match), ChatType: shared.Optional(p.ChatType),
			})
			return autoReplyResult{rule}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.updateAutoReply", Summary: "Change an auto-reply rule."},
		func(ctx context.Context, s *bridge.Session, p *autoReplyUpdateParams) (autoReplyResult, error) {
			rule, err := s.Automation().UpdateRule(ctx, p.ID, &automation.RulePatch{Keyword: p.Keyword, Content: p.Content, Match: p.Match, ChatType: p.ChatType})
			return autoReplyResult{rule}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.deleteAutoReply", Summary: "Delete an auto-reply rule."},
		func(ctx context.Context, s *bridge.Session, p *autoReplyParam) (autoReplyDeleted, error) {
			return autoReplyDeleted{p.ID}, s.Automation().DeleteRule(ctx, p.ID)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "automation.deleteAllAutoReplies", Summary: "Delete every auto-reply rule of the session."},
		func(ctx context.Context, s *bridge.Session, _ *deleteAllParams) (autoRepliesDeleted, error) {
			deleted, err := s.Automation().DeleteRules(ctx)
			return autoRepliesDeleted{deleted}, err
		})
}
