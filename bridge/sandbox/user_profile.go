package sandbox

import (
	"strconv"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxAbout is WhatsApp's own bound on the about text, in characters.
const maxAbout = 139

// profile has the settings of an account's user. Guarded by Network.mu; maps are created on first use.
type profile struct {
	about                    About
	aboutAt                  time.Time
	picture                  picture
	privacy                  map[string]string // category to value; missing categories have their default
	status                   statusPrivacy
	contacts                 map[*account]struct{} // accounts in the phone's address book
	blocked                  []*account
	state                    appState
	snapshots                map[appstate.WAPatchName]*stateSnapshot
	business                 BusinessProfile
	contactLink, messageLink string
	timer                    uint32 // default message timer of new chats, in seconds
	timerSetAt               time.Time
}

// defaultAbout is the about text of new accounts.
const defaultAbout = "Hey there! I am using WhatsApp."

// aboutText returns the account's about text.
func (a *account) aboutText() string {
	if a.profile.aboutAt.IsZero() {
		return defaultAbout
	}
	return a.profile.about.Text
}

// About is an account's about text with its emoji.
type About struct {
	Text     string
	Emoji    string
	Duration time.Duration // how long it is shown after it was set; 0 is unlimited
}

// maxAboutEmoji bounds the emoji of an about, in bytes: the longest joined sequences have some 40.
const maxAboutEmoji = 64

// dropOldAbout removes an expired about. Call under n.mu.
func (n *Network) dropOldAbout(a *account) {
	if d := a.profile.about.Duration; d > 0 && n.now().Sub(a.profile.aboutAt) >= d {
		a.profile.about = About{}
	}
}

// setAbout changes the about text and notifies the accounts that may see it. Call under n.mu.
func (n *Network) setAbout(a *account, about About) bool {
	if !utf8.ValidString(about.Text) || utf8.RuneCountInString(about.Text) > maxAbout || !utf8.ValidString(about.Emoji) || len(about.Emoji) > maxAboutEmoji {
		return false
	}
	a.profile.about, a.profile.aboutAt = about, n.now()
	for _, follower := range n.followersOf(a) {
		if a.allowsView(privacyAbout, follower) {
			n.notifyAccount(follower, a.lid, "status", nil, leaf("set", []byte(about.Text)))
		}
	}
	n.notifyAccount(a, a.lid, "status", nil, leaf("set", []byte(about.Text)))
	return true
}

// registerProfileFields adds the fields of usync queries that show profiles.
func (n *Network) registerProfileFields() {
	n.addUsyncField("status", func(q *usyncQuery) *waBinary.Node {
		if q.account == nil {
			return nil
		}
		if !q.account.allowsView(privacyAbout, q.r.device.account) {
			return &waBinary.Node{Tag: "status", Attrs: waBinary.Attrs{"code": "401", "type": "fail"}}
		}
		n.dropOldAbout(q.account)
		node := leaf("status", []byte(q.account.aboutText()))
		set := q.account.profile.aboutAt
		if set.IsZero() {
			set = q.account.registeredAt
		}
		node.Attrs = waBinary.Attrs{"t": unix(set)}
		return &node
	})
	n.addUsyncField("picture", func(q *usyncQuery) *waBinary.Node {
		if q.account == nil || q.account.profile.picture.id == "" || !q.account.allowsView(privacyPicture, q.r.device.account) {
			return nil
		}
		return &waBinary.Node{Tag: "picture", Attrs: waBinary.Attrs{"id": q.account.profile.picture.id}}
	})
	n.addUsyncField("disappearing_mode", func(q *usyncQuery) *waBinary.Node {
		if q.account == nil {
			return nil
		}
		attrs := waBinary.Attrs{"duration": strconv.FormatUint(uint64(q.account.profile.timer), 10)}
		if set := q.account.profile.timerSetAt; !set.IsZero() {
			attrs["t"] = unix(set)
		}
		return &waBinary.Node{Tag: "disappearing_mode", Attrs: attrs}
	})
	// The sandbox has no user names.
	n.addUsyncField("username", func(*usyncQuery) *waBinary.Node { return nil })
}
