package sandbox

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Privacy categories that the network enforces.
const (
	privacyAbout    = string(types.PrivacySettingTypeStatus)
	privacyPicture  = string(types.PrivacySettingTypeProfile)
	privacyGroupAdd = string(types.PrivacySettingTypeGroupAdd)
	privacyLastSeen = string(types.PrivacySettingTypeLastSeen)
	privacyOnline   = string(types.PrivacySettingTypeOnline)
)

// privacyCategory is a setting with its possible values, the default first.
type privacyCategory struct {
	name   types.PrivacySettingType
	values []types.PrivacySetting
}

var audience = []types.PrivacySetting{
	types.PrivacySettingAll, types.PrivacySettingContacts, types.PrivacySettingContactBlacklist, types.PrivacySettingNone,
}

var privacyCategories = []privacyCategory{
	{types.PrivacySettingTypeGroupAdd, audience},
	{types.PrivacySettingTypeLastSeen, audience},
	{types.PrivacySettingTypeStatus, audience},
	{types.PrivacySettingTypeProfile, audience},
	{types.PrivacySettingTypeReadReceipts, []types.PrivacySetting{types.PrivacySettingAll, types.PrivacySettingNone}},
	{types.PrivacySettingTypeOnline, []types.PrivacySetting{types.PrivacySettingAll, types.PrivacySettingMatchLastSeen}},
	{types.PrivacySettingTypeCallAdd, []types.PrivacySetting{types.PrivacySettingAll, types.PrivacySettingKnown}},
	{types.PrivacySettingTypeMessages, []types.PrivacySetting{types.PrivacySettingAll, types.PrivacySettingContacts}},
	{types.PrivacySettingTypeDefense, []types.PrivacySetting{types.PrivacySettingOff, types.PrivacySettingOnStandard}},
	{types.PrivacySettingTypeStickers, []types.PrivacySetting{
		types.PrivacySettingContacts, types.PrivacySettingContactAllowlist, types.PrivacySettingNone,
	}},
}

func (n *Network) privacyRoutes() iqRoutes {
	return iqRoutes{
		"privacy/get/privacy":                     n.getPrivacy,
		"privacy/set/privacy":                     n.setPrivacy,
		"status/get/privacy":                      n.getStatusPrivacy,
		"disappearing_mode/set/disappearing_mode": n.setDefaultTimer,
	}
}

// privacyOf returns the value of one category of an account.
func (a *account) privacyOf(name string) string {
	if value := a.profile.privacy[name]; value != "" {
		return value
	}
	for _, category := range privacyCategories {
		if string(category.name) == name {
			return string(category.values[0])
		}
	}
	return ""
}

// allowsView reports whether an account may see the data that a category of another account protects.
func (a *account) allowsView(category string, to *account) bool {
	if a == to {
		return true
	}
	if a.blocks(to) {
		return false
	}
	switch types.PrivacySetting(a.privacyOf(category)) {
	case types.PrivacySettingAll:
		return true
	case types.PrivacySettingContacts, types.PrivacySettingContactBlacklist:
		_, known := a.profile.contacts[to]
		return known
	}
	return false
}

// sendsReadReceipts reports whether the account sends and receives read receipts.
func (a *account) sendsReadReceipts() bool {
	return a.privacyOf(string(types.PrivacySettingTypeReadReceipts)) != string(types.PrivacySettingNone)
}

// mayBeAddedBy reports whether the account's privacy settings allow another account to add it to groups.
func (a *account) mayBeAddedBy(by *account) bool { return a.allowsView(privacyGroupAdd, by) }

func (n *Network) getPrivacy(r *request) ([]waBinary.Node, error) {
	var list []waBinary.Node
	for _, category := range privacyCategories {
		list = append(list, categoryNode(string(category.name), r.device.account.privacyOf(string(category.name))))
	}
	return []waBinary.Node{{Tag: "privacy", Content: list}}, nil
}

func categoryNode(name, value string) waBinary.Node {
	return waBinary.Node{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": value}}
}

// setPrivacy changes categories and notifies the account's other devices.
func (n *Network) setPrivacy(r *request) ([]waBinary.Node, error) {
	own := r.device.account
	changes := r.child().GetChildrenByTag("category")
	if len(changes) == 0 {
		return nil, iqFail(400)
	}
	for _, change := range changes {
		if !knownPrivacy(text(&change, "name"), text(&change, "value")) {
			n.recordViolation(r, "unknown privacy setting")
			return nil, iqFail(400)
		}
	}
	if own.profile.privacy == nil {
		own.profile.privacy = map[string]string{}
	}
	var list []waBinary.Node
	for _, change := range changes {
		own.profile.privacy[text(&change, "name")] = text(&change, "value")
		list = append(list, categoryNode(text(&change, "name"), text(&change, "value")))
	}
	r.after(func() {
		n.notifyDevices(own.otherDevices(r.device), own.pn, "account_sync", nil, waBinary.Node{Tag: "privacy", Content: list})
	})
	return []waBinary.Node{{Tag: "privacy", Content: list}}, nil
}

func knownPrivacy(name, value string) bool {
	for _, category := range privacyCategories {
		if string(category.name) == name {
			return slices.Contains(category.values, types.PrivacySetting(value))
		}
	}
	return false
}

// setDefaultTimer sets the message timer of the account's new chats.
func (n *Network) setDefaultTimer(r *request) ([]waBinary.Node, error) {
	order := waBinary.Node{Attrs: waBinary.Attrs{"expiration": text(r.child(), "duration")}}
	timer, ok := groupTimer(&order)
	if !ok {
		return nil, iqFail(400)
	}
	own := r.device.account
	own.profile.timer, own.profile.timerSetAt = timer, n.now()
	return nil, nil
}
