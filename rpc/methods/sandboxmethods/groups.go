package sandboxmethods

import (
	"context"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxCreateGroup struct {
	asAccount
	Name                 string   `json:"name" rpc:"required,min=1,max=100" doc:"name"`
	Participants         []string `json:"participants" rpc:"required,max=1023,format=jid" doc:"other members: numbers or JIDs"`
	Announce             bool     `json:"announce,omitempty" doc:"only admins write"`
	Locked               bool     `json:"locked,omitempty" doc:"only admins edit the group info"`
	JoinApprovalRequired bool     `json:"join_approval_required,omitempty" doc:"accounts that follow the invite link need an approval by an admin"`
	DisappearingSeconds  uint32   `json:"disappearing_seconds,omitempty" rpc:"enum=0|86400|604800|7776000" doc:"timer of new messages"`
}

type inGroup struct {
	Group string `json:"group" rpc:"required,format=jid" doc:"group"`
}

type sandboxUpdateGroup struct {
	asAccount
	inGroup
	Name                 *string `json:"name,omitempty" rpc:"min=1,max=100" doc:"new name"`
	Description          *string `json:"description,omitempty" rpc:"max=2048" doc:"new text; empty removes it"`
	Announce             *bool   `json:"announce,omitempty" doc:"only admins write"`
	Locked               *bool   `json:"locked,omitempty" doc:"only admins edit the group info"`
	JoinApprovalRequired *bool   `json:"join_approval_required,omitempty" doc:"accounts that follow the invite link need an approval by an admin"`
	DisappearingSeconds  *uint32 `json:"disappearing_seconds,omitempty" rpc:"enum=0|86400|604800|7776000" doc:"timer of new messages"`
}

type sandboxUpdateParticipants struct {
	asAccount
	inGroup
	Action       string   `json:"action" rpc:"required,enum=add|remove|promote|demote|approve|reject" doc:"change of the members; approve and reject answer requests to join"`
	Participants []string `json:"participants" rpc:"required,min=1,max=1023,format=jid" doc:"numbers or JIDs"`
}

type sandboxOneGroup struct {
	asAccount
	inGroup
}

type sandboxGetInvite struct {
	asAccount
	inGroup
	Reset bool `json:"reset,omitempty" doc:"create a new link; the old one becomes invalid"`
}

type sandboxJoin struct {
	asAccount
	Code string `json:"code" rpc:"required,min=1,max=100" doc:"invite code"`
}

type sandboxJoinLinked struct {
	asAccount
	Community string `json:"community" rpc:"required,format=jid" doc:"community that the account is in"`
	inGroup
}

type sandboxGroupNotice struct {
	asAccount
	inGroup
	Change       string   `json:"change" rpc:"required,enum=created_membership_requests|revoked_membership_requests|growth_locked|growth_unlocked|member_link_mode|modify" doc:"changed setting"`
	Participants []string `json:"participants,omitempty" rpc:"max=100,format=jid" doc:"people that the change concerns"`
	Value        string   `json:"value,omitempty" rpc:"max=64" doc:"of member_link_mode: admin_link or all_member_link"`
}

func (p *sandboxGroupNotice) node(people []types.JID) waBinary.Node {
	node := waBinary.Node{Tag: p.Change, Attrs: waBinary.Attrs{}}
	var children []waBinary.Node
	for _, jid := range people {
		children = append(children, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid}})
	}
	switch {
	case p.Change == "growth_locked":
		node.Attrs["type"], node.Attrs["expiration"] = "invite", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	case p.Value != "":
		node.Content = []byte(p.Value)
	}
	if children != nil {
		node.Content = children
	}
	return node
}

type sandboxListMembers struct {
	inGroup
}

type sandboxGroupResult struct {
	Group string `json:"group" doc:"the group"`
}

type sandboxInvite struct {
	Code string `json:"code" doc:"invite code"`
}

type sandboxJoined struct {
	Group   string `json:"group" doc:"the group"`
	Pending bool   `json:"pending" doc:"an admin has to approve"`
}

type sandboxMembers struct {
	Participants []string `json:"participants" doc:"LIDs of the members"`
}

func (p *sandboxUpdateGroup) applyTo(phone *sandbox.Phone, group types.JID) error {
	var steps []func() error
	step := func(given bool, do func() error) {
		if given {
			steps = append(steps, do)
		}
	}
	step(p.Name != nil, func() error { return phone.SetSubject(group, *p.Name) })
	step(p.Description != nil, func() error { return phone.SetDescription(group, *p.Description) })
	step(p.Announce != nil, func() error { return phone.SetAnnounce(group, *p.Announce) })
	step(p.Locked != nil, func() error { return phone.SetLocked(group, *p.Locked) })
	step(p.JoinApprovalRequired != nil, func() error { return phone.SetApproval(group, *p.JoinApprovalRequired) })
	step(p.DisappearingSeconds != nil, func() error { return phone.SetGroupTimer(group, *p.DisappearingSeconds) })
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (p *sandboxUpdateParticipants) applyTo(phone *sandbox.Phone, group types.JID, people []types.JID) error {
	switch p.Action {
	case "add":
		return phone.AddMembers(group, people...)
	case "remove":
		return phone.RemoveMembers(group, people...)
	case "promote":
		return phone.Promote(group, people...)
	case "demote":
		return phone.Demote(group, people...)
	default:
		return phone.DecideJoin(group, p.Action == "approve", people...)
	}
}

func registerGroups(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "createGroup", "Create a group from an account's phone.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxCreateGroup) (result sandboxGroupResult, err error) {
			members, err := parseJIDs("participants", p.Participants)
			if err != nil {
				return result, err
			}
			group, err := phone.CreateGroup(sandbox.GroupOptions{
				Subject: p.Name, Members: members, Announce: p.Announce, Locked: p.Locked, Approval: p.JoinApprovalRequired, Timer: p.DisappearingSeconds,
			})
			return sandboxGroupResult{Group: group.String()}, err
		})
	onPhone(reg, d, "updateGroup", "Change a group from an account's phone; absent parameters stay.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxUpdateGroup) (result done, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			return did(p.applyTo(phone, group))
		})
	onPhone(reg, d, "updateParticipants", "Add, remove, promote or demote members of a group, or answer requests to join.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxUpdateParticipants) (result done, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			people, err := parseJIDs("participants", p.Participants)
			if err != nil {
				return result, err
			}
			return did(p.applyTo(phone, group, people))
		})
	onPhone(reg, d, "sendGroupNotice", "Notify the members of a group of a change that no other method makes.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxGroupNotice) (result done, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			people, err := parseJIDs("participants", p.Participants)
			if err != nil {
				return result, err
			}
			return did(phone.SendGroupNotice(group, p.node(people)))
		})
	onPhone(reg, d, "leaveGroup", "Leave a group.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxOneGroup) (result done, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			return did(phone.LeaveGroup(group))
		})
	onPhone(reg, d, "getInviteCode", "Read a group's invite code.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxGetInvite) (result sandboxInvite, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			result.Code, err = phone.InviteCode(group, p.Reset)
			return result, err
		})
	onPhone(reg, d, "joinGroup", "Join a group by an invite link.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxJoin) (result sandboxJoined, err error) {
			group, pending, err := phone.JoinGroup(p.Code)
			return sandboxJoined{Group: group.String(), Pending: pending}, err
		})
	onPhone(reg, d, "joinLinkedGroup", "Join a group of a community as a member of the community.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxJoinLinked) (result sandboxJoined, err error) {
			community, err := wa.ParseJID("community", p.Community)
			if err != nil {
				return result, err
			}
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			pending, err := phone.JoinLinkedGroup(community, group)
			return sandboxJoined{Group: group.String(), Pending: pending}, err
		})
	onNetwork(reg, d, "listMembers", "List the members of a group.",
		func(_ context.Context, n *sandbox.Network, p *sandboxListMembers) (result sandboxMembers, err error) {
			group, err := wa.ParseJID("group", p.Group)
			if err != nil {
				return result, err
			}
			members, err := n.GroupMembers(group)
			result.Participants = make([]string, len(members))
			for i, member := range members {
				result.Participants[i] = member.String()
			}
			return result, err
		})
}
