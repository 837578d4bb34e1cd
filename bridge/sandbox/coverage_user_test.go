package sandbox

import (
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// botNames returns the names of the profiles that a client sees.
func (c *coverage) botNames() ([]string, error) {
	bots, err := c.a.GetBotListV2(c.ctx())
	if err != nil {
		return nil, err
	}
	profiles, err := c.a.GetBotProfiles(c.ctx(), bots)
	var names []string
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names, err
}

var coveredUsers = []coveredMethod{
	{name: "IsOnWhatsApp", stanza: "usync contact", serves: "contact.checkRegistered contact.get", check: func(c *coverage) error {
		got, err := c.a.IsOnWhatsApp(c.ctx(), []string{"+15550002", "+15559999", "+1"})
		return verify(err, len(got) == 3 && got[0].IsIn && !got[1].IsIn && !got[2].IsIn, got)
	}},
	{name: "GetUserInfo", stanza: "usync business, status, picture, devices, lid", serves: "contact.getUserInfo contact.resolveLid contact.setBlocked", check: func(c *coverage) error {
		got, err := c.a.GetUserInfo(c.ctx(), []types.JID{c.bob.JID(), c.shop.JID()})
		return verify(err, got[c.bob.JID()].LID == c.bob.LID() && len(got[c.bob.JID()].Devices) == 2 && got[c.shop.JID()].LID == c.shop.LID(), got)
	}},
	{name: "GetUserDevices", stanza: "usync devices", serves: "contact.get device.list device.listLinked", check: func(c *coverage) error {
		got, err := c.a.GetUserDevices(c.ctx(), []types.JID{c.bob.JID()})
		return verify(err, len(got) == 2, got)
	}},
	{name: "GetUserDevicesContext", stanza: "usync devices", check: func(c *coverage) error {
		got, err := c.a.GetUserDevicesContext(c.ctx(), []types.JID{c.carol.JID()})
		return verify(err, len(got) == 1, got)
	}},
	{name: "GetProfilePictureInfo", stanza: "iq w:profile:picture", serves: "contact.getProfilePicture contact.get group.get", check: func(c *coverage) error {
		id, err := c.bob.SetPicture(photo(c.t, 64))
		if err != nil {
			return err
		}
		got, err := c.a.GetProfilePictureInfo(c.ctx(), c.bob.JID(), nil)
		return verify(err, got != nil && got.ID == id, got)
	}},
	{name: "SetStatusMessage", stanza: "w:mex about", serves: "profile.setAbout", check: func(c *coverage) error {
		words := "covered"
		err := c.a.SetStatusMessage(c.ctx(), types.SetStatusInput{Text: &words})
		return verify(err, c.alice.About() == words, c.alice.About())
	}},
	{name: "UpdateBlocklist", stanza: "iq blocklist item", serves: "contact.setBlocked", check: func(c *coverage) error {
		got, err := c.a.UpdateBlocklist(c.ctx(), c.shop.LID(), events.BlocklistChangeActionBlock)
		return verify(err, got != nil && len(got.JIDs) == 1, got)
	}},
	{name: "GetBlocklist", stanza: "iq blocklist", serves: "contact.listBlocked", check: func(c *coverage) error {
		got, err := c.a.GetBlocklist(c.ctx())
		if err = verify(err, got != nil && len(got.JIDs) == 1 && got.JIDs[0] == c.shop.LID(), got); err != nil {
			return err
		}
		_, err = c.a.UpdateBlocklist(c.ctx(), c.shop.LID(), events.BlocklistChangeActionUnblock)
		return err
	}},
	{name: "SetPrivacySetting", stanza: "iq privacy category", serves: "privacy.updateSettings", check: func(c *coverage) error {
		got, err := c.a.SetPrivacySetting(c.ctx(), types.PrivacySettingTypeLastSeen, types.PrivacySettingContacts)
		return verify(err, got.LastSeen == types.PrivacySettingContacts, got)
	}},
	{name: "TryFetchPrivacySettings", stanza: "iq privacy", serves: "privacy.getSettings", check: func(c *coverage) error {
		got, err := c.a.TryFetchPrivacySettings(c.ctx(), true)
		return verify(err, got != nil && got.LastSeen == types.PrivacySettingContacts, got)
	}},
	{name: "GetPrivacySettings", stanza: "iq privacy", check: func(c *coverage) error {
		got := c.a.GetPrivacySettings(c.ctx())
		return verify(nil, got.LastSeen == types.PrivacySettingContacts, got)
	}},
	{name: "GetStatusPrivacy", stanza: "iq status privacy", serves: "status.getPrivacy status.send", check: func(c *coverage) error {
		if err := c.alice.SetStatusPrivacy(types.StatusPrivacyTypeWhitelist, []types.JID{c.bob.JID()}); err != nil {
			return err
		}
		got, err := c.a.GetStatusPrivacy(c.ctx())
		for _, list := range got {
			if list.Type == types.StatusPrivacyTypeWhitelist {
				return verify(err, list.IsDefault && len(list.List) == 1 && list.List[0] == c.bob.LID(), got)
			}
		}
		return verify(err, false, got)
	}},
	{name: "SetDefaultDisappearingTimer", stanza: "iq disappearing_mode", serves: "privacy.setDefaultDisappearingTimer", check: func(c *coverage) error {
		err := c.a.SetDefaultDisappearingTimer(c.ctx(), 24*time.Hour)
		return verify(err, c.alice.DefaultTimer() == 86400, c.alice.DefaultTimer())
	}},
	{name: "GetContactQRLink", stanza: "iq w:qr contact", serves: "profile.createContactLink", check: func(c *coverage) error {
		first, err := c.a.GetContactQRLink(c.ctx(), false)
		if err != nil {
			return err
		}
		second, err := c.a.GetContactQRLink(c.ctx(), true)
		return verify(err, first != "" && first != second, first, second)
	}},
	{name: "ResolveContactQRLink", stanza: "iq w:qr", check: func(c *coverage) error {
		code, err := c.a.GetContactQRLink(c.ctx(), false)
		if err != nil {
			return err
		}
		got, err := c.b.ResolveContactQRLink(c.ctx(), code)
		return verify(err, got != nil && got.JID == c.alice.JID(), got)
	}},
	{name: "ResolveBusinessMessageLink", stanza: "iq w:qr", serves: "business.resolveMessageLink", check: func(c *coverage) error {
		code, err := c.shop.MessageLink("a rope")
		if err != nil {
			return err
		}
		got, err := c.a.ResolveBusinessMessageLink(c.ctx(), code)
		return verify(err, got != nil && got.JID == c.shop.JID() && got.Message == "a rope", got)
	}},
	{name: "GetBusinessProfile", stanza: "iq w:biz business_profile", serves: "business.getProfile contact.get", check: func(c *coverage) error {
		if err := c.shop.SetBusinessProfile(BusinessProfile{Email: "shop@example.com"}); err != nil {
			return err
		}
		got, err := c.a.GetBusinessProfile(c.ctx(), c.shop.JID())
		return verify(err, got != nil && got.Email == "shop@example.com", got)
	}},
	{name: "GetOrderDetails", stanza: "iq fb:thrift_iq order", check: func(c *coverage) error {
		_, id, token, err := c.bob.SendOrder(c.ctx(), c.shop.JID(), Order{Currency: "EUR", Products: []OrderProduct{{ID: "1", Name: "Rope", Price: 2500, Quantity: 3}}}, "")
		if err != nil {
			return err
		}
		if _, err = c.a.GetOrderDetails(c.ctx(), id, "wrong"); err == nil {
			return verify(nil, false, "answered with a wrong token")
		}
		got, err := c.a.GetOrderDetails(c.ctx(), id, token)
		return verify(err, got != nil && got.Price.Total == 7500 && len(got.Products) == 1, got)
	}},
	{name: "GetBotListV2", stanza: "iq bot", serves: "bot.list bot.listProfiles", check: func(c *coverage) error {
		if _, err := c.net.AddBot(Bot{Number: "13135550077", ID: "77", Persona: "1", Name: "Weather"}); err != nil {
			return err
		}
		got, err := c.a.GetBotListV2(c.ctx())
		return verify(err, len(got) == 2 && got[1].PersonaID == "77$1" && got[1].BotJID.User == "13135550077", got)
	}},
	{name: "GetBotProfiles", stanza: "usync bot", serves: "bot.list bot.listProfiles", own: "bridge/business", check: func(c *coverage) error {
		names, err := c.botNames()
		return verify(err, len(names) == 2 && names[0] == assistant.Name && names[1] == "Weather", names)
	}},
	{name: "SendFBMessage", stanza: "iq fbid:devices, message", canned: messengerOnly},
}
