package sandbox

import (
	"bytes"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// uploadedHistory is the newest chunk that Alice's phone has uploaded.
func (c *coverage) uploadedHistory() sentHistory {
	c.alice.mu.Lock()
	defer c.alice.mu.Unlock()
	return c.alice.history[len(c.alice.history)-1]
}

var coveredMessages = []coveredMethod{
	{name: "SendMessage", stanza: "message", serves: "message.send message.sendText message.sendOrder status.send", check: func(c *coverage) error {
		c.a.send(c.bob.JID(), text1("covered"))
		c.hears(c.bob, "covered")
		bot, err := c.net.Bot(assistant.ID)
		if err != nil {
			return err
		}
		id := c.a.send(types.NewMetaAIJID, text1("covered bot"))
		asked, err := bot.Await(c.ctx(), func(r Received) bool { return r.ID == id })
		if err != nil {
			return err
		}
		if _, err = bot.AnswerAsBot(asked, text1("an answer")); err != nil {
			return err
		}
		got := await(c.a, says("an answer"))
		return verify(nil, got.Info.Chat == types.NewMetaAIJID, got.Info)
	}},
	{name: "RevokeMessage", stanza: "message edit", serves: "message.delete", own: "bridge/outbound", check: func(c *coverage) error {
		id := c.a.send(c.bob.JID(), text1("to be revoked"))
		if _, err := c.a.RevokeMessage(c.ctx(), c.bob.JID(), id); err != nil { //nolint:staticcheck // deprecated methods are covered, too
			return err
		}
		_, err := c.bob.Await(c.ctx(), func(r Received) bool { return r.Message.GetProtocolMessage().GetKey().GetID() == id })
		return err
	}},
	{name: "MarkRead", stanza: "receipt", serves: "chat.markRead", check: func(c *coverage) error {
		id := c.says(c.bob, c.alice.JID(), Text("to be read"))
		evt := await(c.a, says("to be read"))
		if err := c.a.MarkRead(c.ctx(), []types.MessageID{id}, time.Now(), evt.Info.Chat, evt.Info.Sender); err != nil {
			return err
		}
		await(c.b, func(e *events.Receipt) bool { return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == id })
		return nil
	}},
	{name: "SetDisappearingTimer", stanza: "message or iq w:g2 ephemeral", serves: "group.updateSettings", check: func(c *coverage) error {
		if err := c.a.SetDisappearingTimer(c.ctx(), c.bob.JID(), 24*time.Hour, time.Time{}); err != nil {
			return err
		}
		if _, err := c.bob.Await(c.ctx(), func(r Received) bool {
			return r.Message.GetProtocolMessage().GetEphemeralExpiration() == 86400
		}); err != nil {
			return err
		}
		if err := c.a.SetDisappearingTimer(c.ctx(), c.group, 24*time.Hour, time.Time{}); err != nil {
			return err
		}
		info, err := c.b.GetGroupInfo(c.ctx(), c.group)
		return verify(err, info != nil && info.DisappearingTimer == 86400, info)
	}},
	{name: "SendPeerMessage", stanza: "message category=peer", serves: "session.restart sync.fetchAppState", check: func(c *coverage) error {
		c.says(c.bob, c.alice.JID(), Text("earlier"))
		await(c.a, says("earlier"))
		c.says(c.bob, c.alice.JID(), Text("later"))
		evt := await(c.a, says("later"))
		if _, err := c.a.SendPeerMessage(c.ctx(), c.a.BuildHistorySyncRequest(&evt.Info, 1)); err != nil {
			return err
		}
		got := await(c.a, func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND })
		messages := got.Data.GetConversations()[0].GetMessages()
		return verify(nil, len(messages) == 1 && messages[0].GetMessage().GetMessage().GetConversation() == "earlier", messages)
	}},
	{name: "SendProtocolMessageReceipt", stanza: "receipt", check: func(c *coverage) error {
		if err := c.a.SendProtocolMessageReceipt(c.ctx(), "CHUNK1", types.ReceiptTypeHistorySync); err != nil {
			return err
		}
		got, err := c.alice.AwaitStanza(c.ctx(), isNode("receipt", "hist_sync"))
		return verify(err, text(&got, "id") != "", got)
	}},
	{name: "SendHistorySyncServerErrorReceipt", stanza: "receipt type=server-error", check: func(c *coverage) error {
		lost := c.uploadedHistory()
		if err := c.a.SendHistorySyncServerErrorReceipt(c.ctx(), lost.id, lost.key); err != nil {
			return err
		}
		await(c.a, func(e *events.HistorySync) bool {
			return e.Data.GetSyncType() == lost.piece.history.GetSyncType() && !bytes.Equal(e.Notification.GetMediaKey(), lost.key)
		})
		return nil
	}},
	{name: "SendMediaRetryReceipt", stanza: "receipt type=server-error", serves: "message.downloadMedia", check: func(c *coverage) error {
		picture, err := c.bob.Upload(Media{Kind: Image, Data: []byte("picture to retry")})
		if err != nil {
			return err
		}
		id := c.says(c.bob, c.alice.JID(), picture)
		evt := await(c.a, func(e *events.Message) bool { return e.Info.ID == id })
		if err = c.a.SendMediaRetryReceipt(c.ctx(), &evt.Info, evt.Message.GetImageMessage().GetMediaKey()); err != nil {
			return err
		}
		got := await(c.a, func(e *events.MediaRetry) bool { return e.MessageID == id })
		return verify(nil, got.Error == nil, got.Error)
	}},
	{name: "SendAppState", stanza: "iq w:sync:app:state patch", serves: "chat.setPinned chat.setMuted chat.setArchived label.create contact.save", own: "bridge/statesync", check: func(c *coverage) error {
		if err := c.a.SendAppState(c.ctx(), appstate.BuildPin(c.bob.JID(), true)); err != nil {
			return err
		}
		_, err := c.alice.AwaitState(c.ctx(), index(appstate.IndexPin, c.bob.JID()))
		return err
	}},
	{name: "FetchAppState", stanza: "iq w:sync:app:state sync", serves: "sync.fetchAppState session.restart", own: "bridge/statesync", check: func(c *coverage) error {
		for i := range snapshotAfter + 1 {
			if err := c.alice.ChangeState(c.ctx(), appstate.BuildLabelEdit(strconv.Itoa(i%7), "Label "+strconv.Itoa(i), 1, false)); err != nil {
				return err
			}
		}
		if err := c.a.FetchAppState(c.ctx(), appstate.WAPatchRegular, true, false); err != nil {
			return err
		}
		version, _, err := c.a.Store.AppState.GetAppStateVersion(c.ctx(), string(appstate.WAPatchRegular))
		c.net.mu.Lock()
		defer c.net.mu.Unlock()
		snapshot := c.alice.account.profile.snapshots[appstate.WAPatchRegular]
		return verify(err, version == uint64(len(c.alice.account.profile.state[appstate.WAPatchRegular])) && snapshot != nil, version, snapshot)
	}},
}

var coveredFile = []byte("covered file")

// coveredImage is a picture of Alice's session on the media host.
func (c *coverage) coveredImage() (*waE2E.ImageMessage, error) {
	up, err := c.a.Upload(c.ctx(), coveredFile, "WhatsApp Image Keys")
	return imageOf(up), err
}
