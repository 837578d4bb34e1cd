package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
)

// ErrNoBusiness: the account is none of WhatsApp Business, whose app alone has labels.
var ErrNoBusiness = errors.New("not a business account")

// Label is a label on a phone with all that carries it.
type Label struct {
	ID, Name string
	Color    int32
	Chats    []types.JID
	Messages []types.MessageID
}

// SetLabel makes, renames or deletes a label, as the user of WhatsApp Business does.
func (p *Phone) SetLabel(ctx context.Context, id, name string, color int32, deleted bool) error {
	return p.changeLabels(ctx, appstate.BuildLabelEdit(id, name, color, deleted))
}

// AssignLabel puts a label on a chat, or on a message in it, or takes it off.
func (p *Phone) AssignLabel(ctx context.Context, id string, chat types.JID, message types.MessageID, labeled bool) error {
	if message == "" {
		return p.changeLabels(ctx, appstate.BuildLabelChat(chat, id, labeled))
	}
	return p.changeLabels(ctx, appstate.BuildLabelMessage(chat, id, message, labeled))
}

func (p *Phone) changeLabels(ctx context.Context, patch appstate.PatchInfo) error {
	if p.account.businessName == "" {
		return fmt.Errorf("sandbox: %w", ErrNoBusiness)
	}
	return p.ChangeState(ctx, patch)
}

// Labels returns the labels on the phone, by id: its own and those that linked devices made.
func (p *Phone) Labels() []Label {
	p.mu.Lock()
	defer p.mu.Unlock()
	byID := map[string]*Label{}
	for _, change := range p.states.current {
		if action := change.Value.GetLabelEditAction(); change.Index[0] == appstate.IndexLabelEdit && len(change.Index) > 1 && !action.GetDeleted() {
			byID[change.Index[1]] = &Label{ID: change.Index[1], Name: action.GetName(), Color: action.GetColor()}
		}
	}
	for _, change := range p.states.current {
		if len(change.Index) < 3 || byID[change.Index[1]] == nil || !change.Value.GetLabelAssociationAction().GetLabeled() {
			continue
		}
		label := byID[change.Index[1]]
		chat, err := types.ParseJID(change.Index[2])
		switch {
		case err != nil:
		case change.Index[0] == appstate.IndexLabelAssociationChat:
			label.Chats = append(label.Chats, chat)
		case change.Index[0] == appstate.IndexLabelAssociationMessage && len(change.Index) > 3:
			label.Messages = append(label.Messages, change.Index[3])
		}
	}
	labels := make([]Label, 0, len(byID))
	for _, label := range byID {
		slices.SortFunc(label.Chats, func(a, b types.JID) int { return slices.Compare([]byte(a.String()), []byte(b.String())) })
		slices.Sort(label.Messages)
		labels = append(labels, *label)
	}
	slices.SortFunc(labels, func(a, b Label) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
	return labels
}
