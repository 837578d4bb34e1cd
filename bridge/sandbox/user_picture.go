package sandbox

import (
	"bytes"
	"encoding/base64"
	"image/jpeg"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxPictureSide bounds width and height in a picture's header, in pixels; larger pictures are not decoded.
const maxPictureSide = 4096

// previewQuery in a picture's address selects the preview.
const previewQuery = "&stp=dst-jpg_s96x96"

// picture is a profile or group picture; its file is on the media host. The zero value means no picture.
type picture struct {
	id   string
	path string
	hash string
}

func (n *Network) pictureRoutes() iqRoutes {
	return iqRoutes{
		"w:profile:picture/get/picture": n.getPicture,
		"w:profile:picture/set/picture": n.setPicture,
		"w:profile:picture/set":         n.setPicture,
		"w:g2/get/pictures":             n.getCommunityPicture,
	}
}

// getPicture returns the address of a user's or group's picture: 404 no picture, 401 hidden from the requester.
func (n *Network) getPicture(r *request) ([]waBinary.Node, error) {
	own := r.device.account
	target, ok := jidOf(r.node, "target")
	var found picture
	if !ok {
		found = own.profile.picture
	} else if a := n.find(target); a != nil {
		if !a.allowsView(privacyPicture, own) {
			return nil, iqFail(401)
		}
		found = a.profile.picture
	} else if c := n.newsletters.find(target); c != nil {
		found = c.picture
	} else if g := n.groupHost.find(target); g != nil {
		if invite := text(r.child(), "invite"); g.member(own) == nil && (invite == "" || invite != g.code) {
			return nil, iqFail(401)
		}
		found = g.picture
	}
	return n.pictureReply(found, r.child())
}

// getCommunityPicture returns a community's picture, which clients request from the group server.
func (n *Network) getCommunityPicture(r *request) ([]waBinary.Node, error) {
	g, _, err := n.groupHost.targetGroup(r, needMember)
	if err != nil {
		return nil, err
	}
	order := r.child().GetChildByTag("picture")
	nodes, err := n.pictureReply(g.picture, &order)
	if err != nil {
		return nil, err
	}
	return []waBinary.Node{{Tag: "pictures", Content: nodes}}, nil
}

func (n *Network) pictureReply(p picture, order *waBinary.Node) ([]waBinary.Node, error) {
	kind := text(order, "type")
	if kind != "image" && kind != "preview" || text(order, "query") != "url" {
		return nil, iqFail(400)
	}
	if p.id == "" {
		return nil, iqFail(404)
	}
	if text(order, "id") == p.id {
		return nil, nil // the requester has it
	}
	path := n.blobs.directPath(p.path)
	if kind == "preview" {
		path += previewQuery
	}
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{
		"id": p.id, "type": kind, "url": "https://" + pictureHost + path, "direct_path": path, "hash": p.hash,
	}}}, nil
}

// setPicture replaces or removes the requester's own picture or that of a group which the requester may edit: 406 for anything but a JPEG.
func (n *Network) setPicture(r *request) ([]waBinary.Node, error) {
	own := r.device.account
	target, isTarget := jidOf(r.node, "target")
	var g *group
	if isTarget && n.find(target) != own {
		if g = n.groupHost.find(target); g == nil {
			return nil, iqFail(404)
		}
		m := g.member(own)
		if m == nil || g.locked && m.rank < rankAdmin {
			return nil, iqFail(403)
		}
	}
	var fresh picture
	if len(r.node.GetChildren()) > 0 {
		var err error
		if text(r.child(), "type") != "image" {
			return nil, iqFail(406)
		}
		if fresh, err = n.storePicture(content(r.child())); err != nil {
			return nil, err
		}
	}
	if g != nil {
		n.replacePicture(&g.picture, fresh)
		r.after(func() {
			attrs := waBinary.Attrs{"participant": own.lid}
			for _, m := range g.members {
				n.notifyAccount(m.account, g.jid, "picture", attrs, pictureChange(g.jid, own, fresh))
			}
		})
	} else {
		n.replacePicture(&own.profile.picture, fresh)
		r.after(func() { n.announcePicture(own, r.device) })
	}
	if fresh.id == "" {
		return nil, nil
	}
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"id": fresh.id}}}, nil
}

// storePicture checks a JPEG and stores it on the media host: 406 for other files and for one beyond the limits.
func (n *Network) storePicture(data []byte) (picture, error) {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || len(data) > n.options.Limits.Picture || config.Width > maxPictureSide || config.Height > maxPictureSide {
		return picture{}, iqFail(406)
	}
	id := strconv.FormatUint(n.random.uint64()%9_000_000_000+1_000_000_000, 10)
	b := n.blobs.putPicture(id, data)
	return picture{id: id, path: b.path, hash: base64.StdEncoding.EncodeToString(b.hash[:])}, nil
}

// replacePicture sets a picture and deletes the file of the previous one.
func (n *Network) replacePicture(place *picture, fresh picture) {
	if place.path != "" {
		n.blobs.remove(place.path)
	}
	*place = fresh
}

// announcePicture notifies the accounts that may see it of an account's new picture. Call under n.mu.
func (n *Network) announcePicture(a *account, but *device) {
	change := pictureChange(a.lid, a, a.profile.picture)
	for _, follower := range n.followersOf(a) {
		if a.allowsView(privacyPicture, follower) {
			n.notifyAccount(follower, a.lid, "picture", nil, change)
		}
	}
	n.notifyDevices(a.otherDevices(but), a.pn, "account_sync", nil, waBinary.Node{Tag: "picture"})
}

func pictureChange(jid types.JID, author *account, p picture) waBinary.Node {
	if p.id == "" {
		return waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": jid, "author": author.lid}}
	}
	return waBinary.Node{Tag: "set", Attrs: waBinary.Attrs{"jid": jid, "author": author.lid, "id": p.id, "hash": p.hash}}
}
