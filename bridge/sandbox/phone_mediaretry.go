package sandbox

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// noMediaOnPhone is the error code for a file that the phone does not have either.
const noMediaOnPhone = "2"

// retryMedia answers a companion that could not download a file with the file's current path, or uploads a chunk of
// history again.
func (p *Phone) retryMedia(node *waBinary.Node) {
	from, _ := jidOf(node, "from")
	id := text(node, "id")
	rmr := node.GetChildByTag("rmr")
	if from.User != p.account.lid.User {
		return
	}
	if rmr.Tag != "rmr" {
		p.retryHistory(node)
		return
	}
	answer := waBinary.Node{Tag: "error", Attrs: waBinary.Attrs{"code": noMediaOnPhone}}
	if encrypted, ok := p.mediaPath(id, node); ok {
		answer = encrypted
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if d := p.net.findDevice(from); d != nil && !d.isPhone() {
		p.net.notifyDevices([]*device{d}, p.account.pn, "mediaretry", waBinary.Attrs{"id": id}, rmr, answer)
	}
}

// mediaPath checks that the requester has the message's media key and that the media host has the file.
func (p *Phone) mediaPath(id string, node *waBinary.Node) (waBinary.Node, bool) {
	messages := p.messages.list()
	index := slices.IndexFunc(messages, func(r Received) bool { return r.ID == id })
	if index < 0 {
		return waBinary.Node{}, false
	}
	file, _ := fileOf(messages[index].Message)
	if file == nil {
		return waBinary.Node{}, false
	}
	key := hkdfutil.SHA256(file.GetMediaKey(), nil, []byte("WhatsApp Media Retry Notification"), 32)
	encrypted := node.GetChildByTag("encrypt")
	if _, err := gcmutil.Decrypt(key, childContent(&encrypted, "enc_iv"), childContent(&encrypted, "enc_p"), []byte(id)); err != nil {
		p.net.log.Warn("media retry with a wrong key", "error", err)
		return waBinary.Node{}, false
	}
	if _, err := p.Download(messages[index]); err != nil {
		return waBinary.Node{}, false
	}
	plain, err := proto.Marshal(&waMmsRetry.MediaRetryNotification{
		StanzaID: proto.String(id), DirectPath: proto.String(file.GetDirectPath()), Result: waMmsRetry.MediaRetryNotification_SUCCESS.Enum(),
	})
	if err != nil {
		return waBinary.Node{}, false
	}
	iv := p.random.bytes(12)
	sealed, err := gcmutil.Encrypt(key, iv, plain, []byte(id))
	if err != nil {
		return waBinary.Node{}, false
	}
	return waBinary.Node{Tag: "encrypt", Content: []waBinary.Node{leaf("enc_p", sealed), leaf("enc_iv", iv)}}, true
}
