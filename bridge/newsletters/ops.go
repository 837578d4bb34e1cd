package newsletters

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxName is the length of a name in characters; longer names are cut.
	maxName = 25
	// maxDescription is the longest description in characters.
	maxDescription = 2048
	// maxInvite bounds an invite code; real ones have 24 characters.
	maxInvite = 64
	// maxNotice bounds the id and the stage of a notice.
	maxNotice = 64
	// TermsNotice is the notice that WhatsApp shows before an account creates its first newsletter.
	TermsNotice = "20601218"
	// TermsStage is the stage of TermsNotice that accepts the terms.
	TermsStage = "5"
)

// Ref identifies a newsletter by its address or by an invite; exactly one of them is set.
type Ref struct {
	Newsletter string // JID
	Invite     string // code or whole link
}

// parse returns the address, or the code of the invite if the address is empty.
func (r Ref) parse() (jid types.JID, code string, err error) {
	switch {
	case r.Newsletter == "" && r.Invite == "":
		return jid, "", wa.BadParam("newsletter", "is required unless invite is given")
	case r.Newsletter != "" && r.Invite != "":
		return jid, "", wa.BadParam("invite", "does not go with newsletter")
	case r.Invite != "":
		code, err = parseInvite(r.Invite)
		return jid, code, err
	}
	jid, err = parseNewsletter(r.Newsletter)
	return jid, "", err
}

// parseInvite extracts the code from an invite code or link.
func parseInvite(invite string) (string, error) {
	code := strings.TrimSpace(invite)
	if strings.Contains(code, "/") {
		link, err := url.Parse(code)
		path, found := "", false
		if err == nil {
			path, found = strings.CutPrefix(link.Path, "/channel/")
		}
		if host := strings.TrimPrefix(strings.ToLower(hostOf(link)), "www."); !found || host != "whatsapp.com" {
			return "", wa.BadParam("invite", "is not a link to whatsapp.com/channel")
		}
		code, _, _ = strings.Cut(path, "/") // a post may follow
	}
	valid := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_'
	}
	if code == "" || len(code) > maxInvite || strings.ContainsFunc(code, func(r rune) bool { return !valid(r) }) {
		return "", wa.BadParam("invite", "is not an invite code or link")
	}
	return code, nil
}

func hostOf(link *url.URL) string {
	if link == nil {
		return ""
	}
	return link.Host
}

// find returns the metadata of a newsletter. Those of an invite lack the account's role.
func (r Ref) find(ctx context.Context, client *whatsmeow.Client) (*types.NewsletterMetadata, error) {
	jid, code, err := r.parse()
	if err != nil {
		return nil, err
	}
	var found *types.NewsletterMetadata
	field := "newsletter"
	if code != "" {
		field = "invite"
		found, err = client.GetNewsletterInfoWithInvite(ctx, code)
	} else {
		found, err = client.GetNewsletterInfo(ctx, jid)
	}
	if err != nil {
		return nil, wrap("read the newsletter", field, err)
	}
	if found == nil || found.ID.Server != types.NewsletterServer {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: field, Message: "the newsletter does not exist"}
	}
	return found, nil
}

// resolve returns the client of the open connection and the address of a newsletter.
func (s *Service) resolve(ctx context.Context, ref Ref) (*whatsmeow.Client, types.JID, error) {
	jid, code, err := ref.parse()
	if err != nil {
		return nil, jid, err
	}
	client, err := s.conn.Live()
	if err != nil || code == "" {
		return client, jid, err
	}
	found, err := ref.find(ctx, client)
	if err != nil {
		return nil, jid, err
	}
	return client, found.ID, nil
}

// List returns the newsletters that the account follows or administers.
func (s *Service) List(ctx context.Context) ([]Newsletter, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	found, err := client.GetSubscribedNewsletters(ctx)
	if err != nil {
		return nil, wa.Wrap("list the newsletters", err)
	}
	list := make([]Newsletter, 0, len(found))
	for _, m := range found {
		if m != nil {
			list = append(list, *newNewsletter(m))
		}
	}
	return list, nil
}

// Get returns one newsletter.
func (s *Service) Get(ctx context.Context, ref Ref) (*Newsletter, error) {
	if _, _, err := ref.parse(); err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	found, err := ref.find(ctx, client)
	if err != nil {
		return nil, err
	}
	return newNewsletter(found), nil
}

// CutName returns the part of a name that a newsletter can have: 25 characters, without white space at its ends.
func CutName(name string) string {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) <= maxName {
		return name
	}
	return strings.TrimSpace(string([]rune(name)[:maxName]))
}

// Create creates a newsletter that the account owns. Its name is CutName of name; picture is a JPEG, nil = none. WhatsApp refuses accounts that
// have not accepted its terms.
func (s *Service) Create(ctx context.Context, name, description string, picture []byte) (*Newsletter, error) {
	if name = CutName(name); name == "" {
		return nil, wa.BadParam("name", "must not be empty")
	}
	if err := wa.CheckText("description", description, 0, maxDescription); err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	made, err := client.CreateNewsletter(ctx, whatsmeow.CreateNewsletterParams{Name: name, Description: description, Picture: picture})
	if err == nil && made == nil {
		err = incomplete("newsletter")
	}
	if err != nil {
		return nil, explainTerms(wa.Wrap("create the newsletter", err))
	}
	return newNewsletter(made), nil
}

// Follow makes the account a follower of a newsletter and returns its address.
func (s *Service) Follow(ctx context.Context, ref Ref) (string, error) {
	client, jid, err := s.resolve(ctx, ref)
	if err != nil {
		return "", err
	}
	return jid.String(), wrap("follow the newsletter", "newsletter", client.FollowNewsletter(ctx, jid))
}

// Unfollow ends following a newsletter and returns its address.
func (s *Service) Unfollow(ctx context.Context, ref Ref) (string, error) {
	client, jid, err := s.resolve(ctx, ref)
	if err != nil {
		return "", err
	}
	return jid.String(), wrap("unfollow the newsletter", "newsletter", client.UnfollowNewsletter(ctx, jid))
}

// SetMuted mutes or unmutes a newsletter.
func (s *Service) SetMuted(ctx context.Context, newsletter string, muted bool) error {
	return s.onNewsletter(newsletter, "mute the newsletter", func(client *whatsmeow.Client, jid types.JID) error {
		return client.NewsletterToggleMute(ctx, jid, muted)
	})
}

// AcceptTerms accepts a notice of WhatsApp at a stage; TermsNotice and TermsStage are those of newsletters.
func (s *Service) AcceptTerms(ctx context.Context, notice, stage string) error {
	for field, value := range map[string]string{"notice_id": notice, "stage": stage} {
		if value == "" || len(value) > maxNotice || strings.ContainsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) {
			return wa.BadParam(field, "must have 1 to %d digits", maxNotice)
		}
	}
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	return wa.Wrap("accept the terms", client.AcceptTOSNotice(ctx, notice, stage))
}
