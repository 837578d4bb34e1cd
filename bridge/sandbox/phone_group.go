package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// GroupOptions describes a group that a phone creates.
type GroupOptions struct {
	Subject string
	Members []types.JID // besides the creator
	// Announce lets only admins write, Locked lets only admins edit subject, description and picture.
	Announce, Locked bool
	// Approval makes people who follow the invite link wait for an admin.
	Approval bool
	// AdminAdd lets only admins add members.
	AdminAdd bool
	// Timer is the lifetime of messages in seconds: 0 (unlimited), 86400, 604800 or 7776000.
	Timer uint32
	// Community creates a community with an announcement group; Parent links the group to a community.
	Community bool
	Parent    types.JID
}

// CreateGroup creates a group with the phone's account as its creator. Members that could not be added are reported in a *MembersError together with the
// group's address; any other refusal is a *RequestError.
func (p *Phone) CreateGroup(options GroupOptions) (types.JID, error) {
	children := participants(options.Members)
	mode := types.GroupMemberAddModeAllMember
	if options.AdminAdd {
		mode = types.GroupMemberAddModeAdmin
	}
	children = append(children, leaf("member_add_mode", []byte(mode)))
	flag := func(on bool, node waBinary.Node) {
		if on {
			children = append(children, node)
		}
	}
	flag(options.Announce, waBinary.Node{Tag: "announcement"})
	flag(options.Locked, waBinary.Node{Tag: "locked"})
	flag(options.Timer != 0, waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": strconv.FormatUint(uint64(options.Timer), 10)}})
	flag(options.Approval, approvalNode(true))
	flag(options.Community, waBinary.Node{Tag: "parent", Attrs: waBinary.Attrs{"default_membership_approval_mode": "request_required"}})
	flag(!options.Parent.IsEmpty(), waBinary.Node{Tag: "linked_parent", Attrs: waBinary.Attrs{"jid": options.Parent}})
	reply, err := p.sendRequest("w:g2", "set", types.GroupServerJID, waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"subject": options.Subject}, Content: children})
	if err != nil {
		return types.EmptyJID, err
	}
	created := reply.GetChildByTag("group")
	return types.NewJID(text(&created, "id"), types.GroupServer), membersError(&created)
}

func approvalNode(on bool) waBinary.Node {
	state := "off"
	if on {
		state = "on"
	}
	return waBinary.Node{Tag: "membership_approval_mode", Content: []waBinary.Node{{Tag: "group_join", Attrs: waBinary.Attrs{"state": state}}}}
}

func participants(jids []types.JID) []waBinary.Node {
	var list []waBinary.Node
	for _, jid := range jids {
		list = append(list, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid}})
	}
	return list
}

// MembersError has the members for which a change failed.
type MembersError struct {
	// Codes by address as it was given: 403 privacy, 404 unknown, 406 not for the creator, 409 a member already, 419 the group is full.
	Codes map[types.JID]int
}

func (e *MembersError) Error() string {
	return fmt.Sprintf("sandbox: change refused for %d members", len(e.Codes))
}

func membersError(node *waBinary.Node) error {
	failures := &MembersError{Codes: map[types.JID]int{}}
	for _, child := range node.GetChildrenByTag("participant") {
		if code, err := strconv.Atoi(text(&child, "error")); err == nil {
			jid, _ := jidOf(&child, "jid")
			failures.Codes[jid] = code
		}
	}
	if len(failures.Codes) == 0 {
		return nil
	}
	return failures
}

// changeMembers applies one change to several members.
func (p *Phone) changeMembers(group types.JID, change string, members []types.JID) error {
	reply, err := p.sendRequest("w:g2", "set", group, waBinary.Node{Tag: change, Content: participants(members)})
	if err != nil {
		return err
	}
	answer := reply.GetChildByTag(change)
	return membersError(&answer)
}

// AddMembers adds members to a group. AddMembers, RemoveMembers, Promote and Demote return a *RequestError if all of it failed, a *MembersError for single members.
func (p *Phone) AddMembers(group types.JID, members ...types.JID) error {
	return p.changeMembers(group, "add", members)
}

// RemoveMembers removes members from a group.
func (p *Phone) RemoveMembers(group types.JID, members ...types.JID) error {
	return p.changeMembers(group, "remove", members)
}

// Promote makes members admins.
func (p *Phone) Promote(group types.JID, members ...types.JID) error {
	return p.changeMembers(group, "promote", members)
}

// Demote makes admins plain members.
func (p *Phone) Demote(group types.JID, members ...types.JID) error {
	return p.changeMembers(group, "demote", members)
}

// LeaveGroup ends the account's own membership.
func (p *Phone) LeaveGroup(group types.JID) error {
	_, err := p.sendRequest("w:g2", "set", types.GroupServerJID, waBinary.Node{Tag: "leave", Content: []waBinary.Node{
		{Tag: "group", Attrs: waBinary.Attrs{"id": group}},
	}})
	return err
}

func (p *Phone) changeGroup(group types.JID, change waBinary.Node) error {
	_, err := p.sendRequest("w:g2", "set", group, change)
	return err
}

// SetSubject renames a group.
func (p *Phone) SetSubject(group types.JID, subject string) error {
	return p.changeGroup(group, leaf("subject", []byte(subject)))
}

// SetDescription replaces a group's description; an empty one deletes it.
func (p *Phone) SetDescription(group types.JID, description string) error {
	change := waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{"id": p.random.messageID()}}
	if description == "" {
		change.Attrs["delete"] = "true"
	} else {
		change.Content = []waBinary.Node{leaf("body", []byte(description))}
	}
	return p.changeGroup(group, change)
}

// SetAnnounce decides whether only admins may write.
func (p *Phone) SetAnnounce(group types.JID, on bool) error {
	return p.changeGroup(group, waBinary.Node{Tag: stringFor(on, "announcement", "not_announcement")})
}

// SetLocked decides whether only admins may edit subject, description and picture.
func (p *Phone) SetLocked(group types.JID, on bool) error {
	return p.changeGroup(group, waBinary.Node{Tag: stringFor(on, "locked", "unlocked")})
}

// SetApproval decides whether people who follow the invite link wait for an admin.
func (p *Phone) SetApproval(group types.JID, on bool) error {
	return p.changeGroup(group, approvalNode(on))
}

// SetGroupTimer sets the lifetime of a group's messages in seconds; 0 is unlimited.
func (p *Phone) SetGroupTimer(group types.JID, seconds uint32) error {
	if seconds == 0 {
		return p.changeGroup(group, waBinary.Node{Tag: "not_ephemeral"})
	}
	return p.changeGroup(group, waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": strconv.FormatUint(uint64(seconds), 10)}})
}

func stringFor(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

// InviteCode returns the last part of a group's invite link; reset replaces it. Only admins get it.
func (p *Phone) InviteCode(group types.JID, reset bool) (string, error) {
	reply, err := p.sendRequest("w:g2", stringFor(reset, "set", "get"), group, waBinary.Node{Tag: "invite"})
	if err != nil {
		return "", err
	}
	invite := reply.GetChildByTag("invite")
	return text(&invite, "code"), nil
}

// JoinGroup joins by the code of an invite link. pending means that an admin has to approve first.
func (p *Phone) JoinGroup(code string) (group types.JID, pending bool, err error) {
	reply, err := p.sendRequest("w:g2", "set", types.GroupServerJID, waBinary.Node{Tag: "invite", Attrs: waBinary.Attrs{"code": code}})
	if err != nil {
		return types.EmptyJID, false, err
	}
	for _, child := range reply.GetChildren() {
		if jid, ok := jidOf(&child, "jid"); ok {
			return jid, child.Tag == "membership_approval_request", nil
		}
	}
	return types.EmptyJID, false, errors.New("sandbox: no group in the answer")
}

// JoinLinkedGroup joins a group of a community that the account is in. pending means that an admin has to approve first.
func (p *Phone) JoinLinkedGroup(community, group types.JID) (pending bool, err error) {
	reply, err := p.sendRequest("w:g2", "set", community, waBinary.Node{Tag: "join_linked_group", Attrs: waBinary.Attrs{"jid": group}})
	if err != nil {
		return false, err
	}
	_, pending = reply.GetOptionalChildByTag("membership_approval_request")
	return pending, nil
}

// DecideJoin approves or rejects requests to join a group.
func (p *Phone) DecideJoin(group types.JID, approve bool, accounts ...types.JID) error {
	action := stringFor(approve, "approve", "reject")
	reply, err := p.sendRequest("w:g2", "set", group, waBinary.Node{Tag: "membership_requests_action", Content: []waBinary.Node{
		{Tag: action, Content: participants(accounts)},
	}})
	if err != nil {
		return err
	}
	answer, _ := reply.GetOptionalChildByTag("membership_requests_action", action)
	return membersError(&answer)
}

// GroupMembers returns the LIDs of a group's members.
func (n *Network) GroupMembers(group types.JID) ([]types.JID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	members, ok := n.groups.members(group)
	if !ok {
		return nil, fmt.Errorf("sandbox: no group %s", group)
	}
	var list []types.JID
	for _, a := range members {
		list = append(list, a.lid)
	}
	return slices.Clip(list), nil
}
