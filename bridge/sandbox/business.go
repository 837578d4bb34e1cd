package sandbox

import (
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waVnameCert"
	"google.golang.org/protobuf/proto"
)

// BusinessProfile is the public profile of a business account, without its name.
type BusinessProfile struct {
	Address    string
	Email      string
	Timezone   string // of Hours, as in "Europe/Berlin"
	Hours      []BusinessHours
	Categories []BusinessCategory
	Options    map[string]string // "commerce_experience", "cart_enabled" and the like
}

// BusinessHours is one opening time.
type BusinessHours struct {
	Day   string // "mon" to "sun"
	Mode  string // "specific_hours", "open_24h" or "appointment_only"
	Open  string // minutes after midnight; empty unless specific
	Close string
}

// BusinessCategory is a line of business.
type BusinessCategory struct{ ID, Name string }

// maxBusinessList bounds the lists of a business profile.
const maxBusinessList = 100

func (n *Network) businessRoutes() iqRoutes {
	return iqRoutes{"w:biz/get/business_profile": n.getBusinessProfile}
}

// registerBusinessFields adds the business field of usync queries.
func (n *Network) registerBusinessFields() {
	n.addUsyncField("business", func(q *usyncQuery) *waBinary.Node {
		if q.account == nil || q.account.businessName == "" {
			return nil
		}
		return &waBinary.Node{Tag: "business", Content: []waBinary.Node{verifiedName(q.account)}}
	})
}

// verifiedName is the certificate of a business account's name. Call under n.mu.
func verifiedName(a *account) waBinary.Node {
	if a.nameCertificate == nil {
		details, _ := proto.Marshal(&waVnameCert.VerifiedNameCertificate_Details{
			Serial: proto.Uint64(uint64(a.registeredAt.UnixNano())), Issuer: proto.String("smb:wa"), VerifiedName: proto.String(a.businessName),
		})
		signature := a.phone.identity.Sign(a.phone.identity) // clients never check it
		a.nameCertificate, _ = proto.Marshal(&waVnameCert.VerifiedNameCertificate{Details: details, Signature: signature[:]})
	}
	node := leaf("verified_name", a.nameCertificate)
	node.Attrs = waBinary.Attrs{
		"v": "1", "verified_level": "unknown", "host_storage": "2", "actual_actors": "2", "privacy_mode_ts": unix(a.registeredAt),
	}
	return node
}

// getBusinessProfile returns the profiles of the requested accounts; accounts without one are left out.
func (n *Network) getBusinessProfile(r *request) ([]waBinary.Node, error) {
	var list []waBinary.Node
	for _, order := range r.child().GetChildrenByTag("profile") {
		jid, _ := jidOf(&order, "jid")
		a := n.find(jid)
		if a == nil || a.businessName == "" {
			continue
		}
		list = append(list, waBinary.Node{Tag: "profile", Attrs: waBinary.Attrs{"jid": jid}, Content: a.profile.business.nodes()})
	}
	return []waBinary.Node{{Tag: "business_profile", Attrs: waBinary.Attrs{"v": text(r.child(), "v")}, Content: list}}, nil
}

func (b *BusinessProfile) nodes() []waBinary.Node {
	list := []waBinary.Node{leaf("address", []byte(b.Address)), leaf("email", []byte(b.Email))}
	if b.Timezone != "" {
		hours := waBinary.Node{Tag: "business_hours", Attrs: waBinary.Attrs{"timezone": b.Timezone}}
		var days []waBinary.Node
		for _, day := range b.Hours {
			attrs := waBinary.Attrs{"day_of_week": day.Day, "mode": day.Mode}
			if day.Open != "" {
				attrs["open_time"], attrs["close_time"] = day.Open, day.Close
			}
			days = append(days, waBinary.Node{Tag: "business_hours_config", Attrs: attrs})
		}
		hours.Content = days
		list = append(list, hours)
	}
	var categories, options []waBinary.Node
	for _, category := range b.Categories {
		node := leaf("category", []byte(category.Name))
		node.Attrs = waBinary.Attrs{"id": category.ID}
		categories = append(categories, node)
	}
	for name, value := range b.Options {
		options = append(options, leaf(name, []byte(value)))
	}
	return append(list, waBinary.Node{Tag: "categories", Content: categories}, waBinary.Node{Tag: "profile_options", Content: options})
}

// SetBusinessProfile replaces the profile of a business account; it fails for an account without a business name.
func (p *Phone) SetBusinessProfile(profile BusinessProfile) error {
	if len(profile.Hours) > maxBusinessList || len(profile.Categories) > maxBusinessList || len(profile.Options) > maxBusinessList {
		return fmt.Errorf("sandbox: business profile with more than %d entries", maxBusinessList)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.account.businessName == "" {
		return fmt.Errorf("sandbox: %s is no business account", p.account.pn.User)
	}
	p.account.profile.business = profile
	return nil
}
