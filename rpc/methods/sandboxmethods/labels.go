package sandboxmethods

import (
	"context"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxSetLabel struct {
	asAccount
	LabelID string `json:"label_id" rpc:"required,min=1,max=128" doc:"label; it is made if there is none with this id"`
	Name    string `json:"name" rpc:"required,min=1,max=100" doc:"name"`
	Color   int    `json:"color,omitempty" rpc:"min=0,max=19" doc:"0-19, default 0"`
	Deleted bool   `json:"deleted,omitempty" doc:"delete it"`
}

type sandboxAssignLabel struct {
	asAccount
	LabelID   string `json:"label_id" rpc:"required,min=1,max=128" doc:"label"`
	Chat      string `json:"chat" rpc:"required,format=jid" doc:"chat"`
	MessageID string `json:"message_id,omitempty" rpc:"max=100" doc:"message in it; without it the chat itself"`
	Labeled   *bool  `json:"labeled,omitempty" doc:"false takes the label off; default true"`
}

type sandboxLabel struct {
	LabelID    string   `json:"label_id" doc:"id"`
	Name       string   `json:"name" doc:"name"`
	Color      int32    `json:"color" doc:"0-19"`
	Chats      []string `json:"chats" doc:"chats that carry it"`
	MessageIDs []string `json:"message_ids" doc:"messages that carry it"`
}

type sandboxLabels struct {
	Labels []sandboxLabel `json:"labels" doc:"labels on the phone, by id"`
}

func registerLabels(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "setLabel", "Make, rename or delete a label on the phone of a business account.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxSetLabel) (done, error) {
			return did(phone.SetLabel(ctx, p.LabelID, p.Name, int32(p.Color), p.Deleted))
		})
	onPhone(reg, d, "assignLabel", "Put a label on a chat or a message on the phone of a business account, or take it off.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxAssignLabel) (done, error) {
			chat, err := wa.ParseJID("chat", p.Chat)
			if err != nil {
				return done{}, err
			}
			return did(phone.AssignLabel(ctx, p.LabelID, chat, p.MessageID, p.Labeled == nil || *p.Labeled))
		})
	onPhone(reg, d, "listLabels", "List the labels on a phone, with the chats and messages that carry them.",
		func(_ context.Context, phone *sandbox.Phone, _ *asAccount) (sandboxLabels, error) {
			result := sandboxLabels{Labels: []sandboxLabel{}}
			for _, l := range phone.Labels() {
				label := sandboxLabel{LabelID: l.ID, Name: l.Name, Color: l.Color, Chats: []string{}, MessageIDs: append([]string{}, l.Messages...)}
				for _, chat := range l.Chats {
					label.Chats = append(label.Chats, chat.String())
				}
				result.Labels = append(result.Labels, label)
			}
			return result, nil
		})
}
