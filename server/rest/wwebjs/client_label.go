package wwebjs

import "github.com/waystation/waystation/server/rest"

func clientLabelRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[sessionRequest, labelsShown]("POST", "/client/getLabels/{sessionId}", "label.list"),
		rest.Pass[labelRequest, labelShown]("POST", "/client/getLabelById/{sessionId}", "label.get"),
		rest.Pass[chatRequest, labelsOfChat]("POST", "/client/getChatLabels/{sessionId}", "label.listForChat"),
		rest.Pass[labelRequest, chatsShown]("POST", "/client/getChatsByLabelId/{sessionId}", "label.listChats", own),
		rest.Pass[labelsChange, done]("POST", "/client/addOrRemoveLabels/{sessionId}", "label.updateChats", rest.With(rest.Params{"action": "replace"})),
	}
}

type labelRequest struct {
	sessionRequest
	Label string `rest:"labelId,required,param=/label_id" doc:"id of the label"`
}

type labelShown struct {
	Success bool  `json:"success" from:"=true"`
	Label   label `json:"label" from:"/label"`
}

type labelsShown struct {
	Success bool    `json:"success" from:"=true"`
	Labels  []label `json:"labels" from:"/labels"`
}

type labelsOfChat struct {
	Success bool    `json:"success" from:"=true"`
	Labels  []label `json:"chatLabels" from:"/labels"`
}

type labelsChange struct {
	sessionRequest
	Labels *[]string `rest:"labelIds,required,param=/label_ids" doc:"labels that the chats have afterwards; none removes all"`
	Chats  chatIDs   `rest:"chatIds,required,param=/chats" doc:"ids of the chats"`
}
