package sandbox

import (
	"encoding/json"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

const (
	// newsletterTerms is the notice that an account accepts before it creates its first channel.
	newsletterTerms = "20601218"
	// adminInviteLifetime is the duration of an invitation to become an admin.
	adminInviteLifetime = 7 * 24 * time.Hour
	// maxAdmins bounds the admins of a channel and its open invitations.
	maxAdmins = 16
	// maxNotices bounds the notices that an account has accepted.
	maxNotices = 100
)

// Numbers of the queries about admins, from whatsmeow's argo/name-to-queryids.json.
const (
	mexAdminInvite       = "24943748628557365"
	mexAdminInviteRevoke = "6550386328343169"
	mexAdminInviteAccept = "6179636105471882"
	mexAdminDemote       = "7220922401252829"
	mexNewsletterOwner   = "6951013521615265"
	mexNewsletterDelete  = "6285734628148226"
)

func (h *newsletterHost) adminQueries() map[string]mexHandler {
	return map[string]mexHandler{
		mexAdminInvite: h.inviteAdmin, mexAdminInviteRevoke: h.revokeAdminInvite, mexAdminInviteAccept: h.acceptAdminInvite,
		mexAdminDemote: h.demoteAdmin, mexNewsletterOwner: h.changeOwner, mexNewsletterDelete: h.delete,
	}
}

// acceptNotice records that an account has accepted a notice.
func (n *Network) acceptNotice(r *request) ([]waBinary.Node, error) {
	id, stage := text(r.child(), "id"), text(r.child(), "stage")
	own := r.device.account
	if id == "" || stage == "" {
		return nil, iqFail(400)
	}
	if own.notices == nil {
		own.notices = map[string]string{}
	}
	if own.notices[id] == "" && len(own.notices) >= maxNotices {
		return nil, iqFail(419)
	}
	own.notices[id] = stage
	return nil, nil
}

// ofOwner returns the channel of a query that only its owner may make, and the account that the query names; nil if it names none.
func (h *newsletterHost) ofOwner(r *request, variables json.RawMessage) (*newsletter, *account, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, nil, err
	}
	if f := c.follower(r.device.account); f == nil || f.role != types.NewsletterRoleOwner {
		return nil, nil, mexFail(403)
	}
	var v struct {
		User types.JID `json:"user_id"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, nil, mexFail(400)
	}
	if v.User.IsEmpty() {
		return c, nil, nil
	}
	user := h.net.find(v.User)
	if user == nil {
		return nil, nil, mexFail(404)
	}
	return c, user, nil
}

// adminAnswer is the answer to a query about admins.
func adminAnswer(key string, c *newsletter, more map[string]any) map[string]any {
	answer := map[string]any{"id": c.jid, "newsletter_state": map[string]any{"type": "ACTIVE"}}
	for name, value := range more {
		answer[name] = value
	}
	return map[string]any{key: answer}
}

func (h *newsletterHost) inviteAdmin(r *request, variables json.RawMessage) (any, error) {
	c, user, err := h.ofOwner(r, variables)
	switch {
	case err != nil:
		return nil, err
	case user == nil:
		return nil, mexFail(400)
	}
	if f := c.follower(user); f != nil && f.role != types.NewsletterRoleSubscriber {
		return nil, mexFail(409)
	}
	for invited, end := range c.invites {
		if h.net.now().After(end) {
			delete(c.invites, invited)
		}
	}
	if len(c.invites) >= maxAdmins {
		return nil, mexFail(419)
	}
	if c.invites == nil {
		c.invites = map[*account]time.Time{}
	}
	end := h.net.now().Add(adminInviteLifetime)
	c.invites[user] = end
	return adminAnswer("xwa2_newsletter_admin_invite_create", c, map[string]any{"invite_expiration_time": strconv.FormatInt(end.Unix(), 10)}), nil
}

func (h *newsletterHost) revokeAdminInvite(r *request, variables json.RawMessage) (any, error) {
	c, user, err := h.ofOwner(r, variables)
	if err != nil {
		return nil, err
	}
	if _, invited := c.invites[user]; !invited {
		return nil, mexFail(404)
	}
	delete(c.invites, user)
	return adminAnswer("xwa2_newsletter_admin_invite_revoke", c, nil), nil
}

func (h *newsletterHost) acceptAdminInvite(r *request, variables json.RawMessage) (any, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, err
	}
	own := r.device.account
	switch end, invited := c.invites[own]; {
	case !invited:
		return nil, mexFail(403)
	case h.net.now().After(end):
		return nil, mexFail(410)
	}
	admins := 0
	for _, f := range c.followers {
		if f.role != types.NewsletterRoleSubscriber {
			admins++
		}
	}
	if admins >= maxAdmins {
		return nil, mexFail(419)
	}
	delete(c.invites, own)
	f := c.follower(own)
	if f == nil {
		f = &follower{account: own}
		c.followers = append(c.followers, f)
	}
	h.setRole(r, c, f, types.NewsletterRoleAdmin)
	r.after(func() {
		h.notifyAccount(own, "NotificationNewsletterJoin", "xwa2_notify_newsletter_on_join", h.metadata(c, own))
	})
	return adminAnswer("xwa2_newsletter_admin_invite_accept", c, nil), nil
}

// setRole changes the role of a follower and notifies the owner and the admins.
func (h *newsletterHost) setRole(r *request, c *newsletter, f *follower, role types.NewsletterRole) {
	operation, key := "NotificationNewsletterAdminPromote", "xwa2_notify_newsletter_admin_promote"
	if role == types.NewsletterRoleSubscriber {
		operation, key = "NotificationNewsletterAdminDemote", "xwa2_notify_newsletter_admin_demote"
	}
	f.role = role
	change := map[string]any{
		"id": c.jid, "user": map[string]any{"id": f.account.lid, "pn": f.account.pn}, "user_new_role": role, "actor": map[string]any{"id": r.device.account.lid},
	}
	r.after(func() {
		for _, other := range c.followers {
			if other == f || other.role != types.NewsletterRoleSubscriber {
				h.notifyAccount(other.account, operation, key, change)
			}
		}
	})
}

// demoteAdmin makes an admin a subscriber; the owner may, and admins themselves.
func (h *newsletterHost) demoteAdmin(r *request, variables json.RawMessage) (any, error) {
	c, user, err := h.ofOwner(r, variables)
	if err != nil {
		var found error
		if c, found = h.newsletterOf(variables); found != nil {
			return nil, err
		}
		user = r.device.account
	}
	if user == nil {
		return nil, mexFail(400)
	}
	f := c.follower(user)
	if f == nil || f.role != types.NewsletterRoleAdmin {
		return nil, mexFail(403)
	}
	h.setRole(r, c, f, types.NewsletterRoleSubscriber)
	return adminAnswer("xwa2_newsletter_admin_demote", c, nil), nil
}

// changeOwner gives a channel to one of its admins; the owner becomes an admin.
func (h *newsletterHost) changeOwner(r *request, variables json.RawMessage) (any, error) {
	c, user, err := h.ofOwner(r, variables)
	if err != nil {
		return nil, err
	}
	next := c.follower(user)
	if next == nil || next.role != types.NewsletterRoleAdmin {
		return nil, mexFail(403)
	}
	h.setRole(r, c, c.follower(r.device.account), types.NewsletterRoleAdmin)
	h.setRole(r, c, next, types.NewsletterRoleOwner)
	return adminAnswer("xwa2_newsletter_change_owner", c, nil), nil
}

// delete removes a channel; its followers are notified that they left it.
func (h *newsletterHost) delete(r *request, variables json.RawMessage) (any, error) {
	c, _, err := h.ofOwner(r, variables)
	if err != nil {
		return nil, err
	}
	h.net.replacePicture(&c.picture, picture{})
	delete(h.byUser, c.jid.User)
	delete(h.byCode, c.code)
	for i, other := range h.list {
		if other == c {
			h.list = append(h.list[:i:i], h.list[i+1:]...)
			break
		}
	}
	followers := c.followers
	r.after(func() {
		for _, f := range followers {
			h.notifyAccount(f.account, "NotificationNewsletterLeave", "xwa2_notify_newsletter_on_leave", map[string]any{"id": c.jid, "role": f.role})
		}
	})
	return map[string]any{"xwa2_newsletter_delete_v2": map[string]any{"id": c.jid, "newsletter_state": map[string]any{"type": "DELETED"}}}, nil
}
