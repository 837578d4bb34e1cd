package sandbox

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

const (
	// firstNewsletter is the first channel number: as long as real ones, and outside of the range of groups.
	firstNewsletter = 120363400000000001
	// liveUpdates is the duration of a subscription to counts.
	liveUpdates = 5 * time.Minute
	// maxNewsletterName and maxNewsletterText are WhatsApp's own bounds, in characters.
	maxNewsletterName = 100
	maxNewsletterText = 2048
	// maxReactions bounds the distinct reactions to a post that are counted.
	maxReactions = 100
)

// newsletterHost stores all channels. Guarded by Network.mu.
type newsletterHost struct {
	net    *Network
	random *entropy
	list   []*newsletter
	byUser map[string]*newsletter
	byCode map[string]*newsletter
	next   uint64
}

// newsletter is one channel. Guarded by Network.mu.
type newsletter struct {
	jid               types.JID
	code              string
	name, description versionedText
	picture           picture
	created           time.Time
	followers         []*follower // in order of following, the owner first
	posts             []*post
	nextPost          int
	invites           map[*account]time.Time // end of open invitations to become an admin
	live              map[*device]time.Time  // end of the subscription to counts by device
}

type follower struct {
	account *account
	role    types.NewsletterRole
	muted   bool
}

// post is one message of a channel.
type post struct {
	number    int // the server's id
	id        types.MessageID
	kind      string
	at        time.Time
	changed   time.Time
	plain     []byte // nil when revoked
	media     string // mediatype attribute
	viewers   map[*account]struct{}
	reactions map[*account]string
}

func (n *Network) registerNewsletters() {
	h := &newsletterHost{net: n, random: n.random.derive("newsletters"), byUser: map[string]*newsletter{}, byCode: map[string]*newsletter{}, next: firstNewsletter}
	n.newsletters = h
	n.addIQ(h.routes())
	n.registerMex(h.queries(), h.adminQueries(), n.restrictionQueries())
	n.messageRoutes[types.NewsletterServer] = h.message
}

func (h *newsletterHost) find(jid types.JID) *newsletter {
	if jid.Server != types.NewsletterServer {
		return nil
	}
	return h.byUser[jid.User]
}

func (c *newsletter) follower(a *account) *follower {
	for _, f := range c.followers {
		if f.account == a {
			return f
		}
	}
	return nil
}

// newNewsletter creates a channel: 406 for a bad name or description, 419 when there are too many.
func (h *newsletterHost) newNewsletter(owner *account, name, description string) (*newsletter, error) {
	if name == "" || utf8.RuneCountInString(name) > maxNewsletterName || utf8.RuneCountInString(description) > maxNewsletterText {
		return nil, mexFail(406)
	}
	if len(h.list) >= h.net.options.Limits.Newsletters {
		return nil, mexFail(419)
	}
	now := h.net.now()
	c := &newsletter{
		jid: types.NewJID(strconv.FormatUint(h.next, 10), types.NewsletterServer), code: base64.RawURLEncoding.EncodeToString(h.random.bytes(16)),
		name: versionedText{id: h.random.messageID(), text: name, at: now}, description: versionedText{id: h.random.messageID(), text: description, at: now},
		created: now, followers: []*follower{{account: owner, role: types.NewsletterRoleOwner}}, nextPost: 100, live: map[*device]time.Time{},
	}
	h.next++
	h.list = append(h.list, c)
	h.byUser[c.jid.User], h.byCode[c.code] = c, c
	return c, nil
}

// metadata returns the description of a channel for an account; a nil viewer only has the link.
func (h *newsletterHost) metadata(c *newsletter, viewer *account) *types.NewsletterMetadata {
	words := func(t versionedText) types.NewsletterText {
		words := types.NewsletterText{Text: t.text, ID: t.id}
		words.UpdateTime.Time = t.at
		return words
	}
	meta := &types.NewsletterMetadata{
		ID: c.jid, State: types.WrappedNewsletterState{Type: "ACTIVE"},
		ThreadMeta: types.NewsletterThreadMetadata{
			InviteCode: c.code, Name: words(c.name), Description: words(c.description),
			SubscriberCount: len(c.followers), VerificationState: "UNVERIFIED",
			Picture:  h.pictureInfo(c, "image"),
			Settings: types.NewsletterSettings{ReactionCodes: types.NewsletterReactionSettings{Value: types.NewsletterReactionsModeAll}},
		},
	}
	meta.ThreadMeta.CreationTime.Time = c.created
	if preview := h.pictureInfo(c, "preview"); preview != nil {
		meta.ThreadMeta.Preview = *preview
	}
	if viewer != nil {
		meta.ViewerMeta = &types.NewsletterViewerMetadata{Mute: "OFF", Role: "GUEST"}
		if f := c.follower(viewer); f != nil {
			meta.ViewerMeta.Role = f.role
			if f.muted {
				meta.ViewerMeta.Mute = "ON"
			}
		}
	}
	return meta
}

func (h *newsletterHost) routes() iqRoutes {
	return iqRoutes{
		"newsletter/get/messages":        h.messages,
		"newsletter/get/message_updates": h.updates,
		"newsletter/set/live_updates":    h.subscribe,
	}
}

// messages returns posts of a channel from the newest backwards.
func (h *newsletterHost) messages(r *request) ([]waBinary.Node, error) {
	order := r.child()
	c := h.byCode[text(order, "key")]
	if jid, ok := jidOf(order, "jid"); ok {
		c = h.find(jid)
	}
	if c == nil {
		return nil, iqFail(404)
	}
	before := numberOf(order, "before")
	posts := slices.Clone(c.posts)
	if before > 0 {
		posts = slices.DeleteFunc(posts, func(p *post) bool { return p.number >= before })
	}
	return []waBinary.Node{{Tag: "messages", Attrs: waBinary.Attrs{"jid": c.jid, "t": h.net.unixNow()}, Content: nodesOf(lastOf(posts, numberOf(order, "count")), true)}}, nil
}

// updates returns the posts with changed counts.
func (h *newsletterHost) updates(r *request) ([]waBinary.Node, error) {
	jid, _ := jidOf(r.node, "to")
	c := h.find(jid)
	if c == nil {
		return nil, iqFail(404)
	}
	order := r.child()
	after, since := numberOf(order, "after"), numberOf(order, "since")
	posts := slices.DeleteFunc(slices.Clone(c.posts), func(p *post) bool {
		return p.number <= after || p.changed.Unix() < int64(since)
	})
	list := waBinary.Node{Tag: "messages", Attrs: waBinary.Attrs{"jid": c.jid, "t": h.net.unixNow()}, Content: nodesOf(lastOf(posts, numberOf(order, "count")), false)}
	return []waBinary.Node{{Tag: "message_updates", Content: []waBinary.Node{list}}}, nil
}

func (h *newsletterHost) subscribe(r *request) ([]waBinary.Node, error) {
	jid, _ := jidOf(r.node, "to")
	c := h.find(jid)
	if c == nil {
		return nil, iqFail(404)
	}
	c.live[r.device] = h.net.now().Add(liveUpdates)
	return []waBinary.Node{{Tag: "live_updates", Attrs: waBinary.Attrs{"duration": seconds(liveUpdates)}}}, nil
}

// numberOf returns a count or id; 0 if it is absent or malformed.
func numberOf(node *waBinary.Node, key string) int {
	value, _ := strconv.Atoi(text(node, key))
	return max(0, value)
}

// maxNewsletterPage is the largest number of posts in one answer.
const maxNewsletterPage = 100

// lastOf returns the newest posts of a list, at most count; 0 means one page.
func lastOf(posts []*post, count int) []*post {
	if count == 0 || count > maxNewsletterPage {
		count = maxNewsletterPage
	}
	return posts[max(0, len(posts)-count):]
}

// nodesOf returns the nodes of posts, with their content or with their counts only.
func nodesOf(posts []*post, withContent bool) []waBinary.Node {
	var list []waBinary.Node
	for _, p := range posts {
		node := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"server_id": strconv.Itoa(p.number), "id": p.id, "type": p.kind, "t": unix(p.at)}}
		var children []waBinary.Node
		if withContent && p.plain != nil {
			children = append(children, p.plaintext())
		}
		node.Content = append(children, p.counts()...)
		list = append(list, node)
	}
	return list
}

func (p *post) plaintext() waBinary.Node {
	node := leaf("plaintext", p.plain)
	if p.media != "" {
		node.Attrs = waBinary.Attrs{"mediatype": p.media}
	}
	return node
}

// counts returns the numbers of views and reactions of a post.
func (p *post) counts() []waBinary.Node {
	totals := map[string]int{}
	for _, code := range p.reactions {
		totals[code]++
	}
	var reactions []waBinary.Node
	for code, count := range totals {
		reactions = append(reactions, waBinary.Node{Tag: "reaction", Attrs: waBinary.Attrs{"code": code, "count": strconv.Itoa(count)}})
	}
	slices.SortFunc(reactions, func(a, b waBinary.Node) int {
		return slices.Compare([]byte(text(&a, "code")), []byte(text(&b, "code")))
	})
	list := []waBinary.Node{{Tag: "views_count", Attrs: waBinary.Attrs{"count": strconv.Itoa(len(p.viewers))}}}
	if len(reactions) > 0 {
		list = append(list, waBinary.Node{Tag: "reactions", Content: reactions})
	}
	return list
}
