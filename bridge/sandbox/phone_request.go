package sandbox

import (
	"fmt"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// RequestError is the network's error reply to a request.
type RequestError struct {
	Code int // as in HTTP: 403 not allowed, 404 no such thing, 406 not acceptable, 409 conflict, 410 gone, 419 too many
	Text string
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("sandbox: request refused: %d %s", e.Code, e.Text)
}

// sendRequest sends a request of the phone and returns an error reply as a *RequestError. Do not call under Network.mu.
func (p *Phone) sendRequest(namespace, kind string, to types.JID, children ...waBinary.Node) (waBinary.Node, error) {
	return p.sendRequestAbout(namespace, kind, to, types.EmptyJID, children...)
}

// sendRequestAbout is sendRequest with a target other than the addressee.
func (p *Phone) sendRequestAbout(namespace, kind string, to, target types.JID, children ...waBinary.Node) (waBinary.Node, error) {
	iq := waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"xmlns": namespace, "type": kind, "to": to, "id": "phone-" + p.random.messageID()}}
	if !target.IsEmpty() {
		iq.Attrs["target"] = target
	}
	if len(children) > 0 {
		iq.Content = children
	}
	reply := p.request(iq)
	if text(&reply, "type") != "error" {
		return reply, nil
	}
	failure := reply.GetChildByTag("error")
	code, _ := strconv.Atoi(text(&failure, "code"))
	return reply, &RequestError{Code: code, Text: text(&failure, "text")}
}
