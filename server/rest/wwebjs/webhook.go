package wwebjs

import (
	"encoding/json"

	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[callbackRequest, done]("POST", "/localCallbackExample", "webhook.receiveTest", rest.Family(familyCallback)),
	}
}

type callbackRequest struct {
	DataType string           `rest:"dataType,param=/event" doc:"name of the event"`
	Data     *json.RawMessage `rest:"data,param=/data" doc:"payload"`
	Session  string           `rest:"sessionId,param=/session_id" doc:"session that the event names"`
}
