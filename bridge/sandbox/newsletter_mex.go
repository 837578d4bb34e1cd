package sandbox

import (
	"encoding/json"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func (h *newsletterHost) queries() map[string]mexHandler {
	table := map[string]mexHandler{
		mexNewsletter:            h.info,
		mexNewslettersSubscribed: h.subscribed,
		mexNewsletterCreate:      h.create,
		mexNewsletterFollow:      h.follow,
		mexNewsletterUnfollow:    h.unfollow,
		mexNewsletterMute:        func(r *request, v json.RawMessage) (any, error) { return h.mute(r, v, true) },
		mexNewsletterUnmute:      func(r *request, v json.RawMessage) (any, error) { return h.mute(r, v, false) },
		mexNewsletterUpdate:      h.update,
		mexNewsletterFollowers:   h.listFollowers,
		mexRecommended:           h.directory("xwa2_newsletters_recommended"),
		mexDirectory:             h.directory("xwa2_newsletters_directory_list"),
		mexNewsletterDehydrated:  h.info,
		// One desktop number stands for two queries in whatsmeow; only following names a channel.
		mexNewsletterFollowOrSubscribedDesktop: func(r *request, v json.RawMessage) (any, error) {
			if _, err := h.newsletterOf(v); err != nil {
				return h.subscribed(r, v)
			}
			return h.follow(r, v)
		},
	}
	for desktop, web := range mexDesktopQueries {
		table[desktop] = table[web]
	}
	return table
}

// newsletterOf returns the channel of a query's newsletter_id.
func (h *newsletterHost) newsletterOf(variables json.RawMessage) (*newsletter, error) {
	var v struct {
		ID types.JID `json:"newsletter_id"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, mexFail(400)
	}
	if c := h.find(v.ID); c != nil {
		return c, nil
	}
	return nil, mexFail(404)
}

func (h *newsletterHost) info(r *request, variables json.RawMessage) (any, error) {
	var v struct {
		ViewerMeta bool `json:"fetch_viewer_metadata"`
		Input      struct {
			Key  string                  `json:"key"`
			Type types.NewsletterKeyType `json:"type"`
		} `json:"input"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, mexFail(400)
	}
	c := h.byCode[v.Input.Key]
	if v.Input.Type == types.NewsletterKeyTypeJID {
		jid, err := types.ParseJID(v.Input.Key)
		if err != nil {
			return nil, mexFail(400)
		}
		c = h.find(jid)
	}
	if c == nil {
		return nil, mexFail(404)
	}
	var viewer *account
	if v.ViewerMeta {
		viewer = r.device.account
	}
	return map[string]any{"xwa2_newsletter": h.metadata(c, viewer)}, nil
}

func (h *newsletterHost) subscribed(r *request, _ json.RawMessage) (any, error) {
	list := []*types.NewsletterMetadata{}
	for _, c := range h.list {
		if c.follower(r.device.account) != nil {
			list = append(list, h.metadata(c, r.device.account))
		}
	}
	return map[string]any{"xwa2_newsletter_subscribed": list}, nil
}

func (h *newsletterHost) create(r *request, variables json.RawMessage) (any, error) {
	var v struct {
		Input struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Picture     []byte `json:"picture"` // JPEG, base64
		} `json:"newsletter_input"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, mexFail(400)
	}
	own := r.device.account
	if own.notices[newsletterTerms] == "" {
		return nil, mexFail(403)
	}
	fresh, err := h.newPicture(v.Input.Picture)
	if err != nil {
		return nil, err
	}
	c, err := h.newNewsletter(own, v.Input.Name, v.Input.Description)
	if err != nil {
		h.net.replacePicture(&fresh, picture{})
		return nil, err
	}
	c.picture = fresh
	r.after(func() {
		h.notifyAccount(own, "NotificationNewsletterJoin", "xwa2_notify_newsletter_on_join", h.metadata(c, own))
	})
	return map[string]any{"xwa2_newsletter_create": h.metadata(c, own)}, nil
}

// notifyAccount sends the GraphQL notification of a change to all devices of an account.
func (h *newsletterHost) notifyAccount(a *account, operation, key string, value any) {
	raw, err := json.Marshal(graphQL{Data: map[string]any{key: value}})
	if err != nil {
		h.net.log.Error("channel notification not made", "error", err)
		return
	}
	update := leaf("update", raw)
	update.Attrs = waBinary.Attrs{"op_name": operation}
	h.net.notifyAccount(a, types.ServerJID, "mex", nil, update)
}

func (h *newsletterHost) follow(r *request, variables json.RawMessage) (any, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, err
	}
	own := r.device.account
	if c.follower(own) == nil {
		c.followers = append(c.followers, &follower{account: own, role: types.NewsletterRoleSubscriber})
		r.after(func() {
			h.notifyAccount(own, "NotificationNewsletterJoin", "xwa2_notify_newsletter_on_join", h.metadata(c, own))
		})
	}
	return map[string]any{"xwa2_newsletter_join_v2": map[string]any{"id": c.jid}}, nil
}

// unfollow ends a subscription; owners cannot unfollow their channel.
func (h *newsletterHost) unfollow(r *request, variables json.RawMessage) (any, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, err
	}
	own := r.device.account
	f := c.follower(own)
	if f == nil || f.role == types.NewsletterRoleOwner {
		return nil, mexFail(403)
	}
	c.followers = slices.DeleteFunc(c.followers, func(other *follower) bool { return other == f })
	r.after(func() {
		h.notifyAccount(own, "NotificationNewsletterLeave", "xwa2_notify_newsletter_on_leave", map[string]any{"id": c.jid, "role": f.role})
	})
	return map[string]any{"xwa2_newsletter_leave_v2": map[string]any{"id": c.jid}}, nil
}

func (h *newsletterHost) mute(r *request, variables json.RawMessage, on bool) (any, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, err
	}
	own := r.device.account
	f := c.follower(own)
	if f == nil {
		return nil, mexFail(403)
	}
	f.muted = on
	state := stringFor(on, "ON", "OFF")
	r.after(func() {
		h.notifyAccount(own, "NotificationNewsletterMuteChange", "xwa2_notify_newsletter_on_mute_change", map[string]any{"id": c.jid, "mute": state})
	})
	return map[string]any{stringFor(on, "xwa2_newsletter_mute_v2", "xwa2_newsletter_unmute_v2"): map[string]any{"id": c.jid}}, nil
}

// update renames a channel or changes its description or picture; only its owner may.
func (h *newsletterHost) update(r *request, variables json.RawMessage) (any, error) {
	c, err := h.newsletterOf(variables)
	if err != nil {
		return nil, err
	}
	var v struct {
		Updates struct {
			Name        *string `json:"name"`
			Description *string `json:"description"`
			Picture     *[]byte `json:"picture"` // JPEG, base64; empty removes it
		} `json:"updates"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, mexFail(400)
	}
	if f := c.follower(r.device.account); f == nil || f.role != types.NewsletterRoleOwner {
		return nil, mexFail(403)
	}
	if v.Updates.Picture != nil {
		fresh, err := h.newPicture(*v.Updates.Picture)
		if err != nil {
			return nil, err
		}
		h.net.replacePicture(&c.picture, fresh)
	}
	now := h.net.now()
	if v.Updates.Name != nil {
		c.name = versionedText{id: h.random.messageID(), text: *v.Updates.Name, at: now}
	}
	if v.Updates.Description != nil {
		c.description = versionedText{id: h.random.messageID(), text: *v.Updates.Description, at: now}
	}
	return map[string]any{"xwa2_newsletter_update": h.metadata(c, nil)}, nil
}

// listFollowers returns the followers to the owner.
func (h *newsletterHost) listFollowers(r *request, variables json.RawMessage) (any, error) {
	var v struct {
		Input json.RawMessage `json:"input"`
	}
	if json.Unmarshal(variables, &v) != nil {
		return nil, mexFail(400)
	}
	c, err := h.newsletterOf(v.Input)
	if err != nil {
		return nil, err
	}
	if f := c.follower(r.device.account); f == nil || f.role != types.NewsletterRoleOwner {
		return nil, mexFail(403)
	}
	edges := []any{}
	for _, f := range c.followers {
		edges = append(edges, map[string]any{"node": map[string]any{"id": f.account.lid, "display_name": f.account.pushName}, "role": f.role})
	}
	return map[string]any{"xwa2_newsletter_subscribers": map[string]any{"subscribers": map[string]any{"edges": edges}}}, nil
}

// directory returns all channels.
func (h *newsletterHost) directory(key string) mexHandler {
	return func(_ *request, _ json.RawMessage) (any, error) {
		list := []*types.NewsletterMetadata{}
		for _, c := range h.list[:min(len(h.list), maxNewsletterPage)] {
			list = append(list, h.metadata(c, nil))
		}
		return map[string]any{key: map[string]any{"result": list}}, nil
	}
}
