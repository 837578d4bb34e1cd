package bridge

import (
	"bytes"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge/wa"
)

// WhatsApp says in the last stanza of a connection why it ends: "failure" or "stream:error". whatsmeow handles stanzas in a queue and
// drops those that are left in it when the socket ends. A session that does not see that its credentials are used elsewhere would
// connect again and end the other connection, which may do the same. So the last stanza is remembered when it is read, and handled
// when the socket has ended if whatsmeow has not done so.

// endTags are the encoded tags of last stanzas.
var endTags = [][]byte{encodedTag("stream:error"), encodedTag("failure")}

// Binary form of a stanza: a byte of flags, the size of the list (a type byte and one or two bytes), the tag.
const (
	frameTagAt   = 3
	listWithSize = 249 // the size takes two bytes
)

func encodedTag(tag string) []byte {
	raw, err := waBinary.Marshal(waBinary.Node{Tag: tag})
	if err != nil {
		panic(err) // a constant
	}
	return raw[frameTagAt:]
}

// isEndFrame reports whether a checked frame is a last stanza.
func isEndFrame(frame []byte) bool {
	at := frameTagAt
	if len(frame) > 1 && frame[1] == listWithSize {
		at++
	}
	if len(frame) < at {
		return false
	}
	for _, tag := range endTags {
		if bytes.HasPrefix(frame[at:], tag) {
			return true
		}
	}
	return false
}

// rememberEnd keeps the stanza in a checked frame if it is the last one of the connection.
func (s *Session) rememberEnd(cli *whatsmeow.Client, frame []byte) {
	if !isEndFrame(frame) {
		return
	}
	node, err := waBinary.Unmarshal(frame[1:])
	if err != nil {
		return // whatsmeow logs it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli {
		s.endStanza = node
	}
}

// takeEnd returns the remembered stanza, or nil, and forgets it.
func (s *Session) takeEnd(cli *whatsmeow.Client) *waBinary.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli {
		return nil
	}
	node := s.endStanza
	s.endStanza = nil
	return node
}

// handleMissedEnd handles the last stanza of a connection that has ended, if whatsmeow dropped it.
func (s *Session) handleMissedEnd(cli *whatsmeow.Client) {
	node := s.takeEnd(cli)
	if node == nil {
		return
	}
	ctx := s.noteEnd(s.b.ctx, cli, node)
	wa.CatchAndLog(s.log(), "stanza "+node.Tag, func() {
		if node.Tag == "failure" {
			cli.DangerousInternals().HandleConnectFailure(ctx, node)
		} else {
			cli.DangerousInternals().HandleStreamError(ctx, node)
		}
	})
}
