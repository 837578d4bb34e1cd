package contacts

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// A privacy token belongs to a bucket of one week. WhatsApp accepts tokens of the present bucket and of the three before it.
	tokenBucket  = 7 * 24 * time.Hour
	tokenBuckets = 4
)

// IssuedToken is a person who got a token.
type IssuedToken struct {
	Contact    string    `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID        *string   `json:"lid" doc:"LID"`
	ContactKey *string   `json:"contact_key" doc:"stable key of the person"`
	IssuedAt   time.Time `json:"issued_at" doc:"when"`
}

// IssuePrivacyTokens lets people reach the account like trusted contacts. It sends one query, which WhatsApp accepts or rejects as a whole.
func (s *Service) IssuePrivacyTokens(ctx context.Context, contacts []string) ([]IssuedToken, error) {
	client, jids, err := s.livePeople(contacts)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	nodes := make([]waBinary.Node, len(jids))
	issued := make([]IssuedToken, len(jids))
	people := make([]wa.Person, len(jids))
	for i, jid := range jids {
		who, err := wa.PersonOf(ctx, client.Store, jid)
		if err != nil {
			return nil, err
		}
		people[i] = who
		nodes[i] = waBinary.Node{Tag: "token", Attrs: waBinary.Attrs{
			"jid": tokenOwner(who), "t": strconv.FormatInt(now.Unix(), 10), "type": "trusted_contact",
		}}
		issued[i] = IssuedToken{Contact: who.Address().String(), LID: wa.JIDOrNull(who.LID), IssuedAt: now}
	}
	_, err = client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{ // no public call issues tokens
		Namespace: "privacy", Type: "set", To: types.ServerJID,
		Content: []waBinary.Node{{Tag: "tokens", Content: nodes}},
	})
	if err != nil {
		return nil, wa.Wrap("issue the tokens", err)
	}
	for _, who := range people {
		if err := noteIssued(ctx, client.Store, who, now); err != nil {
			return nil, err
		}
	}
	return issued, nil
}

// tokenOwner returns the address that tokens are stored under: the LID if it is known.
func tokenOwner(who wa.Person) types.JID {
	if !who.LID.IsEmpty() {
		return who.LID
	}
	return who.PN
}

// noteIssued stores the time with a stored token; the store has no field for it without a token.
func noteIssued(ctx context.Context, device *store.Device, who wa.Person, now time.Time) error {
	token, err := storedToken(ctx, device, who)
	if err != nil || token == nil || len(token.Token) == 0 {
		return err
	}
	token.SenderTimestamp = now
	if err := device.PrivacyTokens.PutPrivacyTokens(ctx, *token); err != nil {
		return wa.StorageError("the time of the token could not be stored", err)
	}
	return nil
}

func storedToken(ctx context.Context, device *store.Device, who wa.Person) (*store.PrivacyToken, error) {
	token, err := device.PrivacyTokens.GetPrivacyToken(ctx, tokenOwner(who))
	if err != nil {
		return nil, wa.StorageError("the token could not be read", err)
	}
	return token, nil
}

// PrivacyToken reports whether a person's token is stored. The token itself is a secret and stays in the store.
type PrivacyToken struct {
	Contact    string     `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID        *string    `json:"lid" doc:"LID"`
	ContactKey *string    `json:"contact_key" doc:"stable key of the person"`
	Found      bool       `json:"found" doc:"stored"`
	Expired    bool       `json:"expired" doc:"too old for WhatsApp, and sent no more; privacy.deleteExpiredTokens deletes it"`
	ReceivedAt *time.Time `json:"received_at" doc:"time of the token"`
	IssuedAt   *time.Time `json:"issued_at" doc:"when the own token was last issued"`
}

// GetPrivacyToken looks a person's token up in the store.
func (s *Service) GetPrivacyToken(ctx context.Context, contact string) (*PrivacyToken, error) {
	device, who, err := s.pairedPerson(ctx, contact)
	if err != nil {
		return nil, err
	}
	token, err := storedToken(ctx, device, who)
	if err != nil {
		return nil, err
	}
	result := &PrivacyToken{Contact: who.Address().String(), LID: wa.JIDOrNull(who.LID), Found: token != nil && len(token.Token) > 0}
	if result.Found {
		result.Expired = token.Timestamp.Before(tokenCutoff(time.Now()))
		result.ReceivedAt, result.IssuedAt = wa.TimeOrNull(token.Timestamp), wa.TimeOrNull(token.SenderTimestamp)
	}
	return result, nil
}

// ListPrivacyTokens lists the people whose tokens are stored.
func (s *Service) ListPrivacyTokens(ctx context.Context) ([]string, error) {
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, err
	}
	// whatsmeow's store has no list of tokens.
	const query = `SELECT their_jid FROM whatsmeow_privacy_tokens WHERE our_jid=$1 ORDER BY their_jid`
	owners, err := dbutil.ConvertRowFn[types.JID](func(row dbutil.Scannable) (jid types.JID, err error) {
		return jid, row.Scan(&jid)
	}).NewRowIter(s.db.Query(ctx, query, device.GetJID())).AsList()
	if err != nil {
		return nil, wa.StorageError("the tokens could not be read", err)
	}
	contacts := make([]string, len(owners))
	for i, owner := range owners {
		who, err := wa.PersonOf(ctx, device, owner)
		if err != nil {
			return nil, err
		}
		contacts[i] = who.Address().String()
	}
	slices.Sort(contacts)
	return slices.Compact(contacts), nil
}

// DeleteExpiredPrivacyTokens removes stored tokens that WhatsApp no longer accepts, and returns their number.
func (s *Service) DeleteExpiredPrivacyTokens(ctx context.Context) (int64, error) {
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return 0, err
	}
	deleted, err := device.PrivacyTokens.DeleteExpiredPrivacyTokens(ctx, tokenCutoff(time.Now()))
	if err != nil {
		return 0, wa.StorageError("the tokens could not be deleted", err)
	}
	return deleted, nil
}

// tokenCutoff returns the start of the oldest accepted bucket.
func tokenCutoff(now time.Time) time.Time {
	week := int64(tokenBucket / time.Second)
	return time.Unix((now.Unix()/week-(tokenBuckets-1))*week, 0)
}
