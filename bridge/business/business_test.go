package business

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// live are the queries of a connected session, whose network has a shop.
type live struct {
	*Service
	conn *conntest.LiveConn
	shop *sandbox.Phone
	ctx  context.Context
}

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	shop, err := conn.Net.AddAccount(sandbox.AccountOptions{Number: "15550000004", PushName: "Shop", BusinessName: "The Shop"})
	must(t, err)
	return &live{NewService(conn), conn, shop, conn.Deadline()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refusal checks an error and the field that it names.
func refusal(t *testing.T, name string, err error, reason wa.Reason, field string) {
	t.Helper()
	var e *wa.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Field != field || e.Message == "" {
		t.Errorf("%s: %v, want %s of %q", name, err, reason, field)
	}
}

func text(value *string) string {
	if value == nil {
		return "null"
	}
	return *value
}

func TestProfileOfABusiness(t *testing.T) {
	t.Parallel()
	s := connect(t)
	number := s.shop.JID()
	empty, err := s.GetProfile(s.ctx, number.User)
	if err != nil || empty.Contact != number.String() || empty.Email != nil || empty.Address != nil || empty.Categories == nil || empty.BusinessHours == nil || empty.ProfileOptions == nil {
		t.Errorf("an empty profile: %+v, %v", empty, err)
	}
	must(t, s.shop.SetBusinessProfile(sandbox.BusinessProfile{
		Address: "1 Main Street", Email: "shop@example.com", Timezone: "Europe/Berlin", Categories: []sandbox.BusinessCategory{{ID: "1", Name: "Bakery"}},
		Hours:   []sandbox.BusinessHours{{Day: "mon", Mode: "specific_hours", Open: "540", Close: "1020"}, {Day: "sun", Mode: "open_24h"}},
		Options: map[string]string{"cart_enabled": "true"},
	}))
	for _, address := range []string{number.String(), s.shop.LID().String()} {
		p, err := s.GetProfile(s.ctx, address)
		if err != nil || text(p.Email) != "shop@example.com" || text(p.Address) != "1 Main Street" || text(p.BusinessHoursTimezone) != "Europe/Berlin" || p.ProfileOptions["cart_enabled"] != "true" {
			t.Fatalf("%s: %+v, %v", address, p, err)
		}
		if len(p.Categories) != 1 || p.Categories[0].ID != "1" || p.Categories[0].Name != "Bakery" {
			t.Errorf("%s: categories %+v", address, p.Categories)
		}
		if h := p.BusinessHours; len(h) != 2 || h[0].DayOfWeek != "mon" || text(h[0].OpenTime) != "540" || text(h[0].CloseTime) != "1020" || h[1].Mode != "open_24h" || h[1].OpenTime != nil {
			t.Errorf("%s: hours %+v", address, h)
		}
	}
	_, err = s.GetProfile(s.ctx, conntest.Ada.String())
	refusal(t, "a person without a profile", err, wa.ReasonNotFound, "contact")
	_, err = s.GetProfile(s.ctx, "120363000000000001@g.us")
	refusal(t, "a group", err, wa.ReasonBadParam, "contact")
	end := s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node { n.Content = nil; return n })
	defer end()
	if _, err = s.GetProfile(s.ctx, number.String()); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestMessageLinks(t *testing.T) {
	t.Parallel()
	s := connect(t)
	code, err := s.shop.MessageLink("I want to order")
	must(t, err)
	for _, link := range []string{
		code, "  " + code + " ", "https://wa.me/message/" + code, "http://www.wa.me/message/" + code + "?src=qr", "wa.me/message/" + code, "HTTPS://API.WhatsApp.com/message/" + code,
	} {
		got, err := s.ResolveMessageLink(s.ctx, link, false)
		if err != nil || got.Contact != s.shop.JID().String() || got.Message != "I want to order" || text(got.PushName) != "Shop" || text(got.VerifiedName) != "The Shop" ||
			got.IsSigned || text(got.VerifiedLevel) != "unknown" || got.Profile != nil {
			t.Errorf("%q: %+v, %v", link, got, err)
		}
	}
	for _, link := range []string{"", "https://wa.me/message/", "https://wa.me/qr/" + code, "https://example.com/message/" + code, "a b", strings.Repeat("x", 65), code + "/x"} {
		_, err := s.ResolveMessageLink(s.ctx, link, false)
		refusal(t, link, err, wa.ReasonBadParam, "link")
	}
	_, err = s.ResolveMessageLink(s.ctx, "UNKNOWN", true)
	refusal(t, "an unknown code", err, wa.ReasonNotFound, "link")
	must(t, s.shop.SetBusinessProfile(sandbox.BusinessProfile{Email: "shop@example.com"}))
	got, err := s.ResolveMessageLink(s.ctx, code, true)
	if err != nil || got.Profile == nil || *got.Profile == nil || text((*got.Profile).Email) != "shop@example.com" {
		t.Errorf("with the profile: %+v, %v", got, err)
	}
	replaced, err := s.shop.MessageLink("other")
	must(t, err)
	if got, err = s.ResolveMessageLink(s.ctx, replaced, false); err != nil || got.Message != "other" {
		t.Errorf("the link that replaced it: %+v, %v", got, err)
	}
}

// TestStrangeAnswersToLinks checks a link whose answer has no address, no profile, or an error behind it.
func TestStrangeAnswersToLinks(t *testing.T) {
	t.Parallel()
	s := connect(t)
	code, err := s.shop.MessageLink("hello")
	must(t, err)
	change := func(change func(qr *waBinary.Node)) (end func()) {
		return s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
			children := slices.Clone(n.GetChildren())
			for i := range children {
				if children[i].Tag == "qr" || children[i].Tag == "business_profile" {
					change(&children[i])
				}
			}
			n.Content = children
			return n
		})
	}
	end := change(func(qr *waBinary.Node) { qr.Attrs = waBinary.Attrs{} })
	if _, err = s.ResolveMessageLink(s.ctx, code, false); wa.ReasonOf(err) == "" {
		t.Errorf("without an address: %v", err)
	}
	end()
	end = change(func(qr *waBinary.Node) {
		if qr.Tag == "qr" {
			qr.Content = []waBinary.Node{{Tag: "message", Content: []waBinary.Node{{Tag: "x"}}}, {Tag: "business", Content: []byte("x")}}
		}
	})
	if got, err := s.ResolveMessageLink(s.ctx, code, false); err != nil || got.Message != "" || got.VerifiedName != nil || got.VerifiedLevel != nil {
		t.Errorf("parts of another kind: %+v, %v", got, err)
	}
	end()
	end = change(func(n *waBinary.Node) {
		if n.Tag == "business_profile" {
			n.Content = nil
		}
	})
	if got, err := s.ResolveMessageLink(s.ctx, code, true); err != nil || got.Profile == nil || *got.Profile != nil {
		t.Errorf("a business without a profile: %+v, %v", got, err)
	}
	end()
}

// botAnswers replaces the list of bots, and the profiles in answers to usync queries if profile is not nil.
func (s *live) botAnswers(bots []waBinary.Node, profile *waBinary.Node) (end func()) {
	return s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
		if _, ok := n.GetOptionalChildByTag("bot"); ok {
			n.Content = []waBinary.Node{{Tag: "bot", Content: []waBinary.Node{
				{Tag: "section", Attrs: waBinary.Attrs{"type": "featured"}, Content: []waBinary.Node{{Tag: "bot", Attrs: waBinary.Attrs{"jid": conntest.Bob}}}},
				{Tag: "section", Attrs: waBinary.Attrs{"type": "all"}, Content: bots},
			}}}
		}
		if list, ok := n.GetOptionalChildByTag("usync", "list"); ok && profile != nil {
			list.Content = []waBinary.Node{*profile}
			n.Content = []waBinary.Node{{Tag: "usync", Content: []waBinary.Node{list}}}
		}
		return n
	})
}

func bot(jid types.JID) waBinary.Node {
	return waBinary.Node{Tag: "bot", Attrs: waBinary.Attrs{"jid": jid, "persona_id": "P-" + jid.User}}
}

func TestBotsAndTheirProfiles(t *testing.T) {
	t.Parallel()
	s := connect(t)
	bots, err := s.ListBots(s.ctx)
	if err != nil || len(bots) != 1 || text(bots[0].Name) != "Sandbox Assistant" || text(bots[0].Description) == "null" || bots[0].PersonaID == "" || bots[0].Verified != nil {
		t.Fatalf("%+v, %v", bots, err)
	}
	profiles, err := s.ListBotProfiles(s.ctx, []string{conntest.Ada.String(), bots[0].Contact, bots[0].Contact, "1@bot"})
	if err != nil || len(profiles) != 1 {
		t.Fatalf("%+v, %v", profiles, err)
	}
	p := profiles[0]
	if p.Contact != bots[0].Contact || text(p.Category) != "assistant" || text(p.Attributes) != "synthetic" || !p.IsDefault || p.PictureURL != nil || text(p.CommandsDescription) != "What it can do" {
		t.Errorf("%+v", p)
	}
	if len(p.Commands) != 1 || p.Commands[0] != (BotCommand{"help", "Lists commands"}) || len(p.Prompts) != 1 || !strings.HasSuffix(p.Prompts[0], " Say hello") {
		t.Errorf("commands %+v, prompts %q", p.Commands, p.Prompts)
	}
	if none, err := s.ListBotProfiles(s.ctx, []string{conntest.Ada.String()}); err != nil || none == nil || len(none) != 0 {
		t.Errorf("a person: %+v, %v", none, err)
	}
	_, err = s.ListBotProfiles(s.ctx, nil)
	refusal(t, "no bots", err, wa.ReasonBadParam, "contacts")
	_, err = s.ListBotProfiles(s.ctx, slices.Repeat([]string{"1@bot"}, maxBots+1))
	refusal(t, "too many bots", err, wa.ReasonBadParam, "contacts")
	_, err = s.ListBotProfiles(s.ctx, []string{"1@bot", "120363000000000001@g.us"})
	refusal(t, "a group", err, wa.ReasonBadParam, "contacts/1")
	_, err = s.ListBotProfiles(s.ctx, []string{"a@b@c"})
	refusal(t, "no address", err, wa.ReasonBadParam, "contacts/0")
}

// TestStrangeAnswersAboutBots checks lists that are too long or empty, and profiles that miss parts.
func TestStrangeAnswersAboutBots(t *testing.T) {
	t.Parallel()
	s := connect(t)
	var many []waBinary.Node
	for i := range maxBots + 5 {
		many = append(many, bot(types.NewJID(fmt.Sprint(13135550100+i), types.DefaultUserServer)))
	}
	first, _ := many[0].Attrs["jid"].(types.JID)
	end := s.botAnswers(many, &waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": first}, Content: []waBinary.Node{{Tag: "bot", Content: []waBinary.Node{{Tag: "profile"}}}}})
	bots, err := s.ListBots(s.ctx)
	if err != nil || len(bots) != maxBots || bots[0].Contact != first.String() || bots[0].Name != nil || bots[1].PersonaID != "P-13135550101" {
		t.Errorf("%d bots, the first %+v, %v", len(bots), bots[0], err)
	}
	end()
	for name, user := range map[string]waBinary.Node{
		"no address": {Tag: "user", Content: []waBinary.Node{{Tag: "bot", Content: []waBinary.Node{{Tag: "profile"}}}}}, "no profile": {Tag: "user", Attrs: waBinary.Attrs{"jid": first}},
	} {
		end = s.botAnswers(many[:1], &user)
		if profiles, err := s.ListBotProfiles(s.ctx, []string{first.String()}); err != nil || len(profiles) != 0 {
			t.Errorf("%s: %+v, %v", name, profiles, err)
		}
		end()
	}
	end = s.botAnswers(nil, nil)
	if bots, err = s.ListBots(s.ctx); err != nil || bots == nil || len(bots) != 0 {
		t.Errorf("no bots: %+v, %v", bots, err)
	}
	end()
	end = s.conn.RefuseRequests(403)
	defer end()
	if _, err = s.ListBots(s.ctx); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("refused: %v", err)
	}
	if _, err = s.ListBotProfiles(s.ctx, []string{first.String()}); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("refused profiles: %v", err)
	}
}

func TestQueriesNeedAConnection(t *testing.T) {
	t.Parallel()
	s := NewService(conntest.NewConn(t))
	for name, call := range map[string]func() error{
		"profile":  func() error { _, err := s.GetProfile(t.Context(), conntest.Ada.String()); return err },
		"link":     func() error { _, err := s.ResolveMessageLink(t.Context(), "CODE", true); return err },
		"bots":     func() error { _, err := s.ListBots(t.Context()); return err },
		"profiles": func() error { _, err := s.ListBotProfiles(t.Context(), []string{"1@bot"}); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
}
