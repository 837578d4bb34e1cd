package contacts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/wa"
)

// labelSource has labels of chats and records the addresses that are looked up.
type labelSource struct {
	labels map[string][]string
	asked  [][]string
	err    error
}

func (l *labelSource) ChatLabels(_ context.Context, owner string, chats ...string) (map[string][]string, error) {
	if owner != conntest.Owner {
		return nil, fmt.Errorf("labels of %q", owner)
	}
	l.asked = append(l.asked, chats)
	return l.labels, l.err
}

// TestContactsHaveTheirLabels checks the labels of a person, which are those of both addresses of the chat, in each operation that returns contacts.
func TestContactsHaveTheirLabels(t *testing.T) {
	t.Parallel()
	s := connect(t)
	lid := s.conn.AdaPhone.LID().String()
	source := &labelSource{labels: map[string][]string{conntest.Ada.String(): {"2", "1"}, lid: {"3", "1"}, conntest.Own.String(): {"9"}}}
	s.labels = source
	must(t, s.conn.Keys.LIDs.PutLIDMapping(s.ctx, s.conn.AdaPhone.LID(), conntest.Ada))
	must(t, s.conn.Keys.Contacts.PutContactName(s.ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	must(t, s.conn.Keys.Contacts.PutContactName(s.ctx, conntest.Bob, "Bob", "Bob"))
	want := []string{"1", "2", "3"}
	for name, call := range map[string]func() ([]Contact, error){
		"list": func() ([]Contact, error) { return s.List(s.ctx, true) },
		"get": func() ([]Contact, error) {
			details, err := s.Get(s.ctx, lid, nil)
			return []Contact{details.Contact}, err
		},
		"save": func() ([]Contact, error) {
			saved, err := s.Save(s.ctx, ContactSave{Contact: conntest.Ada.User, FullName: "Ada Lovelace"})
			return []Contact{*saved}, err
		},
		"blocked": func() ([]Contact, error) {
			if _, err := s.SetBlocked(s.ctx, []string{conntest.Ada.User}, true); err != nil {
				return nil, err
			}
			return s.ListBlocked(s.ctx)
		},
	} {
		contacts, err := call()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found := false
		for _, contact := range contacts {
			switch contact.Contact {
			case conntest.Ada.String():
				found = true
				if !slices.Equal(contact.LabelIDs, want) {
					t.Errorf("%s: labels %v, want %v", name, contact.LabelIDs, want)
				}
			default:
				if contact.LabelIDs == nil || len(contact.LabelIDs) != 0 {
					t.Errorf("%s: labels of %s: %#v, want an empty list", name, contact.Contact, contact.LabelIDs)
				}
			}
		}
		if !found {
			t.Errorf("%s: Ada is missing in %+v", name, contacts)
		}
	}
	for _, chats := range source.asked {
		if !slices.Contains(chats, conntest.Ada.String()) || !slices.Contains(chats, lid) {
			t.Errorf("labels of %v were looked up, Ada's addresses are not among them", chats)
		}
	}
	source.err = errors.New("the database is closed")
	if _, err := s.List(s.ctx, false); wa.ReasonOf(err) != wa.ReasonStorage {
		t.Errorf("labels that cannot be read: %v", err)
	}
}

// TestLabelsOfManyContactsAreReadAtOnce checks that the look-up by address is bounded.
func TestLabelsOfManyContactsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	source := &labelSource{labels: map[string][]string{"7@s.whatsapp.net": {"1"}}}
	s := &Service{owner: conntest.Owner, labels: source}
	for count, byAddress := range map[int]bool{maxLabelLookups: true, maxLabelLookups + 1: false} {
		contacts := make([]Contact, count)
		for i := range contacts {
			contacts[i].Contact = fmt.Sprintf("%d@s.whatsapp.net", i)
		}
		source.asked = nil
		contacts, err := s.withLabels(t.Context(), contacts)
		if err != nil || !slices.Equal(contacts[7].LabelIDs, []string{"1"}) || len(contacts[8].LabelIDs) != 0 {
			t.Errorf("%d contacts: %v, labels %v and %v", count, err, contacts[7].LabelIDs, contacts[8].LabelIDs)
		}
		if len(source.asked) != 1 || (len(source.asked[0]) == count) != byAddress || !byAddress && len(source.asked[0]) != 0 {
			t.Errorf("%d contacts: looked up %v", count, source.asked)
		}
	}
	source.asked = nil
	if _, err := s.withLabels(t.Context(), nil); err != nil || source.asked != nil {
		t.Errorf("without contacts: %v, looked up %v", err, source.asked)
	}
}

// TestStoreFailuresAreReported checks that each operation on stored data reports a database that fails, instead of an empty result.
func TestStoreFailuresAreReported(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	must(t, conn.DB.Close())
	ada := conntest.Ada.String()
	for name, call := range map[string]func() error{
		"list":           func() error { _, err := s.List(ctx, false); return err },
		"get":            func() error { _, err := s.Get(ctx, ada, nil); return err },
		"token":          func() error { _, err := s.GetPrivacyToken(ctx, ada); return err },
		"tokens":         func() error { _, err := s.ListPrivacyTokens(ctx); return err },
		"expired tokens": func() error { _, err := s.DeleteExpiredPrivacyTokens(ctx); return err },
		"pairs":          func() error { _, _, err := s.ListLIDMappings(ctx, 10, 0); return err },
		"further pairs":  func() error { _, _, err := s.ListLIDMappings(ctx, 10, 10); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonStorage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPagesOfPairs checks the pages of stored pairs, of which only the first imports those of contacts.
func TestPagesOfPairs(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	for i := range 3 {
		pn := types.NewJID(fmt.Sprint(15550000100+i), types.DefaultUserServer)
		must(t, conn.Keys.LIDs.PutLIDMapping(ctx, types.NewJID(fmt.Sprint(200+i), types.HiddenUserServer), pn))
		must(t, conn.Keys.Contacts.PutContactName(ctx, pn, "x", "x"))
	}
	if _, total, err := s.ListLIDMappings(ctx, 2, 2); err != nil || total != 0 {
		t.Errorf("a later page imported pairs: %d, %v", total, err)
	}
	var seen []string
	for offset := 0; offset < 4; offset += 2 {
		page, total, err := s.ListLIDMappings(ctx, 2, offset)
		if err != nil || total != 3 || len(page) > 2 {
			t.Fatalf("at %d: %d pairs of %d, %v", offset, len(page), total, err)
		}
		for _, pair := range page {
			if pair.CreatedAt.IsZero() || time.Since(pair.CreatedAt) > time.Hour || pair.MappingID == 0 {
				t.Errorf("%+v", pair)
			}
			seen = append(seen, pair.Contact+" "+pair.LID)
		}
	}
	slices.Sort(seen)
	if want := []string{"15550000100@s.whatsapp.net 200@lid", "15550000101@s.whatsapp.net 201@lid", "15550000102@s.whatsapp.net 202@lid"}; !slices.Equal(seen, want) {
		t.Errorf("pairs %v", seen)
	}
}

// TestStrangeAnswersAboutPeople checks answers without users, with users that have no address, and with a certificate that cannot be read.
func TestStrangeAnswersAboutPeople(t *testing.T) {
	t.Parallel()
	s := connect(t)
	answer := func(users ...waBinary.Node) (end func()) {
		return s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
			if list, ok := n.GetOptionalChildByTag("usync", "list"); ok {
				list.Content = users
				n.Content = []waBinary.Node{{Tag: "usync", Content: []waBinary.Node{list}}}
			}
			return n
		})
	}
	for name, users := range map[string][]waBinary.Node{
		"no users": nil, "no address": {{Tag: "user"}}, "another tag": {{Tag: "x", Attrs: waBinary.Attrs{"jid": conntest.Ada}}},
		"a person who was not asked for": {{Tag: "user", Attrs: waBinary.Attrs{"jid": conntest.Bob}}},
	} {
		end := answer(users...)
		if infos, err := s.GetUserInfo(s.ctx, []string{conntest.Ada.User}); err != nil || len(infos) != 0 {
			t.Errorf("%s: %+v, %v", name, infos, err)
		}
		if results, err := s.CheckRegistered(s.ctx, []string{conntest.Ada.User}); err != nil || len(results) != 1 || results[0].Registered {
			t.Errorf("%s: %+v, %v", name, results, err)
		}
		end()
	}
	end := answer(waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": conntest.Ada}, Content: []waBinary.Node{
		{Tag: "business", Content: []waBinary.Node{{Tag: "verified_name", Attrs: waBinary.Attrs{"v": "x"}, Content: []byte{0xff}}}}, {Tag: "status", Content: []waBinary.Node{{Tag: "x"}}}, {Tag: "devices"},
	}})
	defer end()
	infos, err := s.GetUserInfo(s.ctx, []string{conntest.Ada.User})
	if err == nil && (len(infos) != 1 || infos[0].IsBusiness || infos[0].About != nil || infos[0].Devices == nil) {
		t.Errorf("parts that cannot be read: %+v", infos)
	}
}
