package sandbox

import (
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// usyncField answers one field of a usync query for one user; nil leaves it out. It runs under Network.mu.
type usyncField func(q *usyncQuery) *waBinary.Node

// usyncQuery is one field of one user in a query.
type usyncQuery struct {
	r       *request
	field   *waBinary.Node // field node of the request
	user    *waBinary.Node // user node of the request
	account *account       // nil when no account has that number
	jid     types.JID      // JID of the user in the answer
}

func (n *Network) usyncRoutes() iqRoutes {
	return iqRoutes{"usync/get/usync": n.usync}
}

// addUsyncField registers a field of usync queries.
func (n *Network) addUsyncField(name string, field usyncField) {
	if n.usyncFields[name] != nil {
		panic("sandbox: two handlers for usync field " + name)
	}
	n.usyncFields[name] = field
}

// registerUsyncFields registers the fields for addressing; the others are in the files of their subject.
func (n *Network) registerUsyncFields() {
	n.addUsyncField("devices", n.usyncDevices)
	n.addUsyncField("lid", func(q *usyncQuery) *waBinary.Node {
		if q.account == nil {
			return nil
		}
		return &waBinary.Node{Tag: "lid", Attrs: waBinary.Attrs{"val": q.account.lid}}
	})
	n.addUsyncField("contact", func(q *usyncQuery) *waBinary.Node {
		kind := "out"
		switch {
		case q.jid.IsEmpty():
			kind = "invalid"
		case q.account != nil:
			kind = "in"
		}
		node := leaf("contact", childContent(q.user, "contact"))
		node.Attrs = waBinary.Attrs{"type": kind}
		return &node
	})
}

func (n *Network) usync(r *request) ([]waBinary.Node, error) {
	query, list := r.child().GetChildByTag("query"), r.child().GetChildByTag("list")
	fields := query.GetChildren()
	for _, field := range fields {
		if n.usyncFields[field.Tag] == nil {
			n.records.recordUnknown("usync field "+field.Tag, r)
		}
	}
	var users []waBinary.Node
	for _, user := range list.GetChildrenByTag("user") {
		attrs, q := n.usyncUser(r, &user)
		if q.account == nil && !q.jid.IsEmpty() && text(r.child(), "context") != "interactive" {
			n.wroteToUnknown(r.device.account) // clients send this query before the first message to a number
		}
		var children []waBinary.Node
		for i := range fields {
			q.field = &fields[i]
			if answer := n.usyncFields[fields[i].Tag]; answer != nil {
				if node := answer(q); node != nil {
					children = append(children, *node)
				}
			}
		}
		users = append(users, waBinary.Node{Tag: "user", Attrs: attrs, Content: children})
	}
	attrs := waBinary.Attrs{}
	for _, key := range []string{"sid", "mode", "context", "index", "last"} {
		attrs[key] = text(r.child(), key)
	}
	return []waBinary.Node{{Tag: "usync", Attrs: attrs, Content: []waBinary.Node{{Tag: "result"}, {Tag: "list", Content: users}}}}, nil
}

// usyncUser returns the user of a query: by JID, or by a number in a contact field.
func (n *Network) usyncUser(r *request, user *waBinary.Node) (waBinary.Attrs, *usyncQuery) {
	if jid, ok := jidOf(user, "jid"); ok {
		return waBinary.Attrs{"jid": jid}, &usyncQuery{r: r, user: user, account: n.find(jid), jid: jid}
	}
	number, _, _ := strings.Cut(string(childContent(user, "contact")), "@")
	jid, err := parseUser(number)
	if err != nil {
		// A malformed phone number does not fail the query for the other numbers.
		return waBinary.Attrs{"jid": types.NewJID(number, types.LegacyUserServer)}, &usyncQuery{r: r, user: user}
	}
	q := &usyncQuery{r: r, user: user, account: n.find(jid), jid: jid}
	if q.account == nil {
		return waBinary.Attrs{"jid": jid}, q
	}
	q.jid = q.account.lid
	return waBinary.Attrs{"jid": q.account.lid, "pn_jid": q.account.pn}, q
}

func (n *Network) usyncDevices(q *usyncQuery) *waBinary.Node {
	if q.account == nil {
		return nil
	}
	if own := q.r.device.account; own != q.account {
		q.account.followers[own] = struct{}{}
	}
	var list []waBinary.Node
	for _, d := range q.account.sortedDevices() {
		attrs := waBinary.Attrs{"id": strconv.Itoa(int(d.number))}
		if !d.isPhone() {
			attrs["key-index"] = strconv.Itoa(int(d.number))
		}
		list = append(list, waBinary.Node{Tag: "device", Attrs: attrs})
	}
	return &waBinary.Node{Tag: "devices", Content: []waBinary.Node{{Tag: "device-list", Content: list}, q.r.net.keyIndexes(q.account)}}
}
