package sandbox

import (
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// message handles a device's message to a channel: a post, its edit or revocation, or a reaction.
func (h *newsletterHost) message(r *request) {
	to, _ := jidOf(r.node, "to")
	c, own := h.find(to), r.device.account
	if c == nil {
		h.net.nack(r, refusedUnknown, "message to no channel")
		return
	}
	f := c.follower(own)
	if f == nil {
		h.net.nack(r, 403, "message to a channel that the sender does not follow")
		return
	}
	var p *post
	var code int
	if text(r.node, "type") == "reaction" {
		p, code = h.react(c, own, r.node)
	} else if f.role != types.NewsletterRoleOwner && f.role != types.NewsletterRoleAdmin {
		code = 403
	} else {
		p, code = h.publish(c, r.node)
	}
	if code != 0 {
		h.net.nack(r, code, "channel refused a message")
		return
	}
	h.net.acceptMessage(r, waBinary.Attrs{"server_id": strconv.Itoa(p.number)})
}

// publish adds a post, or edits or revokes the one with the same id.
func (h *newsletterHost) publish(c *newsletter, node *waBinary.Node) (*post, int) {
	id, plain := text(node, "id"), node.GetChildByTag("plaintext")
	if plain.Tag != "plaintext" || proto.Unmarshal(content(&plain), &waE2E.Message{}) != nil {
		return nil, refusedMalformed
	}
	index := slices.IndexFunc(c.posts, func(p *post) bool { return p.id == id })
	now := h.net.now()
	edit := types.EditAttribute(text(node, "edit"))
	switch edit {
	case types.EditAttributeEmpty:
		if handle := text(node, "media_id"); len(content(&plain)) == 0 || handle != "" && !h.net.blobs.hasHandle(handle) {
			return nil, refusedMalformed
		}
		if index >= 0 {
			return nil, 409
		}
		p := &post{
			number: c.nextPost, id: id, kind: text(node, "type"), at: now, changed: now, plain: content(&plain), media: text(&plain, "mediatype"),
			viewers: map[*account]struct{}{}, reactions: map[*account]string{},
		}
		c.nextPost++
		c.posts = append(c.posts, p)
		if len(c.posts) > h.net.options.Limits.NewsletterPosts {
			c.posts = c.posts[1:]
		}
		h.publishToFollowers(c, p, edit)
		return p, 0
	case types.EditAttributeAdminEdit, types.EditAttributeAdminRevoke:
		if index < 0 {
			return nil, refusedUnknown
		}
		p := c.posts[index]
		if edit == types.EditAttributeAdminEdit && (p.plain == nil || len(content(&plain)) == 0) {
			return nil, refusedMalformed // revoked posts stay revoked
		}
		p.changed, p.plain = now, nil
		if edit == types.EditAttributeAdminEdit {
			p.plain, p.media = content(&plain), text(&plain, "mediatype")
		}
		h.publishToFollowers(c, p, edit)
		return p, 0
	}
	return nil, refusedMalformed
}

// publishToFollowers delivers a post to all followers of the channel.
func (h *newsletterHost) publishToFollowers(c *newsletter, p *post, edit types.EditAttribute) {
	attrs := waBinary.Attrs{"from": c.jid, "id": p.id, "server_id": strconv.Itoa(p.number), "type": p.kind, "t": unix(p.at)}
	var children []waBinary.Node
	if edit != types.EditAttributeEmpty {
		attrs["edit"] = string(edit)
		children = append(children, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{
			"msg_edit_t": strconv.FormatInt(p.changed.UnixMilli(), 10), "original_msg_t": unix(p.at),
		}})
	}
	children = append(children, p.plaintext())
	node := waBinary.Node{Tag: "message", Attrs: attrs, Content: children}
	var message waE2E.Message
	readable := p.plain != nil && proto.Unmarshal(p.plain, &message) == nil
	for _, f := range c.followers {
		for _, d := range f.account.otherDevices(f.account.devices[0]) {
			h.net.deliver(d, node)
		}
		if edit == types.EditAttributeAdminRevoke {
			message = waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
				Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: &waCommon.MessageKey{RemoteJID: proto.String(c.jid.String()), ID: proto.String(p.id)},
			}}
			readable = true
		}
		if readable {
			// Posts are not encrypted, so they need no worker of the phone.
			f.account.phone.messages.add(Received{ID: p.id, Chat: c.jid, Sender: c.jid, Time: p.changed, Message: proto.CloneOf(&message)})
		}
	}
}

// react sets or removes one account's reaction to a post.
func (h *newsletterHost) react(c *newsletter, own *account, node *waBinary.Node) (*post, int) {
	p := c.post(numberOf(node, "server_id"))
	reaction := node.GetChildByTag("reaction")
	if p == nil || reaction.Tag != "reaction" {
		return nil, refusedUnknown
	}
	code := text(&reaction, "code")
	switch {
	case code == "":
		delete(p.reactions, own)
	case len(p.reactions) >= maxReactions && p.reactions[own] == "":
		return nil, 419
	default:
		p.reactions[own] = code
	}
	h.notifyLiveCounts(c, p)
	return p, 0
}

func (c *newsletter) post(number int) *post {
	for _, p := range c.posts {
		if p.number == number {
			return p
		}
	}
	return nil
}

// recordViews records an account's views of posts.
func (h *newsletterHost) recordViews(r *request, jid types.JID) {
	c := h.find(jid)
	if c == nil || text(r.node, "type") != "view" {
		return
	}
	for _, item := range r.child().GetChildrenByTag("item") {
		if p := c.post(numberOf(&item, "server_id")); p != nil {
			p.viewers[r.device.account] = struct{}{}
			h.notifyLiveCounts(c, p)
		}
	}
}

// notifyLiveCounts sends the counts of a post to the devices with a subscription to live updates.
func (h *newsletterHost) notifyLiveCounts(c *newsletter, p *post) {
	now := h.net.now()
	p.changed = now
	change := h.net.notification(c.jid, "newsletter", nil, waBinary.Node{Tag: "live_updates", Content: nodesOf([]*post{p}, false)})
	for d, until := range c.live {
		if now.After(until) || d.account.devices[d.number] != d {
			delete(c.live, d)
		} else {
			h.net.deliverNow(d, change)
		}
	}
}
