package sandbox

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// settle makes sure that everything the network delivers to a client up to now has arrived.
func (w *world) settle(from *Phone, c *client, mark string) {
	w.t.Helper()
	w.says(from, c.Store.GetJID().ToNonAD(), Text(mark))
	await(c, says(mark))
}

func TestPresenceAndTypingNeedAvailability(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.settle(bob, a, "hello")
	count := func() (presences, typings int) {
		return countOf[*events.Presence](a.events.list()), countOf[*events.ChatPresence](a.events.list())
	}
	if err := a.SubscribePresence(w.ctx(), bob.JID()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{bob.SetAvailable(true), bob.Typing(alice.JID(), true), bob.Recording(alice.JID(), true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.settle(bob, a, "before")
	if presences, typings := count(); presences != 0 || typings != 0 {
		t.Errorf("%d presences and %d typings before the client said that it is available", presences, typings)
	}
	if err := a.SendPresence(w.ctx(), types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.Presence) bool { return !e.Unavailable }) // what it subscribed to
	if err := bob.Typing(alice.JID(), true); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.ChatPresence) bool { return e.State == types.ChatPresenceComposing })
	if err := a.SendPresence(w.ctx(), types.PresenceUnavailable); err != nil {
		t.Fatal(err)
	}
	w.until("the client is away", func() bool { return !alice.account.devices[1].present })
	_, typings := count()
	if err := bob.Typing(alice.JID(), false); err != nil {
		t.Fatal(err)
	}
	w.settle(bob, a, "after")
	if _, now := count(); now != typings {
		t.Error("typing after the client said that it is away")
	}
}

func TestReadReceiptsFollowThePrivacyOfBothSides(t *testing.T) {
	for name, test := range map[string]struct {
		alice, bob string // settings
		direct     bool   // whether Bob sees that Alice read his message
	}{
		"both on":    {"all", "all", true},
		"reader off": {"none", "all", false},
		"sender off": {"all", "none", false},
		"both off":   {"none", "none", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
			a, b := w.pair(alice), w.pair(bob)
			group, err := alice.CreateGroup(GroupOptions{Subject: "Both", Members: []types.JID{bob.JID()}})
			if err != nil {
				t.Fatal(err)
			}
			for c, setting := range map[*client]string{a: test.alice, b: test.bob} {
				if _, err := c.SetPrivacySetting(w.ctx(), types.PrivacySettingTypeReadReceipts, types.PrivacySetting(setting)); err != nil {
					t.Fatal(err)
				}
			}
			direct, inGroup := b.send(alice.JID(), text1("direct")), b.send(group, text1("group"))
			read := func(id string) bool {
				for _, evt := range b.events.list() {
					if e, ok := evt.(*events.Receipt); ok && e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == id && !e.IsFromMe {
						return true
					}
				}
				return false
			}
			// By the phone, which always reports what it read.
			if err := alice.Read(w.hears(alice, "direct")); err != nil {
				t.Fatal(err)
			}
			if err := alice.Read(w.hears(alice, "group")); err != nil {
				t.Fatal(err)
			}
			await(b, func(e *events.Receipt) bool { return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == inGroup })
			w.settle(alice, b, "mark")
			if read(direct) != test.direct {
				t.Errorf("blue ticks %v", read(direct))
			}
			// Alice's own companion learns it in any case.
			await(a, func(e *events.Receipt) bool { return e.MessageIDs[0] == direct && e.IsFromMe })
		})
	}
}

func TestUsyncAnswersEachNumberByItself(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.pair(w.account("15550001", "Alice"))
	w.account("15550002", "Bob")
	asked := []string{"+15550002", "abc", "+15550009", "", "+1 555 0002", "12", "999999999999999999999", "+1555x0002", "💥"}
	answers, err := a.IsOnWhatsApp(w.ctx(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(asked) {
		t.Fatalf("%d answers for %d numbers: %+v", len(answers), len(asked), answers)
	}
	for i, answer := range answers {
		if want := asked[i] == "+15550002" || asked[i] == "+1 555 0002"; answer.IsIn != want {
			t.Errorf("%q: %+v", asked[i], answer)
		}
	}
}

func TestAboutKeepsEmojiAndDuration(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, b := w.pair(alice), w.pair(bob)
	for name, test := range map[string]struct {
		in   types.SetStatusInput
		want About
	}{
		"text":  {types.SetStatusInput{Text: proto.String("busy")}, About{Text: "busy"}},
		"emoji": {types.SetStatusInput{Emoji: &types.SetStatusEmoji{Content: "🌴"}}, About{Emoji: "🌴"}},
		"both for a day": {
			types.SetStatusInput{Text: proto.String("away"), Emoji: &types.SetStatusEmoji{Content: "👩‍👩‍👧‍👦"}, Duration: jsontime.S(24 * time.Hour)},
			About{Text: "away", Emoji: "👩‍👩‍👧‍👦", Duration: 24 * time.Hour},
		},
		"empty": {types.SetStatusInput{Text: proto.String("")}, About{}},
	} {
		if err := a.SetStatusMessage(w.ctx(), test.in); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := alice.FullAbout(); got != test.want {
			t.Errorf("%s: kept %+v", name, got)
		}
		if info, err := b.GetUserInfo(w.ctx(), []types.JID{alice.JID()}); err != nil || info[alice.JID()].Status != test.want.Text && info[alice.LID()].Status != test.want.Text {
			t.Errorf("%s: shown %+v, %v", name, info, err)
		}
	}
	for name, in := range map[string]types.SetStatusInput{
		"nothing":      {},
		"long text":    {Text: proto.String(strings.Repeat("x", 140))},
		"long emoji":   {Emoji: &types.SetStatusEmoji{Content: strings.Repeat("x", 65)}},
		"negative age": {Text: proto.String("x"), Duration: jsontime.S(-time.Second)},
	} {
		if err := a.SetStatusMessage(w.ctx(), in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestBusinessMessagesCarryTheVerifiedName(t *testing.T) {
	w := newWorld(t, Options{})
	alice, carol := w.account("15550001", "Alice"), w.account("15550003", "Carol")
	shop, err := w.net.AddAccount(AccountOptions{Number: "15550002", PushName: "Shop", BusinessName: "Engines Ltd"})
	if err != nil {
		t.Fatal(err)
	}
	a := w.pair(alice)
	w.says(shop, alice.JID(), Text("offer"))
	if got := await(a, says("offer")); got.Info.VerifiedName.Details.GetVerifiedName() != "Engines Ltd" {
		t.Errorf("verified name %+v", got.Info.VerifiedName)
	}
	if evt := await[*events.BusinessName](a, nil); evt.NewBusinessName != "Engines Ltd" {
		t.Errorf("event %+v", evt)
	}
	w.says(carol, alice.JID(), Text("private"))
	if got := await(a, says("private")); got.Info.VerifiedName != nil {
		t.Error("a person has a verified name")
	}
}

func TestRestrictedAccountsReachNoNewPeople(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol, dave := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol"), w.account("15550004", "Dave")
	a := w.pair(alice)
	a.send(bob.JID(), text1("first"))
	w.says(carol, alice.JID(), Text("she began"))
	await(a, says("she began"))
	if err := alice.Restrict(3*time.Second, "BIZ_QUALITY"); err != nil {
		t.Fatal(err)
	}
	evt := await(a, func(e *events.NotifyAccountReachoutTimelock) bool { return e.IsActive })
	if evt.EnforcementType != "BIZ_QUALITY" || evt.TimeEnforcementEnds.Before(time.Now()) {
		t.Errorf("event %+v", evt)
	}
	raw, err := a.DangerousInternals().SendMexIQ(w.ctx(), mexReachoutTimelock, map[string]any{})
	if err != nil || !strings.Contains(string(raw), `"is_active":true`) || !strings.Contains(string(raw), "BIZ_QUALITY") {
		t.Errorf("state %s: %v", raw, err)
	}
	if raw, err = a.DangerousInternals().SendMexIQ(w.ctx(), mexNewChatCapping, map[string]any{"input": map[string]any{"type": "INDIVIDUAL_NEW_CHAT_MSG"}}); err != nil || !strings.Contains(string(raw), "CAPPED") {
		t.Errorf("capping %s: %v", raw, err)
	}
	if _, err = a.SendMessage(w.ctx(), dave.JID(), text1("new")); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("new contact: %v", err)
	}
	a.send(bob.JID(), text1("known"))
	a.send(carol.JID(), text1("known too"))
	await(a, func(e *events.NotifyAccountReachoutTimelock) bool { return !e.IsActive })
	a.send(dave.JID(), text1("free"))
	w.hears(dave, "free")

	if err = alice.RestrictUnknownSenders(2, time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = a.SendMessage(w.ctx(), types.NewJID("15559999999", types.DefaultUserServer), text1("anybody")); err == nil {
			t.Error("sent to an unregistered number")
		}
	}
	await(a, func(e *events.NotifyAccountReachoutTimelock) bool {
		return e.IsActive && e.TimeEnforcementEnds.After(time.Now().Add(50*time.Minute))
	})
	alice.LiftRestriction()
	w.until("the end", func() bool { return countOf[*events.NotifyAccountReachoutTimelock](a.events.list()) >= 4 })
}

// The salt reaches a companion by history and by the synchronised settings, and a token derived from it replaces that of the recipient.
func TestFirstContactByTheOwnSalt(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	a := w.pair(alice)
	w.until("the salt", func() bool {
		salt, err := a.Store.NCTSalt.GetNCTSalt(w.ctx())
		return err == nil && string(salt) == string(alice.account.nctSalt)
	})
	w.inject(Fault{Kind: FaultFirstContact})
	a.send(bob.JID(), text1("by salt"))
	w.hears(bob, "by salt")
	if err := a.Store.NCTSalt.PutNCTSalt(w.ctx(), []byte("a salt that is not the account's")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SendMessage(w.ctx(), carol.JID(), text1("wrong salt")); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("wrong salt: %v", err)
	}
}

func TestContactTokensExpire(t *testing.T) {
	now := time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: false, 20 * 24 * time.Hour: false, 29 * 24 * time.Hour: true, 60 * 24 * time.Hour: true} {
		token := contactToken{at: now.Add(-age)}
		if token.expired(now) != want {
			t.Errorf("after %s: expired %v", age, !want)
		}
	}
}
