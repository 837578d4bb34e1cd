package sandbox

import (
	"context"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
)

// historyKept bounds the chunks that a phone can upload again; beyond it the oldest is forgotten.
const historyKept = 64

// sentHistory is an uploaded chunk of history with the id of the message that announced it.
type sentHistory struct {
	id        string
	companion types.JID
	key       []byte // of the file
	piece     historyPiece
}

// noteHistory remembers an uploaded chunk. Call under p.mu.
func (p *Phone) noteHistory(sent sentHistory) {
	if sent.key == nil {
		return // the chunk was inside of the message
	}
	p.history = append(p.history, sent)
	if len(p.history) > historyKept {
		p.history = p.history[1:]
	}
}

// retryHistory uploads a chunk again for a companion that could not download it and has the key of its file.
func (p *Phone) retryHistory(node *waBinary.Node) {
	from, _ := jidOf(node, "from")
	id := text(node, "id")
	encrypted := node.GetChildByTag("encrypt")
	p.mu.Lock()
	index := slices.IndexFunc(p.history, func(sent sentHistory) bool { return sent.id == id && sent.companion == from })
	if index < 0 {
		p.mu.Unlock()
		return
	}
	sent := p.history[index]
	key := hkdfutil.SHA256(sent.key, nil, []byte("WhatsApp Media Retry Notification"), 32)
	_, err := gcmutil.Decrypt(key, childContent(&encrypted, "enc_iv"), childContent(&encrypted, "enc_p"), []byte(id))
	if err == nil {
		p.history = slices.Delete(p.history, index, index+1)
	}
	p.mu.Unlock()
	if err == nil {
		err = p.sendHistory(context.Background(), from, []historyPiece{sent.piece})
	}
	if err != nil {
		p.net.log.Warn("history not uploaded again", "error", err)
	}
}
