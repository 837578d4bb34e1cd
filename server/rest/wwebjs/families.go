package wwebjs

import (
	"net/http"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Families of rows with errors of their own.
const (
	familyChat     = "chat"
	familyMessage  = "message"
	familyCallback = "callback"
)

// replyOfFamily returns the documented reply of a family of rows to an error; nil = that of the dialect.
func replyOfFamily(x *rest.Exchange, family string, f *rest.Failure) *rest.Reply {
	e := failure{Fields: f.BadFields()}
	switch {
	case len(f.Faults) > 0 && f.Faults[0].Field == "contentType":
		if family == familyChannel {
			e.Error = "invalid contentType"
			return &rest.Reply{Status: http.StatusBadRequest, Body: e}
		}
		if e.Error = badContentType; family == familyMessage {
			e.Error = badReplyContentType
			return &rest.Reply{Status: http.StatusBadRequest, Body: e}
		}
		return &rest.Reply{Status: http.StatusNotFound, Body: e}
	case f.Err == nil || f.Err.Message == noSession:
	case f.Err.Code == rpc.CodeNotFound && family == familyChat:
		e.Error = "Chat not Found"
		return &rest.Reply{Status: http.StatusNotFound, Body: e}
	case f.Err.Code == rpc.CodeNotFound && family == familyChannel:
		e.Error = "Channel not Found"
		return &rest.Reply{Status: http.StatusNotFound, Body: e}
	case f.Err.Code == rpc.CodeNotFound && family == familyMessage:
		e.Error = "Message not Found"
		return &rest.Reply{Status: http.StatusInternalServerError, Body: e}
	case f.Err.Code == rpc.CodeNotSupported && family == familyCallback:
		return missingPage(x, nil)
	case f.Err.Code == rpc.CodeRateLimited && family == familyCallback:
		const busy = "You can't make any more requests at the moment. Try again later"
		return &rest.Reply{Status: http.StatusTooManyRequests, ContentType: "text/html; charset=utf-8", Body: []byte(busy)}
	}
	return nil
}
