package waakg

import (
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func labelRoutes() []rest.Route {
	of := func(says, fails string, more ...rest.Option) []rest.Option {
		return append(more, rest.Family(familyLabel), rest.Says(says), rest.FailText(fails))
	}
	const done = "Operation successful"
	return []rest.Route{
		rest.Pass[sessionRequest, lifted[labelList]]("GET", "/labels/{sessionId}", "label.list", of(done, "Failed to get labels")...),
		rest.Pass[createLabelRequest, lifted[labelCreated]]("POST", "/labels/{sessionId}", "label.create", of(done, "Failed to create label")...),
		rest.Row("PUT", "/labels/{sessionId}", "label.update", updateLabels, of(done, "Failed to update labels", rest.Reads[oneLabel]("label.update"))...),
		rest.Pass[sessionRequest, enveloped[labelsDeleted]]("DELETE", "/labels/{sessionId}", "label.deleteAll",
			of("Labels deleted successfully", "Failed to delete labels", rest.IgnoresBody(), rest.With(rest.Params{"confirm": true}))...),
		rest.Pass[updateLabelRequest, labelUpdated]("PUT", "/labels/{sessionId}/{labelId}", "label.update", of(done, "Failed to update label")...),
		rest.Pass[labelRequest, outcome]("DELETE", "/labels/{sessionId}/{labelId}", "label.delete", of("Label deleted successfully", "Failed to delete label", rest.IgnoresBody())...),
		rest.Pass[chatRequest, lifted[chatLabelList]]("GET", "/labels/{sessionId}/chat/{jid}/labels", "label.listForChat", of(done, "Failed to get chat labels")...),
		rest.Row("PUT", "/labels/{sessionId}/chat/{jid}/labels", "label.updateChats label.listForChat", updateChatLabels,
			of("", "Failed to update chat labels", rest.Reads[chatLabelList]("label.listForChat"))...),
		rest.Row("GET", "/labels/{sessionId}/chats", "label.list label.listChats label.listForChat", listLabelledChats,
			of("", "Failed to get label chats", rest.Reads[labelList]("label.list"), rest.Reads[chatLabelList]("label.listForChat"), rest.Reads[labelled]("label.listChats"))...),
		rest.Pass[labelRequest, labelledChats]("GET", "/chats/{sessionId}/by-label/{labelId}", "label.listChats", of("", "Failed to get chats by label")...),
		rest.Row("GET", "/chats/by-label/{labelId}", "session.list label.listChats", findLabelledChats,
			rest.Family(familyAnyLabel), rest.FailText("Failed to get chats by label"), rest.Reads[labelledChats]("label.listChats")),
	}
}

// label is a label in answers.
type label struct {
	ID           string    `json:"id" from:"/label_id"`
	Session      string    `json:"sessionId"`
	Name         string    `json:"name" from:"/name"`
	Color        int       `json:"color" from:"/color"`
	ColorHex     string    `json:"colorHex" from:"/color_hex"`
	PredefinedID idText    `json:"predefinedId" from:"/predefined_id"`
	CreatedAt    time.Time `json:"createdAt" from:"/created_at"`
	UpdatedAt    time.Time `json:"updatedAt" from:"/updated_at"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (l *label) FinishAnswerOf(x *rest.Exchange) error {
	l.Session = x.Session
	return nil
}

// idText is a number as a text; null is empty.
type idText string

// UnmarshalJSON implements json.Unmarshaler.
func (id *idText) UnmarshalJSON(raw []byte) error {
	if string(raw) != "null" {
		*id = idText(raw)
	}
	return nil
}

type labelRequest struct {
	sessionRequest
	Label string `rest:"labelId,path,param=/label_id" doc:"id of the label"`
}

type labelFields struct {
	Name  string `rest:"name,param=/name" doc:"at most 100 characters"`
	Color *color `rest:"color,param=/color" bad:"Color must be between 0 and 19" doc:"0 to 19"`
}

// color is the index of a colour.
type color int

// ToParam implements rest.Converter.
func (c color) ToParam(field string) (any, error) {
	if c < 0 || c > 19 {
		return nil, rest.Bad(field, "Color must be between 0 and 19", "must be 0 to 19")
	}
	return int(c), nil
}

type createLabelRequest struct {
	sessionRequest
	Name  string `rest:"name,required,param=/name" bad:"sessionId and name are required" doc:"at most 100 characters"`
	Color *color `rest:"color,param=/color" bad:"Color must be between 0 and 19" doc:"0 to 19; default 0"`
}

type updateLabelRequest struct {
	labelRequest
	labelFields
}

// updateLabelsRequest changes several labels.
type updateLabelsRequest struct {
	sessionRequest
	Labels []labelChange `rest:"labels" doc:"labels with their changes"`
}

type labelChange struct {
	ID    string  `rest:"id,required" also:"labelId" max:"128" doc:"id of the label"`
	Name  *string `rest:"name" max:"100"`
	Color *color  `rest:"color" bad:"Color must be between 0 and 19" doc:"0 to 19"`
}

type countedLabel struct {
	label
	Count struct {
		Chats int `json:"chatLabels" from:"/chat_count"`
	} `json:"_count" from:"/"`
}

type labelList struct {
	Labels []countedLabel `json:"labels" from:"/labels"`
}

type chatLabelList struct {
	Labels []label `json:"labels" from:"/labels"`
}

type labelCreated struct {
	Label label `json:"label" from:"/label"`
}

type labelUpdated struct {
	outcome
	Label label `json:"label" from:"/label"`
	Data  label `json:"data" from:"/label"`
}

type oneLabel struct {
	Label label `from:"/label"`
}

type labelsDeleted struct {
	Count int `json:"deleted" from:"/deleted_count"`
}

type labelsShown struct {
	outcome
	Labels []label `json:"labels"`
}

// updateLabels changes labels one after the other. It ends at the first that fails.
func updateLabels(x *rest.Exchange, in *updateLabelsRequest) (*labelsShown, error) {
	changed := &labelsShown{outcome{true, true, "Operation successful"}, []label{}}
	for _, change := range in.Labels {
		if change.Color != nil {
			if _, err := change.Color.ToParam("labels.color"); err != nil {
				return nil, err
			}
		}
	}
	for _, change := range in.Labels {
		params := rest.Params{"label_id": change.ID}
		if change.Name != nil {
			params["name"] = *change.Name
		}
		if change.Color != nil {
			params["color"] = int(*change.Color)
		}
		var one oneLabel
		if err := x.Read("label.update", params, &one); err != nil {
			return nil, err
		}
		changed.Labels = append(changed.Labels, one.Label)
	}
	return changed, nil
}

type chatLabelsRequest struct {
	sessionRequest
	Chat   chatList `rest:"jid,path,param=/chats" doc:"JID of the chat"`
	IDs    []string `rest:"labelIds,required,param=/label_ids" bad:"labelIds (array), and action are required"`
	Action string   `rest:"action,required,param=/action" enum:"add|remove" bad:"labelIds (array), and action are required"`
}

func updateChatLabels(x *rest.Exchange, in *chatLabelsRequest) (*labelsShown, error) {
	text, known := map[string]string{"add": "Labels added to chat", "remove": "Labels removed from chat"}[in.Action]
	if !known {
		return nil, rest.Bad("action", "action must be 'add' or 'remove'", "must be add or remove")
	}
	var after chatLabelList
	err := x.Call("label.updateChats", rest.Params{"chats": []string{string(in.Chat)}, "label_ids": in.IDs, "action": in.Action}, nil)
	if err == nil {
		err = x.Read("label.listForChat", rest.Params{"chat": string(in.Chat)}, &after)
	}
	return &labelsShown{outcome{true, true, text}, after.Labels}, err
}

type labelledChats struct {
	outcome
	Label label    `json:"label" from:"/label"`
	Chats []string `json:"chats"`
	Count int      `json:"count" from:"#/chats"`
	All   []struct {
		JID string `from:"/chat"`
	} `json:"-" from:"/chats"`
}

// FinishAnswer implements rest.Finisher.
func (l *labelledChats) FinishAnswer() error {
	l.Chats = make([]string, len(l.All))
	for i, chat := range l.All {
		l.Chats[i] = chat.JID
	}
	return nil
}

type anyLabelRequest struct {
	Label   string `rest:"labelId,path" doc:"id of the label"`
	Session string `rest:"sessionId,query" doc:"session of the label; default: the only one of the caller that has such a label"`
}

// findLabelledChats returns the chats with a label of one of the sessions that the caller may use. Ids are unique within a session only.
func findLabelledChats(x *rest.Exchange, in *anyLabelRequest) (*labelledChats, error) {
	var found *labelledChats
	err := eachSession(x, in.Session, func() error {
		one := &labelledChats{}
		switch err := x.Read("label.listChats", rest.Params{"label_id": in.Label}, one); {
		case has(err, rpc.CodeNotFound):
			return nil
		case err != nil:
			return err
		case found != nil:
			return rest.Bad("sessionId", "", "is needed, as several sessions have the label")
		}
		found = one
		return nil
	})
	if err == nil && found == nil {
		err = rpc.NotFound("there is no such label")
	}
	return found, err
}

type labelledRequest struct {
	sessionRequest
	Label string `rest:"labelId" max:"128" doc:"only chats with this label"`
	Chat  string `rest:"jid,param=/chat" doc:"only labels of this chat"`
}

// labelOfChat is a label on a chat.
type labelOfChat struct {
	Chat     string  `json:"chatJid"`
	Label    string  `json:"labelId"`
	Name     string  `json:"labelName"`
	ColorHex string  `json:"colorHex"`
	Contact  *string `json:"contactName"`
}

type labelledShown struct {
	outcome
	Data []labelOfChat `json:"data"`
}

// labelled has the chats of a label.
type labelled struct {
	Label label `from:"/label"`
	Chats []struct {
		JID  string  `from:"/chat"`
		Name *string `from:"/name"`
	} `from:"/chats"`
}

// listLabelledChats returns the labels of all chats, of one chat, or the chats of one label.
func listLabelledChats(x *rest.Exchange, in *labelledRequest) (*labelledShown, error) {
	shown := &labelledShown{outcome{Status: true, Success: true}, []labelOfChat{}}
	if in.Chat != "" {
		var of chatLabelList
		err := x.Read("label.listForChat", rest.Params{"chat": in.Chat}, &of)
		for _, l := range of.Labels {
			shown.Data = append(shown.Data, labelOfChat{in.Chat, l.ID, l.Name, l.ColorHex, nil})
		}
		return shown, err
	}
	ids := []string{in.Label}
	if in.Label == "" {
		var all labelList
		if err := x.Read("label.list", nil, &all); err != nil {
			return nil, err
		}
		ids = nil
		for _, l := range all.Labels {
			if l.Count.Chats > 0 {
				ids = append(ids, l.ID)
			}
		}
	}
	for _, id := range ids {
		var of labelled
		if err := x.Read("label.listChats", rest.Params{"label_id": id}, &of); err != nil {
			return nil, err
		}
		for _, chat := range of.Chats {
			shown.Data = append(shown.Data, labelOfChat{chat.JID, of.Label.ID, of.Label.Name, of.Label.ColorHex, chat.Name})
		}
	}
	return shown, nil
}
