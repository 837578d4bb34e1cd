package digigo

import (
	"errors"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func labelRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/label/manage", "label.create label.update label.delete", manageLabel, rest.NeedsBody(), rest.Reads[labelManaged]("label.create"),
			rest.FailText("failed to manage label")),
		rest.Pass[labelChat, labelDone]("POST", "/label/chat", "label.updateChats", rest.NeedsBody(), rest.FailText("failed to label chat")),
		rest.Pass[labelMessage, labelMessageDone]("POST", "/label/message", "label.updateMessages", rest.NeedsBody(), rest.FailText("failed to label message")),
	}
}

// labelChange makes a label without an id, changes one with an id, or deletes it; a deletion needs the id alone.
type labelChange struct {
	ID     string  `rest:"label_id,param=/label_id" doc:"label to change or delete; without it, or if there is none, a label is made"`
	Name   *string `rest:"label_name,param=/name"`
	Color  *int    `rest:"label_color,param=/color" doc:"0 to 19"`
	Delete bool    `rest:"delete"`
}

type labelManaged struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message"`
	ID      string `json:"label_id" from:"/label/label_id"`
	Name    string `json:"label_name" from:"/label/name"`
	Color   int    `json:"label_color" from:"/label/color"`
}

func manageLabel(x *rest.Exchange, in *labelChange) (*labelManaged, error) {
	switch {
	case in.Delete && in.ID == "":
		return nil, rest.Missing("label_id", "")
	case in.Delete:
		answer := &labelManaged{Success: true, Message: "Label deleted successfully", ID: in.ID, Name: rest.Deref(in.Name), Color: rest.Deref(in.Color)}
		return answer, x.Call("label.delete", rest.Params{"label_id": in.ID}, nil)
	case rest.Deref(in.Name) == "":
		return nil, rest.Missing("label_name", "")
	case in.Color == nil:
		return nil, rest.Missing("label_color", "")
	}
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	answer := &labelManaged{}
	if in.ID != "" {
		var problem *rpc.Error
		if err = x.Read("label.update", params, answer); !errors.As(err, &problem) || problem.Code != rpc.CodeNotFound {
			answer.Message = "Label updated successfully"
			return answer, err
		}
	}
	err = x.Read("label.create", params, answer)
	answer.Message = "Label created successfully"
	return answer, err
}

// single is the only item of a list.
type single string

// ToParam implements rest.Converter.
func (s single) ToParam(string) (any, error) { return []string{string(s)}, nil }

// labelUse puts a label on something or takes it off.
type labelUse struct {
	Label single `rest:"label_id,required,param=/label_ids"`
	Apply bool   `rest:"apply,required" doc:"false takes the label off"`
}

// CompleteParams implements rest.Completer.
func (in *labelUse) CompleteParams(p rest.Params) error {
	p["action"] = "remove"
	if in.Apply {
		p["action"] = "add"
	}
	return nil
}

// labelDone is the answer to a labelUse.
type labelDone struct {
	Success bool     `json:"success" from:"=true"`
	Message string   `json:"message"`
	JID     jidText  `json:"jid" from:"<phone"`
	Label   string   `json:"label_id" from:"<label_id"`
	Applied bool     `json:"applied" from:"<apply"`
	Skipped []string `json:"-" from:"/skipped_label_ids"`
}

// FinishAnswer implements rest.Finisher.
func (a *labelDone) FinishAnswer() error {
	if len(a.Skipped) > 0 {
		return rpc.NotFound("there is no such label")
	}
	a.Message = changeText("Label", a.Applied, "applied", "removed")
	return nil
}

type labelChat struct {
	Phone single `rest:"phone,required,param=/chats" doc:"number, or JID of a person or group"`
	labelUse
}

type labelMessage struct {
	Phone   string `rest:"phone,required,param=/chat" doc:"number, or JID of a person or group"`
	Message single `rest:"message_id,required,param=/message_ids"`
	labelUse
}

type labelMessageDone struct {
	ID string `json:"message_id" from:"<message_id"`
	labelDone
}
