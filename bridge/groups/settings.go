package groups

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// GroupSettings are a group's settings; nil fields stay unchanged.
type GroupSettings struct {
	Locked               *bool   `json:"locked,omitempty" doc:"only admins edit the group info"`
	Announce             *bool   `json:"announce,omitempty" doc:"only admins write"`
	DisappearingSeconds  *int    `json:"disappearing_seconds,omitempty" rpc:"enum=0|86400|604800|7776000" doc:"timer of new messages; 0 = off"`
	JoinApprovalRequired *bool   `json:"join_approval_required,omitempty" doc:"admins approve new members"`
	MemberAddMode        *string `json:"member_add_mode,omitempty" rpc:"enum=admin_add|all_member_add" doc:"who may add members"`
}

func (g GroupSettings) check() error {
	if g.DisappearingSeconds != nil {
		if err := wa.CheckTimer(*g.DisappearingSeconds); err != nil {
			return err
		}
	}
	if g.MemberAddMode == nil {
		return nil
	}
	switch types.GroupMemberAddMode(*g.MemberAddMode) {
	case types.GroupMemberAddModeAdmin, types.GroupMemberAddModeAllMember:
		return nil
	}
	return wa.BadParam("member_add_mode", "must be admin_add or all_member_add")
}

func (g GroupSettings) applyTo(request *whatsmeow.ReqCreateGroup) {
	if g.Locked != nil {
		request.IsLocked = *g.Locked
	}
	if g.Announce != nil {
		request.IsAnnounce = *g.Announce
	}
	if g.DisappearingSeconds != nil && *g.DisappearingSeconds > 0 {
		request.IsEphemeral, request.DisappearingTimer = true, uint32(*g.DisappearingSeconds)
	}
	if g.JoinApprovalRequired != nil {
		request.IsJoinApprovalRequired = *g.JoinApprovalRequired
	}
	if g.MemberAddMode != nil {
		request.MemberAddMode = types.GroupMemberAddMode(*g.MemberAddMode)
	}
}

// UpdateSettings changes the given settings with one query each and returns those that were changed. It stops at the
// first rejection; earlier changes stay.
func (s *Service) UpdateSettings(ctx context.Context, group string, settings GroupSettings) (GroupSettings, error) {
	jid, err := wa.ParseGroup("group", group)
	if err != nil {
		return GroupSettings{}, err
	}
	if err := settings.check(); err != nil {
		return GroupSettings{}, err
	}
	if settings == (GroupSettings{}) {
		return GroupSettings{}, wa.BadParam("", "at least one setting must be given")
	}
	client, err := s.conn.Live()
	if err != nil {
		return GroupSettings{}, err
	}
	for _, step := range []struct {
		given bool
		what  string
		set   func() error
		store func(*Group)
	}{
		{settings.Locked != nil, "lock or unlock the group", func() error { return client.SetGroupLocked(ctx, jid, *settings.Locked) }, func(g *Group) { g.Locked = *settings.Locked }},
		{settings.Announce != nil, "set who may write", func() error { return client.SetGroupAnnounce(ctx, jid, *settings.Announce) }, func(g *Group) { g.Announce = *settings.Announce }},
		{settings.DisappearingSeconds != nil, "set the disappearing timer", func() error {
			timer := time.Duration(*settings.DisappearingSeconds) * time.Second
			return client.SetDisappearingTimer(ctx, jid, timer, time.Time{})
		}, func(g *Group) { g.DisappearingSeconds = *settings.DisappearingSeconds }},
		{settings.JoinApprovalRequired != nil, "set the approval of new members", func() error {
			return client.SetGroupJoinApprovalMode(ctx, jid, *settings.JoinApprovalRequired)
		}, func(g *Group) { g.JoinApprovalRequired = *settings.JoinApprovalRequired }},
		{settings.MemberAddMode != nil, "set who may add members", func() error {
			return client.SetGroupMemberAddMode(ctx, jid, types.GroupMemberAddMode(*settings.MemberAddMode))
		}, func(g *Group) { g.MemberAddMode = settings.MemberAddMode }},
	} {
		if !step.given {
			continue
		}
		if err := step.set(); err != nil {
			return GroupSettings{}, wa.Wrap(step.what, err)
		}
		// The notification of the change arrives later, and a send must not wait for it.
		if err := s.changeStoredGroup(ctx, jid, step.store); err != nil {
			return GroupSettings{}, err
		}
	}
	return settings, nil
}

// SetName changes the name (subject) of a group.
func (s *Service) SetName(ctx context.Context, group, name string) error {
	if err := wa.CheckText("name", name, 1, maxGroupName); err != nil {
		return err
	}
	return s.changeGroup(group, "rename the group", func(client *whatsmeow.Client, jid types.JID) error {
		return client.SetGroupName(ctx, jid, name)
	})
}

// SetDescription changes the description (topic) of a group; empty removes it.
func (s *Service) SetDescription(ctx context.Context, group, description string) error {
	if err := wa.CheckText("description", description, 0, maxGroupDescription); err != nil {
		return err
	}
	return s.changeGroup(group, "describe the group", func(client *whatsmeow.Client, jid types.JID) error {
		// whatsmeow would read the group itself, but it discards the code of a rejection.
		info, err := client.GetGroupInfo(ctx, jid)
		if err != nil {
			return err
		}
		return client.SetGroupTopic(ctx, jid, info.TopicID, client.GenerateMessageID(), description)
	})
}

// SetPicture sets the picture of a group to a JPEG as produced by LoadPicture and returns the picture id from WhatsApp.
// nil removes the picture.
func (s *Service) SetPicture(ctx context.Context, group string, jpeg []byte) (id string, err error) {
	err = s.changeGroup(group, "set the group's picture", func(client *whatsmeow.Client, jid types.JID) error {
		id, err = client.SetGroupPhoto(ctx, jid, jpeg)
		return err
	})
	return id, err
}

func (s *Service) changeGroup(group, what string, change func(*whatsmeow.Client, types.JID) error) error {
	client, jid, err := s.liveGroup(group)
	if err != nil {
		return err
	}
	return wa.Wrap(what, change(client, jid))
}
