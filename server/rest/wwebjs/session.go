package wwebjs

import (
	"errors"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func sessionRoutes() []rest.Route {
	code, stateful := rest.Family(familySession), rest.Family(familyState)
	return []rest.Route{
		rest.Pass[rest.None, pong]("GET", "/ping", "server.ping", rest.Public()),
		rest.Row("GET", "/session/start/{sessionId}", "session.create session.connect session.getStatus", startSession, rest.Family(familyStart)),
		rest.Pass[sessionRequest, sessionState]("GET", "/session/status/{sessionId}", "session.getStatus", stateful),
		rest.Pass[sessionRequest, qrText]("GET", "/session/qr/{sessionId}", "session.getQrCode", code),
		rest.Pass[sessionRequest, qrPicture]("GET", "/session/qr/{sessionId}/image", "session.getQrCode", code),
		rest.Pass[sessionRequest, said]("GET", "/session/restart/{sessionId}", "session.restart", stateful, rest.Says("Restarted successfully")),
		rest.Pass[namedSession, said]("GET", "/session/terminate/{sessionId}", "session.delete", stateful, rest.Says("Logged out successfully")),
		rest.Pass[rest.None, flushed]("GET", "/session/terminateInactive", "session.deleteAll", rest.With(rest.Params{"inactive_only": true, "confirm": true})),
		rest.Pass[rest.None, flushed]("GET", "/session/terminateAll", "session.deleteAll", rest.With(rest.Params{"inactive_only": false, "confirm": true})),
	}
}

type pong struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=pong"`
}

type sessionRequest struct {
	Session string `rest:"sessionId,path" doc:"id of the session"`
}

// namedSession is sessionRequest for methods that need the param session.
type namedSession struct {
	Session string `rest:"sessionId,path,param=/session" doc:"id of the session"`
}

// said has the text of a route.
type said struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"="`
}

// startSession connects a session, which it creates if there is none. One that is connected, or on the way to it, is not started again.
func startSession(x *rest.Exchange, in *sessionRequest) (said, error) {
	done := said{true, "Session initiated successfully"}
	var status struct{ State string }
	err := x.Call("session.getStatus", nil, &status)
	var problem *rpc.Error
	switch {
	case errors.As(err, &problem) && problem.Code == rpc.CodeNotFound:
		x.Session = "" // not yet that of the calls
		return done, x.Call("session.create", rest.Params{"session_id": in.Session, "connect": true}, nil)
	case err != nil:
		return done, err
	case status.State == "connected" || status.State == "pairing" || status.State == "connecting":
		return done, rpc.Conflict("the session is started")
	}
	return done, x.Call("session.connect", nil, nil)
}

// sessionState has success only if the session is connected.
type sessionState struct {
	Success bool             `json:"success"`
	State   rest.Word[state] `json:"state" from:"/state"`
	Message string           `json:"message" from:"=session_connected"`
}

// FinishAnswer implements rest.Finisher.
func (s *sessionState) FinishAnswer() error {
	if s.Success = s.State == connected; !s.Success {
		s.Message = "session_not_connected"
	}
	return nil
}

// state are the states of sessions, in the words of WhatsApp Web.
type state struct{}

const connected = "CONNECTED"

var states = map[string]string{
	"connected": connected, "pairing": "UNPAIRED", "created": "UNLAUNCHED", "logged_out": "UNLAUNCHED", "connecting": "OPENING", "disconnected": "OPENING",
	"replaced": "CONFLICT", "banned": "TOS_BLOCK", "outdated": "DEPRECATED_VERSION",
}

// WordPairs implements rest.Vocabulary.
func (state) WordPairs() map[string]string { return states }

const noCode = "qr code not ready or already scanned"

// qrText is a code; without one it is an error with status 200.
type qrText struct {
	Success bool   `json:"success"`
	Code    string `json:"qr,omitempty" from:"/code"`
	Message string `json:"message,omitempty"`
}

// FinishAnswer implements rest.Finisher.
func (q *qrText) FinishAnswer() error {
	if q.Success = q.Code != ""; !q.Success {
		q.Message = noCode
	}
	return nil
}

// qrPicture is a PNG; without a code it is an error with status 200.
type qrPicture struct {
	Image rest.Content `from:"/image"`
}

// ToReply implements rest.Replier.
func (q *qrPicture) ToReply() (*rest.Reply, error) {
	if len(q.Image) == 0 {
		return &rest.Reply{Body: failure{Message: noCode}}, nil
	}
	return &rest.Reply{ContentType: "image/png", Body: []byte(q.Image)}, nil
}

// flushed is the answer of a removal of sessions, whose first error is answered instead.
type flushed struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=Flush completed successfully"`
	Errors  []struct {
		Session string `from:"/session_id"`
		Error   string `from:"/error"`
	} `json:"-" from:"/errors"`
}

// FinishAnswer implements rest.Finisher.
func (f *flushed) FinishAnswer() error {
	if len(f.Errors) > 0 {
		return &rest.Failure{Err: rpc.Internal(), Text: f.Errors[0].Session + ": " + f.Errors[0].Error}
	}
	return nil
}
