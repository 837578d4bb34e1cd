package statusposts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// sender records posts with the contacts that whatsmeow would send them to.
type sender struct {
	session  *conntest.LiveConn
	to       string
	content  *message.Content
	options  *outbound.SendOptions
	contacts []string
	err      error
}

func (s *sender) Send(ctx context.Context, to string, c *message.Content, o *outbound.SendOptions) (*outbound.Sent, error) {
	s.to, s.content, s.options, s.contacts = to, c, o, nil
	all, err := LimitContacts(s.session.Keys.Contacts).GetAllContacts(ctx)
	if err != nil {
		return nil, err
	}
	for jid, info := range all {
		if !info.Found || info.FullName == "" {
			return nil, errors.New("whatsmeow leaves out a contact without a name")
		}
		s.contacts = append(s.contacts, jid.User)
	}
	slices.Sort(s.contacts)
	return &outbound.Sent{MessageID: "M1"}, s.err
}

// live posts for a connected session, whose contacts are Ada, Bob and people with other kinds of entries.
type live struct {
	*Service
	*sender
	ctx    context.Context
	client *whatsmeow.Client
}

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	s := &sender{session: conn}
	client, err := conn.Live()
	must(t, err)
	l := &live{NewService(conn, s), s, conn.Deadline(), client}
	stored := client.Store.Contacts
	for jid, name := range map[types.JID]string{
		conntest.Ada: "Ada", conn.AdaPhone.LID(): "Ada again", conntest.Bob: "Bob", conntest.Own: "Myself",
		types.NewJID("120363000000000001", types.GroupServer): "a group",
	} {
		must(t, stored.PutContactName(l.ctx, jid, name, name))
	}
	_, _, err = stored.PutPushName(l.ctx, types.NewJID("15550000077", types.DefaultUserServer), "not saved")
	must(t, err)
	must(t, client.Store.LIDs.PutLIDMapping(l.ctx, conn.AdaPhone.LID(), conntest.Ada))
	must(t, client.Store.LIDs.PutLIDMapping(l.ctx, conn.BobPhone.LID(), conntest.Bob))
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(audience ...string) *Post {
	return &Post{Content: &message.Content{Type: message.TypeText, Text: "hello"}, Audience: audience}
}

// TestPostReachesSavedContacts checks the audience by the status privacy: each person once, without the own account, groups and people who are not saved.
func TestPostReachesSavedContacts(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ada, bob := conntest.Ada, conntest.Bob
	for _, c := range []struct {
		name     string
		kind     types.StatusPrivacyType
		people   []types.JID
		audience []string // of the post
		want     []string
	}{
		{"contacts", types.StatusPrivacyTypeContacts, nil, nil, []string{ada.User, bob.User}},
		{"contacts, one of them", types.StatusPrivacyTypeContacts, nil, []string{bob.String()}, []string{bob.User}},
		{"contacts, one by several addresses", types.StatusPrivacyTypeContacts, nil, []string{ada.User, s.session.AdaPhone.LID().String(), ada.String()}, []string{ada.User}},
		{"all but one, whose LID is listed", types.StatusPrivacyTypeBlacklist, []types.JID{ada}, nil, []string{bob.User}},
		{"all but everyone", types.StatusPrivacyTypeBlacklist, []types.JID{ada, bob}, nil, nil},
		{"listed people", types.StatusPrivacyTypeWhitelist, []types.JID{bob}, nil, []string{bob.User}},
		{"listed people, all of them", types.StatusPrivacyTypeWhitelist, []types.JID{ada, bob}, []string{bob.String(), ada.String()}, []string{ada.User, bob.User}},
	} {
		must(t, s.session.OwnPhone.SetStatusPrivacy(c.kind, c.people))
		posted, err := s.Service.Send(s.ctx, text(c.audience...))
		if err != nil || posted.AudienceSize != len(c.want) || !slices.Equal(s.contacts, c.want) {
			t.Errorf("%s: %+v, %v; sent to %v, want %v", c.name, posted, err, s.contacts, c.want)
		}
	}
}

// TestAudienceThatIsRefused checks people who are not in the audience, and a smaller audience than the listed people.
func TestAudienceThatIsRefused(t *testing.T) {
	t.Parallel()
	s := connect(t)
	for _, c := range []struct {
		name     string
		kind     types.StatusPrivacyType
		people   []types.JID
		audience []string
		reason   wa.Reason
		field    string
	}{
		{"a person who is excluded", types.StatusPrivacyTypeBlacklist, []types.JID{conntest.Ada}, []string{conntest.Bob.String(), conntest.Ada.String()}, wa.ReasonBadParam, "audience/1"},
		{"a person who is not saved", types.StatusPrivacyTypeContacts, nil, []string{"15550000077"}, wa.ReasonBadParam, "audience/0"},
		{"no address", types.StatusPrivacyTypeContacts, nil, []string{"x"}, wa.ReasonBadParam, "audience/0"},
		{"a group", types.StatusPrivacyTypeContacts, nil, []string{"120363000000000001@g.us"}, wa.ReasonBadParam, "audience/0"},
		{"fewer than the listed people", types.StatusPrivacyTypeWhitelist, []types.JID{conntest.Ada, conntest.Bob}, []string{conntest.Ada.String()}, wa.ReasonNotSupported, "audience"},
	} {
		must(t, s.session.OwnPhone.SetStatusPrivacy(c.kind, c.people))
		var e *wa.Error
		if _, err := s.Service.Send(s.ctx, text(c.audience...)); !errors.As(err, &e) || e.Reason != c.reason || e.Field != c.field {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if s.content != nil {
		t.Error("a refused post was sent")
	}
	end := s.session.RefuseRequests(500)
	defer end()
	if _, err := s.Service.Send(s.ctx, text()); wa.ReasonOf(err) == "" || s.content != nil {
		t.Errorf("the status privacy cannot be read: %v", err)
	}
}

// TestUnlimitedContacts checks that other calls see all contacts.
func TestUnlimitedContacts(t *testing.T) {
	t.Parallel()
	conn := conntest.NewConn(t)
	must(t, conn.Keys.Contacts.PutContactName(t.Context(), conntest.Bob, "Bob", "Bob"))
	all, err := LimitContacts(conn.Keys.Contacts).GetAllContacts(t.Context())
	if err != nil || len(all) != 1 || all[conntest.Bob].FullName != "Bob" {
		t.Errorf("%v, %v", all, err)
	}
	none, err := LimitContacts(conn.Keys.Contacts).GetAllContacts(withAudience(t.Context(), []wa.Person{}))
	if err != nil || len(none) != 0 {
		t.Errorf("an empty audience: %v, %v", none, err)
	}
}

// TestContentOfPosts checks what a post may have, its defaults, and that the caller's content stays as it is.
func TestContentOfPosts(t *testing.T) {
	t.Parallel()
	s := connect(t)
	yes := true
	post := &Post{Content: &message.Content{Type: message.TypeText, Text: "hello"}, Mentions: []string{conntest.Bob.String()}, MessageID: "OWN", Echo: &yes}
	posted, err := s.Service.Send(s.ctx, post)
	if err != nil || posted.MessageID != "M1" || posted.Type != message.TypeText || s.to != types.StatusBroadcastJID.String() {
		t.Errorf("%+v to %s, %v", posted, s.to, err)
	}
	if s.content.BackgroundColor != defaultBackground || s.content.TextColor != defaultText || post.Content.BackgroundColor != "" {
		t.Errorf("colours %q and %q; those of the caller %q", s.content.BackgroundColor, s.content.TextColor, post.Content.BackgroundColor)
	}
	if o := s.options; o.MessageID != "OWN" || o.Echo != &yes || !slices.Equal(o.Mentions, post.Mentions) || o.ContentField != "content" {
		t.Errorf("options %+v", o)
	}
	_, err = s.Service.Send(s.ctx, &Post{Content: &message.Content{Type: message.TypeText, Text: "x", BackgroundColor: "#FF000000", TextColor: "#FF111111", Font: 10}})
	if err != nil || s.content.BackgroundColor != "#FF000000" || s.content.TextColor != "#FF111111" {
		t.Errorf("colours of the caller: %+v, %v", s.content, err)
	}
	if _, err = s.Service.Send(s.ctx, &Post{Content: &message.Content{Type: message.TypeImage}}); err != nil || s.content.BackgroundColor != "" {
		t.Errorf("an image: %+v, %v", s.content, err)
	}
	for field, content := range map[string]*message.Content{
		"content/type": {Type: "poll"}, "content/view_once": {Type: message.TypeImage, ViewOnce: true}, "content/font": {Type: message.TypeText, Text: "x", Font: 3},
	} {
		var e *wa.Error
		if _, err := s.Service.Send(s.ctx, &Post{Content: content}); !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || strings.ReplaceAll(e.Field, ".", "/") != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	s.err = wa.NewError(wa.ReasonTooLarge, "too large")
	if _, err := s.Service.Send(s.ctx, text()); !errors.Is(err, s.err) {
		t.Errorf("a post that is refused: %v", err)
	}
	if _, err := NewService(conntest.NewConn(t), s.sender).Send(t.Context(), text()); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("without a connection: %v", err)
	}
}
