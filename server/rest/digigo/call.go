package digigo

import "github.com/waystation/waystation/server/rest"

func callRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[callRejection, callRejected]("POST", "/call/reject/send", "call.reject", rest.NeedsBody(), rest.Family(familyCall), rest.FailText("failed to reject call: %s")),
	}
}

type callRejection struct {
	ID      string `rest:"call_id,required,param=/call_id" bad:"call_id and call_from are required"`
	From    string `rest:"call_from,required,param=/from" doc:"JID of the caller"`
	Type    string `rest:"reject_type,required,param=/reason" bad:"invalid reject_type, must be: busy, declined, or unavailable" enum:"busy|declined|unavailable"`
	Message string `rest:"message,param=/message" doc:"sent to the caller; empty = nothing is sent"`
}

type callRejected struct {
	Success   bool    `json:"success" from:"=true"`
	ID        string  `json:"call_id" from:"/call_id"`
	From      string  `json:"call_from" from:"/from"`
	Type      string  `json:"reject_type" from:"/reason"`
	Action    string  `json:"action" from:"=rejected"`
	Sent      bool    `json:"message_sent"`
	MessageID *string `json:"-" from:"/message_id"`
}

// FinishAnswer implements rest.Finisher.
func (a *callRejected) FinishAnswer() error {
	a.Sent = a.MessageID != nil
	return nil
}
