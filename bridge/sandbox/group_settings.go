package sandbox

import (
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
)

func (h *groupHost) settingRoutes() iqRoutes {
	return iqRoutes{
		"w:g2/set/subject":                  h.setSubject,
		"w:g2/set/description":              h.setDescription,
		"w:g2/set/locked":                   h.flagSetter(func(g *group) { g.locked = true }),
		"w:g2/set/unlocked":                 h.flagSetter(func(g *group) { g.locked = false }),
		"w:g2/set/announcement":             h.flagSetter(func(g *group) { g.announce = true; g.announceVersion++ }),
		"w:g2/set/not_announcement":         h.flagSetter(func(g *group) { g.announce = false; g.announceVersion++ }),
		"w:g2/set/ephemeral":                h.setTimer,
		"w:g2/set/not_ephemeral":            h.setTimer,
		"w:g2/set/membership_approval_mode": h.setApproval,
		"w:g2/set/member_add_mode":          h.setAddMode,
	}
}

// flagSetter returns the handler of a setting that is a tag without content; only admins may change it.
func (h *groupHost) flagSetter(apply func(g *group)) iqHandler {
	return func(r *request) ([]waBinary.Node, error) {
		g, m, err := h.targetGroup(r, needAdmin)
		if err != nil {
			return nil, err
		}
		apply(g)
		tag := r.child().Tag
		r.after(func() {
			h.notifyMembers(g, m.account, waBinary.Node{Tag: tag, Attrs: waBinary.Attrs{"v_id": g.announceID()}})
		})
		return nil, nil
	}
}

func (h *groupHost) setSubject(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needEditor)
	if err != nil {
		return nil, err
	}
	subject := string(content(r.child()))
	if subject == "" || !utf8.ValidString(subject) || utf8.RuneCountInString(subject) > maxSubject {
		return nil, iqFail(406)
	}
	g.subject = versionedText{text: subject, by: m.account, at: h.net.now()}
	r.after(func() {
		h.notifyMembers(g, m.account, waBinary.Node{Tag: "subject", Attrs: waBinary.Attrs{
			"subject": subject, "s_t": unix(g.subject.at), "s_o": m.account.lid, "s_o_pn": m.account.pn,
		}})
	})
	return nil, nil
}

// setDescription replaces or deletes the description; a change based on an older version gets 409.
func (h *groupHost) setDescription(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needEditor)
	if err != nil {
		return nil, err
	}
	order := r.child()
	body := string(childContent(order, "body"))
	if !utf8.ValidString(body) || utf8.RuneCountInString(body) > maxDescription {
		return nil, iqFail(406)
	}
	if previous := text(order, "prev"); previous != "" && previous != g.topic.id {
		return nil, iqFail(409)
	}
	id := text(order, "id")
	if id == "" {
		id = h.random.messageID()
	}
	change := waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{"id": id}}
	if body == "" {
		g.topic = versionedText{}
		change.Content = []waBinary.Node{{Tag: "delete"}}
	} else {
		g.topic = versionedText{id: id, text: body, by: m.account, at: h.net.now()}
		change.Content = []waBinary.Node{leaf("body", []byte(body))}
	}
	r.after(func() { h.notifyMembers(g, m.account, change) })
	return nil, nil
}

func (h *groupHost) setTimer(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needEditor)
	if err != nil {
		return nil, err
	}
	timer := uint32(0)
	if r.child().Tag == "ephemeral" {
		var ok bool
		if timer, ok = groupTimer(r.child()); !ok || timer == 0 {
			return nil, iqFail(400)
		}
	}
	g.ephemeral = timer
	change := waBinary.Node{Tag: "not_ephemeral"}
	if timer != 0 {
		change = waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": text(r.child(), "expiration")}}
	}
	r.after(func() { h.notifyMembers(g, m.account, change) })
	return nil, nil
}

func (h *groupHost) setApproval(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	on, ok := approvalState(r.child())
	if !ok {
		return nil, iqFail(400)
	}
	g.approval = on
	state := "off"
	if on {
		state = "on"
	}
	change := waBinary.Node{Tag: "membership_approval_mode", Content: []waBinary.Node{{Tag: "group_join", Attrs: waBinary.Attrs{"state": state}}}}
	r.after(func() { h.notifyMembers(g, m.account, change) })
	return nil, nil
}

func (h *groupHost) setAddMode(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	mode, ok := adminAdds(r.child())
	if !ok {
		return nil, iqFail(400)
	}
	g.adminAdd = mode
	change := leaf("member_add_mode", content(r.child()))
	r.after(func() { h.notifyMembers(g, m.account, change) })
	return nil, nil
}
