package wwebjs

import "github.com/waystation/waystation/server/rest"

func sessionRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[rest.None, pong]("GET", "/ping", "server.ping", rest.Public()),
		rest.Pass[sessionRequest, state]("GET", "/session/status/{sessionId}", "session.getStatus", rest.Family(familyState)),
		rest.Pass[sessionRequest, qrPicture]("GET", "/session/qr/{sessionId}/image", "session.getQrCode", rest.Family(familySession)),
	}
}

type pong struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=pong"`
}

type sessionRequest struct {
	Session string `rest:"sessionId,path" doc:"id of the session"`
}

// state has success only if the session is connected.
type state struct {
	Success bool   `json:"success" from:"/connected"`
	State   string `json:"state"`
	Message string `json:"message" from:"=session_connected"`
	Native  string `json:"-" from:"/state"`
}

// FinishAnswer implements rest.Finisher.
func (s *state) FinishAnswer() error {
	switch {
	case s.Native == "connected":
		s.State = "CONNECTED"
		return nil
	case s.Native == "pairing":
		s.State = "UNPAIRED"
	case s.Native == "created" || s.Native == "logged_out":
		s.State = "UNLAUNCHED"
	default:
		s.State = "OPENING"
	}
	s.Success, s.Message = false, "session_not_connected"
	return nil
}

// qrPicture is a PNG; without a code it is an error with status 200.
type qrPicture struct {
	Image rest.Content `from:"/image"`
}

// ToReply implements rest.Replier.
func (q *qrPicture) ToReply() (*rest.Reply, error) {
	if len(q.Image) == 0 {
		return &rest.Reply{Body: failure{Message: "qr code not ready or already scanned"}}, nil
	}
	return &rest.Reply{ContentType: "image/png", Body: []byte(q.Image)}, nil
}
