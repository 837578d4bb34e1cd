package sandbox

import (
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// reconnected runs f and waits until Alice's session has another connection, which gets deliveries.
func (c *coverage) reconnected(f func() error) error {
	d := c.alice.account.devices[1]
	var before *conn
	c.until("the session is connected", func() bool { before = d.conn; return before != nil && d.active })
	if err := f(); err != nil {
		return err
	}
	c.until("another connection", func() bool { return d.conn != nil && d.conn != before && d.active })
	return nil
}

// linkWithPasskey links a new account with a passkey.
func (c *coverage) linkWithPasskey() error {
	if c.passkeyStarted {
		return nil // both methods of the passkey are called in one pairing
	}
	c.passkeyStarted = true
	erin := c.passkeyAccount("15550005", PasskeyOptions{})
	e, request := c.scanned(erin, false)
	if err := e.SendPasskeyResponse(c.ctx(), c.signed(erin, request, "")); err != nil {
		return err
	}
	await[*events.PairPasskeyConfirmation](e, nil)
	if err := e.SendPasskeyConfirmation(c.ctx()); err != nil {
		return err
	}
	await[*events.Connected](e, nil)
	return verify(nil, len(erin.Companions()) == 1, erin.Companions())
}

var coveredSessions = []coveredMethod{
	{name: "Connect", stanza: "handshake, login", serves: "session.connect", own: "bridge", check: func(c *coverage) error {
		return c.reconnected(func() error { c.a.Disconnect(); return c.a.Connect() })
	}},
	{name: "ConnectContext", stanza: "handshake, login", serves: "session.connect session.restart", check: func(c *coverage) error {
		return c.reconnected(func() error { c.a.Disconnect(); return c.a.ConnectContext(c.life) })
	}},
	{name: "ResetConnection", stanza: "end of the connection, login", check: func(c *coverage) error {
		return c.reconnected(func() error { c.a.ResetConnection(); return nil })
	}},
	{name: "Disconnect", stanza: "end of the connection", serves: "session.disconnect", check: func(c *coverage) error {
		return c.reconnected(func() error {
			c.a.Disconnect()
			c.until("no connection", func() bool { return c.alice.account.devices[1].conn == nil })
			return c.a.Connect()
		})
	}},
	{name: "GetQRChannel", stanza: "iq md pair-device", serves: "session.getQrCode", own: "bridge", check: func(c *coverage) error {
		dave := c.account("15550004", "Dave")
		d := c.client()
		codes, err := d.GetQRChannel(c.ctx())
		if err != nil {
			return err
		}
		if err = d.Connect(); err != nil {
			return err
		}
		first := <-codes
		if err = dave.ScanQR(c.ctx(), first.Code); err != nil {
			return err
		}
		for item := range codes {
			if item == whatsmeow.QRChannelSuccess {
				settled(d)
				return verify(nil, len(dave.Companions()) == 1)
			}
		}
		return verify(nil, false, "no success")
	}},
	{name: "PairPhone", stanza: "iq md link_code_companion_reg", serves: "session.requestPairingCode", check: func(c *coverage) error {
		frank := c.account("15550006", "Frank")
		f := c.client()
		if err := f.Connect(); err != nil {
			return err
		}
		await[*events.QR](f, nil)
		code, err := f.PairPhone(c.ctx(), "15550006", false, whatsmeow.PairClientChrome, "Chrome (Linux)")
		if err != nil {
			return err
		}
		if err = frank.EnterCode(c.ctx(), code); err != nil {
			return err
		}
		await[*events.PairSuccess](f, nil)
		await[*events.Connected](f, nil)
		settled(f)
		return verify(nil, len(frank.Companions()) == 1)
	}},
	{name: "SendPasskeyResponse", stanza: "iq md ref, passkey_prologue", serves: "session.submitPasskey", check: (*coverage).linkWithPasskey},
	{name: "SendPasskeyConfirmation", stanza: "iq md encrypted_pairing_request", serves: "session.confirmPasskey", check: (*coverage).linkWithPasskey},
	{name: "Logout", stanza: "iq md remove-companion-device", serves: "session.logout session.delete", own: "bridge", check: func(c *coverage) error {
		second := c.pair(c.carol)
		if err := second.Logout(c.ctx()); err != nil {
			return err
		}
		c.until("the device is unlinked", func() bool { return len(c.carol.account.devices) == 1 })
		return nil
	}},
	{name: "SetPassive", stanza: "iq passive", check: func(c *coverage) error {
		d := c.alice.account.devices[1]
		if err := c.a.SetPassive(c.ctx(), true); err != nil {
			return err
		}
		c.until("passive", func() bool { return !d.active })
		c.says(c.bob, c.alice.JID(), Text("while passive"))
		if err := c.a.SetPassive(c.ctx(), false); err != nil {
			return err
		}
		await(c.a, says("while passive"))
		return nil
	}},
	{name: "MarkNotDirty", stanza: "iq dirty clean", check: func(c *coverage) error {
		if err := c.alice.MarkDirty("groups"); err != nil {
			return err
		}
		device := c.alice.Companions()[0]
		now := c.net.now()
		if err := c.a.MarkNotDirty(c.ctx(), "groups", now.Add(-time.Hour)); err != nil {
			return err
		}
		before := c.alice.Dirty(device)
		err := c.a.MarkNotDirty(c.ctx(), "groups", now.Add(time.Minute))
		return verify(err, slices.Equal(before, []string{"groups"}) && len(c.alice.Dirty(device)) == 0, before, c.alice.Dirty(device))
	}},
	{name: "RegisterForPushNotifications", stanza: "iq push config", check: func(c *coverage) error {
		if err := c.a.RegisterForPushNotifications(c.ctx(), &whatsmeow.FCMPushConfig{}); err == nil {
			return verify(nil, false, "registered without a token")
		}
		return c.a.RegisterForPushNotifications(c.ctx(), &whatsmeow.FCMPushConfig{Token: "token-1"})
	}},
	{name: "GetServerPushNotificationConfig", stanza: "iq push settings", check: func(c *coverage) error {
		answer, err := c.a.GetServerPushNotificationConfig(c.ctx())
		if err != nil {
			return err
		}
		config := answer.GetChildByTag("settings", "config")
		other, err := c.b.GetServerPushNotificationConfig(c.ctx())
		if err != nil {
			return err
		}
		_, has := other.GetOptionalChildByTag("settings", "config")
		return verify(nil, text(&config, "id") == "token-1" && text(&config, "platform") == "gcm" && !has, config, has)
	}},
	{name: "AcceptTOSNotice", stanza: "iq tos notice", serves: "newsletter.acceptTerms newsletter.create", check: func(c *coverage) error {
		err := c.b.AcceptTOSNotice(c.ctx(), newsletterTerms, "5")
		c.until("accepted", func() bool { return c.bob.account.notices[newsletterTerms] == "5" })
		return err
	}},
	{name: "SendPresence", stanza: "presence", serves: "presence.setAvailability profile.setName", check: func(c *coverage) error {
		err := c.a.SendPresence(c.ctx(), types.PresenceAvailable)
		c.until("available", func() bool { return c.alice.account.devices[1].present })
		return err
	}},
	{name: "SubscribePresence", stanza: "presence subscribe", serves: "presence.subscribe", check: func(c *coverage) error {
		if err := c.a.SubscribePresence(c.ctx(), c.bob.LID()); err != nil {
			return err
		}
		await(c.a, func(e *events.Presence) bool { return e.From == c.bob.LID() })
		return nil
	}},
	{name: "SendChatPresence", stanza: "chatstate", serves: "presence.setChatState", check: func(c *coverage) error {
		if err := c.a.SendChatPresence(c.ctx(), c.bob.LID(), types.ChatPresenceComposing, types.ChatPresenceMediaText); err != nil {
			return err
		}
		_, err := c.bob.AwaitStanza(c.ctx(), isNode("chatstate", ""))
		return err
	}},
	{name: "RejectCall", stanza: "call reject", serves: "call.reject", check: func(c *coverage) error {
		call, err := c.bob.Call(c.alice.JID(), false)
		if err != nil {
			return err
		}
		offer := await(c.a, func(e *events.CallOffer) bool { return e.CallID == call })
		if err = c.a.RejectCall(c.ctx(), offer.From, call); err != nil {
			return err
		}
		c.until("the end of the call", func() bool { return len(c.net.calls.open) == 0 })
		return nil
	}},
}
