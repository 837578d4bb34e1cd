package methods

import (
	"context"
	"slices"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type labelParam struct {
	LabelID string `json:"label_id" rpc:"required,min=1,max=128" doc:"label"`
}

type labelCreateParams struct {
	Name    string `json:"name" rpc:"required,min=1,max=100" doc:"up to 100 characters"`
	Color   int    `json:"color" rpc:"min=0,max=19" doc:"0-19, default 0"`
	LabelID string `json:"label_id" rpc:"max=128" doc:"own id; generated when absent"`
}

type labelUpdateParams struct {
	labelParam
	Name  *string `json:"name" rpc:"min=1,max=100" doc:"new name"`
	Color *int    `json:"color" rpc:"min=0,max=19" doc:"new colour, 0-19"`
}

type labelDeleteAllParams struct {
	Confirm bool `json:"confirm" rpc:"required" doc:"must be true"`
}

// Validate implements rpc.Validator.
func (p *labelDeleteAllParams) Validate() error {
	if !p.Confirm {
		return rpc.InvalidParams("/confirm", "must be true")
	}
	return nil
}

type labelUpdateChatsParams struct {
	Chats    []string `json:"chats" rpc:"required,min=1,max=100,format=jid" doc:"chats"`
	LabelIDs []string `json:"label_ids" rpc:"required,max=100,each.min=1,each.max=128" doc:"labels; may be empty with replace"`
	Action   string   `json:"action" rpc:"required,enum=add|remove|replace" doc:"add, remove or replace"`
}

type labelUpdateMessagesParams struct {
	chatParam
	MessageIDs []string `json:"message_ids" rpc:"required,min=1,max=100,each.min=1,each.max=128" doc:"messages"`
	LabelIDs   []string `json:"label_ids" rpc:"required,max=100,each.min=1,each.max=128" doc:"labels; may be empty with replace"`
	Action     string   `json:"action" rpc:"required,enum=add|remove|replace" doc:"add, remove or replace"`
}

type labelsResult struct {
	Labels []*labels.Label `json:"labels" doc:"label objects"`
}

type labelResult struct {
	Label *labels.Label `json:"label" doc:"label object"`
}

type labelDeletedResult struct {
	LabelID string `json:"label_id" doc:"deleted id"`
}

type labelsDeletedResult struct {
	Deleted int `json:"deleted_count" doc:"labels deleted"`
}

type labelChatsResult struct {
	Label *labels.Label `json:"label" doc:"label object"`
	Chats []*chats.Chat `json:"chats" doc:"chat objects"`
	Total int           `json:"total" doc:"number of chats"`
}

type labelChatsUpdated struct {
	Chats   []labels.ChatLabels `json:"chats" doc:"{chat, label_ids} after the change"`
	Skipped []string            `json:"skipped_label_ids" doc:"unknown labels"`
}

type labelMessagesUpdated struct {
	Messages []labels.MessageLabels `json:"messages" doc:"{message_id, label_ids} after the change"`
	Skipped  []string               `json:"skipped_label_ids" doc:"unknown labels"`
}

// RegisterLabel registers label.*.
func RegisterLabel(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.list", Summary: "List labels with their number of chats."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (labelsResult, error) {
			list, err := s.Labels().List(ctx)
			return labelsResult{list}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.get", Summary: "Return one label."},
		func(ctx context.Context, s *bridge.Session, p *labelParam) (labelResult, error) {
			label, err := s.Labels().Get(ctx, p.LabelID)
			return labelResult{label}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.create", Summary: "Create a label."},
		func(ctx context.Context, s *bridge.Session, p *labelCreateParams) (labelResult, error) {
			label, err := s.Labels().Create(ctx, p.LabelID, p.Name, p.Color)
			return labelResult{label}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.update", Summary: "Change name or colour of a label."},
		func(ctx context.Context, s *bridge.Session, p *labelUpdateParams) (labelResult, error) {
			label, err := s.Labels().Update(ctx, p.LabelID, p.Name, p.Color)
			return labelResult{label}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.delete", Summary: "Delete a label and take it off everything."},
		func(ctx context.Context, s *bridge.Session, p *labelParam) (labelDeletedResult, error) {
			return labelDeletedResult{p.LabelID}, s.Labels().Delete(ctx, p.LabelID)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.deleteAll", Summary: "Delete every label of the session."},
		func(ctx context.Context, s *bridge.Session, _ *labelDeleteAllParams) (labelsDeletedResult, error) {
			deleted, err := s.Labels().DeleteAll(ctx)
			return labelsDeletedResult{deleted}, err
		})
	registerLabelUses(reg, d)
}

func registerLabelUses(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.listForChat", Summary: "List the labels of a chat."},
		func(ctx context.Context, s *bridge.Session, p *chatParam) (labelsResult, error) {
			list, err := s.Labels().ListForChat(ctx, p.Chat)
			return labelsResult{list}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.listChats", Summary: "List the chats that carry a label.", MaxReply: shared.ListReply}, chatsOfLabel)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.updateChats", Summary: "Put labels on chats, take them off, or set exactly these."},
		func(ctx context.Context, s *bridge.Session, p *labelUpdateChatsParams) (labelChatsUpdated, error) {
			after, skipped, err := s.Labels().UpdateChats(ctx, p.Chats, p.LabelIDs, p.Action)
			return labelChatsUpdated{after, skipped}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "label.updateMessages", Summary: "Put labels on messages of a chat, take them off, or set exactly these."},
		func(ctx context.Context, s *bridge.Session, p *labelUpdateMessagesParams) (labelMessagesUpdated, error) {
			after, skipped, err := s.Labels().UpdateMessages(ctx, p.Chat, p.MessageIDs, p.LabelIDs, p.Action)
			return labelMessagesUpdated{after, skipped}, err
		})
}

// chatsOfLabel leaves out chats that the session has not seen.
func chatsOfLabel(ctx context.Context, s *bridge.Session, p *labelParam) (result labelChatsResult, err error) {
	result.Chats = []*chats.Chat{}
	if result.Label, err = s.Labels().Get(ctx, p.LabelID); err != nil {
		return result, err
	}
	all, _, _, err := s.Chats().List(ctx, chats.ChatQuery{IncludeContacts: true})
	if err != nil {
		return result, err
	}
	for _, chat := range all {
		if slices.Contains(chat.LabelIDs, p.LabelID) {
			result.Chats = append(result.Chats, chat)
		}
	}
	result.Total = len(result.Chats)
	return result, nil
}
