package newsletters

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/wa"
)

var news = types.NewJID("120363400000000001", types.NewsletterServer)

// offline is a session without a connection.
type offline struct{ *conntest.Conn }

// SendContent implements Conn.
func (offline) SendContent(context.Context, types.JID, string, *waE2E.Message) (id string, at time.Time, err error) {
	return "", at, wa.NewError(wa.ReasonNotConnected, "the session is not connected")
}

// Bad params are errors before the connection is used, with the name of the field; good ones need the connection.
func TestParams(t *testing.T) {
	s, ctx := NewService(offline{conntest.NewConn(t)}), t.Context()
	jid, bob := news.String(), conntest.Bob.String()
	get := func(ref Ref) error { _, err := s.Get(ctx, ref); return err }
	posts := func(q PostQuery) error { _, err := s.ListPosts(ctx, jid, q); return err }
	invite := func(i AdminInvite) error { _, err := s.SendAdminInvite(ctx, &i); return err }
	create := func(name, description string) error { _, err := s.Create(ctx, name, description, nil); return err }
	const online = "" // the params are good
	for name, c := range map[string]struct {
		err   error
		field string
	}{
		"no ref":           {get(Ref{}), "newsletter"},
		"two refs":         {get(Ref{Newsletter: jid, Invite: "A"}), "invite"},
		"group":            {get(Ref{Newsletter: "120363000000000001@g.us"}), "newsletter"},
		"address":          {get(Ref{Newsletter: jid}), online},
		"code":             {get(Ref{Invite: "0029Va4K0PZ5a245NkngBA2M"}), online},
		"link":             {get(Ref{Invite: "https://www.whatsapp.com/channel/A-b_9/100"}), online},
		"other host":       {get(Ref{Invite: "https://example.com/channel/A"}), "invite"},
		"other path":       {get(Ref{Invite: "https://whatsapp.com/catalog/A"}), "invite"},
		"no URL":           {get(Ref{Invite: "https://%zz/channel/A"}), "invite"},
		"odd code":         {get(Ref{Invite: "A B"}), "invite"},
		"long code":        {get(Ref{Invite: strings.Repeat("A", 65)}), "invite"},
		"no limit":         {posts(PostQuery{}), "limit"},
		"negative":         {posts(PostQuery{Limit: 1, Before: -1}), "before_server_id"},
		"page":             {posts(PostQuery{Limit: 100}), online},
		"reaction to none": {s.React(ctx, jid, 0, "x", ""), "server_id"},
		"long reaction":    {s.React(ctx, jid, 1, strings.Repeat("x", 65), ""), "emoji"},
		"reaction":         {s.React(ctx, jid, 1, "", ""), online},
		"no views":         {s.MarkViewed(ctx, jid, nil), "server_ids"},
		"many views":       {s.MarkViewed(ctx, jid, make([]int, 101)), "server_ids"},
		"view of none":     {s.MarkViewed(ctx, jid, []int{1, 0}), "server_ids/1"},
		"no name":          {create(" ", ""), "name"},
		"long description": {create("x", strings.Repeat("x", 2049)), "description"},
		"create":           {create("x", ""), online},
		"notice":           {s.AcceptTerms(ctx, "x", "5"), "notice_id"},
		"stage":            {s.AcceptTerms(ctx, TermsNotice, ""), "stage"},
		"terms":            {s.AcceptTerms(ctx, TermsNotice, TermsStage), online},
		"invited group":    {invite(AdminInvite{Newsletter: jid, Contact: "120363000000000001@g.us"}), "contact"},
		"long caption":     {invite(AdminInvite{Newsletter: jid, Contact: bob, Caption: strings.Repeat("x", 65537)}), "caption"},
		"invite":           {invite(AdminInvite{Newsletter: jid, Contact: bob}), online},
	} {
		want, reason := c.field, wa.ReasonBadParam
		if want == online {
			reason = wa.ReasonNotConnected
		}
		var got *wa.Error
		if !errors.As(c.err, &got) || got.Reason != reason || got.Field != want {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

func TestNamesAreCut(t *testing.T) {
	for name, want := range map[string]string{
		" News ": "News", strings.Repeat("ü", 26): strings.Repeat("ü", 25), "A name of twenty-four ch. and more": "A name of twenty-four ch.", strings.Repeat("x", 24) + " y": strings.Repeat("x", 24),
	} {
		if got := CutName(name); got != want {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

// Absent and impossible values of WhatsApp's answers become null or the epoch, and null entries are left out.
func TestPostsOfStrangeAnswers(t *testing.T) {
	list := newPosts([]*types.NewsletterMessage{
		nil,
		{MessageServerID: 1, MessageID: "A", Type: "media", Timestamp: time.Unix(1<<60, 0)},
		{MessageServerID: 2, Message: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look")}}, ReactionCounts: map[string]int{"x": 2}},
		{MessageServerID: 3, Message: &waE2E.Message{}},
	}, news)
	if len(list) != 3 || list[0].Type != "media" || list[0].Timestamp.Unix() != 0 || list[0].ReactionCounts == nil || list[0].Text != nil {
		t.Fatalf("posts %+v", list)
	}
	if p := list[1]; p.Type != "image" || *p.Text != "look" || p.Media == nil || p.ReactionCounts["x"] != 2 {
		t.Errorf("post %+v", p)
	}
	if n := newNewsletter(&types.NewsletterMetadata{ID: news}); n.Role != nil || n.Muted != nil || n.PictureURL != nil || n.CreatedAt != nil || n.Newsletter != news.String() {
		t.Errorf("newsletter %+v", n)
	}
	path := types.ProfilePictureInfo{DirectPath: "/v/a"}
	if url := pictureURL(&path); *url != "https://mmg.whatsapp.net/v/a" {
		t.Errorf("picture %s", *url)
	}
}

func TestErrorsInAcknowledgements(t *testing.T) {
	ack := func(code string) *waBinary.Node {
		return &waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"error": code}}
	}
	for name, c := range map[string]struct {
		node    *waBinary.Node
		reason  wa.Reason
		unknown bool
	}{
		"accepted": {&waBinary.Node{Tag: "ack"}, "", false},
		"refused":  {ack("403"), wa.ReasonForbidden, false},
		"closed":   {nil, wa.ReasonNotConnected, true},
		"ended":    {&waBinary.Node{Tag: "xmlstreamend"}, wa.ReasonNotConnected, true},
		"replaced": {&waBinary.Node{Tag: "stream:error"}, wa.ReasonNotConnected, true},
	} {
		var got *wa.Error
		err := wa.Wrap("react", errorIn("react", c.node))
		if errors.As(err, &got); wa.ReasonOf(err) != c.reason || got != nil && got.OutcomeUnknown != c.unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	refusal := types.GraphQLErrors{{Message: "forbidden", Extensions: types.GraphQLErrorExtensions{ErrorCode: 403}}}
	if err := explainTerms(wa.Wrap("create the newsletter", refusal)); wa.ReasonOf(err) != wa.ReasonForbidden || !strings.Contains(err.Error(), "newsletter.acceptTerms") {
		t.Errorf("refused creation: %v", err)
	}
	if err := wrap("read", "invite", &whatsmeow.IQError{Code: 404}); wa.ReasonOf(err) != wa.ReasonNotFound || !strings.Contains(err.Error(), "invite: ") {
		t.Errorf("not found: %v", err)
	}
}
