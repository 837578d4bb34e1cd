package sandbox

import (
	"runtime/debug"
	"sync"
	"sync/atomic"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// Phone is the simulated phone of an account: device 0, a Signal endpoint of its own that can be scripted. Methods are safe for concurrent use.
type Phone struct {
	net      *Network
	account  *account
	device   *device
	random   *entropy
	identity *keys.KeyPair

	messages inbox[Received]
	stanzas  inbox[waBinary.Node]

	// mu guards Signal state and serialises sending; it is taken before Network.mu, never after.
	mu        sync.Mutex
	store     *store.Device
	memory    *memoryStore // backs store
	sent      map[string]sentMessage
	sentOrder []string
	retries   map[string]int
	secrets   map[secretKey][]byte
	history   []sentHistory // uploaded chunks, the oldest first
	autoReply func(Received) Content
	replies   map[types.JID]*replyCount // automatic replies by chat
	states    *stateReader
	chats     map[types.JID]*chatRecord
	read      idSet // messages that the account read
	requests  RequestMode

	historyFiles, historyDownloads atomic.Int64 // files with history that the phone sent, and their downloads

	queueMu sync.Mutex
	waiting []waBinary.Node
	working bool
	stopped bool
}

// phoneRoute handles a stanza that arrived at a phone. It runs in the phone's worker, under neither lock.
type phoneRoute func(p *Phone, node *waBinary.Node)

func newPhone(n *Network, a *account) *Phone {
	p := &Phone{
		net: n, account: a, random: n.random.derive("phone/" + a.pn.User),
		messages: newInbox[Received](n.options.Inbox), stanzas: newInbox[waBinary.Node](defaultRecords),
		sent: map[string]sentMessage{}, retries: map[string]int{}, secrets: map[secretKey][]byte{},
	}
	p.identity = p.random.keyPair()
	p.store, p.memory = newPhoneStore(p)
	p.initStates()
	p.device = &device{account: a}
	signed := p.store.SignedPreKey
	p.device.keys = deviceKeys{
		registration: [4]byte{2: byte(p.store.RegistrationID >> 8), 3: byte(p.store.RegistrationID)},
		identity:     *p.identity.Pub,
		signed:       signedPreKey{id: id24(signed.KeyID), public: *signed.Pub, signature: *signed.Signature},
		uploaded:     true,
	}
	return p
}

// JID returns the account's phone number address.
func (p *Phone) JID() types.JID { return p.account.pn }

// LID returns the account's address in messages.
func (p *Phone) LID() types.JID { return p.account.lid }

// PushName returns the name that the account shows to others.
func (p *Phone) PushName() string {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return p.account.pushName
}

// DefaultTimer returns the time after which messages of new chats disappear, in seconds; 0 = they stay.
func (p *Phone) DefaultTimer() int {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return int(p.account.profile.timer)
}

// enqueue appends a stanza to the phone's queue and starts its worker when none runs. Never blocks.
func (p *Phone) enqueue(node waBinary.Node) {
	p.queueMu.Lock()
	defer p.queueMu.Unlock()
	if p.stopped {
		return
	}
	if len(p.waiting) >= defaultPhoneQueue {
		p.net.log.Error("phone queue is full; stanza dropped", "method", node.Tag)
		return
	}
	p.waiting = append(p.waiting, node)
	if !p.working {
		p.working = true
		p.net.wait.Add(1)
		go p.work()
	}
}

// work drains the queue and ends when it is empty: an idle phone has no goroutine.
func (p *Phone) work() {
	defer p.net.wait.Done()
	for {
		p.queueMu.Lock()
		batch := p.waiting
		p.waiting = nil
		if len(batch) == 0 || p.stopped {
			p.working = false
			p.queueMu.Unlock()
			return
		}
		p.queueMu.Unlock()
		for i := range batch {
			p.handle(&batch[i])
		}
	}
}

func (p *Phone) stop() {
	p.queueMu.Lock()
	p.stopped = true
	p.queueMu.Unlock()
}

// handle routes one stanza by "tag/type", then by tag; stanzas other than messages are recorded for Stanzas.
func (p *Phone) handle(node *waBinary.Node) {
	defer func() {
		if broken := recover(); broken != nil {
			p.net.log.Error("phone panicked on a stanza", "error", broken, "stack", string(debug.Stack()))
		}
	}()
	route := p.net.phoneRoutes[node.Tag+"/"+text(node, "type")]
	if route == nil {
		route = p.net.phoneRoutes[node.Tag]
	}
	if route != nil {
		route(p, node)
	}
	if node.Tag != "message" && node.Tag != bootstrapTag {
		p.stanzas.add(*node)
	}
}

// request runs a request of the phone through the handlers and checks of requests from sockets. Do not call under Network.mu.
func (p *Phone) request(iq waBinary.Node) waBinary.Node {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	r := &request{net: p.net, device: p.device, node: &iq}
	reply := p.net.answer(r)
	for _, f := range r.later {
		f()
	}
	return reply
}
