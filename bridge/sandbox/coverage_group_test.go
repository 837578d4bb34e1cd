package sandbox

import (
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
)

// changes returns the check of a method that changes the group: Bob's session then sees the change.
func changes(change func(c *coverage) error, seen func(info *types.GroupInfo) bool) func(c *coverage) error {
	return func(c *coverage) error {
		if err := change(c); err != nil {
			return err
		}
		info, err := c.b.GetGroupInfo(c.ctx(), c.group)
		return verify(err, info != nil && seen(info), info)
	}
}

// newCommunity creates a community of Alice once.
func (c *coverage) newCommunity() error {
	if !c.community.IsEmpty() {
		return nil
	}
	info, err := c.a.CreateGroup(c.ctx(), whatsmeow.ReqCreateGroup{Name: "Village", GroupParent: types.GroupParent{IsParent: true}})
	if err == nil {
		c.community = info.JID
	}
	return err
}

func (c *coverage) linked(group types.JID) (bool, error) {
	subs, err := c.a.GetSubGroups(c.ctx(), c.community)
	for _, sub := range subs {
		if sub.JID == group {
			return true, err
		}
	}
	return false, err
}

// invited returns a group of Alice, into which she invited Bob, with the code and the end of the invitation.
func (c *coverage) invited() (group types.JID, code string, until int64, err error) {
	info, err := c.a.CreateGroup(c.ctx(), whatsmeow.ReqCreateGroup{Name: "Private"})
	if err != nil {
		return group, "", 0, err
	}
	if err = c.bob.SetPrivacy(types.PrivacySettingTypeGroupAdd, types.PrivacySettingContacts); err != nil {
		return group, "", 0, err
	}
	refused, err := c.a.UpdateGroupParticipants(c.ctx(), info.JID, []types.JID{c.bob.JID()}, whatsmeow.ParticipantChangeAdd)
	if err != nil || len(refused) != 1 || refused[0].AddRequest == nil {
		return group, "", 0, errors.Join(err, verify(nil, false, refused))
	}
	return info.JID, refused[0].AddRequest.Code, refused[0].AddRequest.Expiration.Unix(), nil
}

var coveredGroups = []coveredMethod{
	{name: "CreateGroup", stanza: "iq w:g2 create", serves: "group.create community.create", check: func(c *coverage) error {
		info, err := c.a.CreateGroup(c.ctx(), whatsmeow.ReqCreateGroup{Name: "Covered", Participants: []types.JID{c.bob.JID()}})
		if err != nil {
			return err
		}
		members, err := c.net.GroupMembers(info.JID)
		return verify(err, len(members) == 2, members)
	}},
	{name: "GetGroupInfo", stanza: "iq w:g2 query", serves: "group.get group.updateSettings", check: changes(func(*coverage) error { return nil }, func(info *types.GroupInfo) bool {
		return info.Name == "Trio" && len(info.Participants) == 3
	})},
	{name: "GetJoinedGroups", stanza: "iq w:g2 participating", serves: "group.list group.listCommon", check: func(c *coverage) error {
		got, err := c.b.GetJoinedGroups(c.ctx())
		return verify(err, len(got) >= 2, got)
	}},
	{name: "SetGroupName", stanza: "iq w:g2 subject", serves: "group.setName", check: changes(func(c *coverage) error { return c.a.SetGroupName(c.ctx(), c.group, "Renamed") },
		func(info *types.GroupInfo) bool { return info.Name == "Renamed" })},
	{name: "SetGroupTopic", stanza: "iq w:g2 description", serves: "group.setDescription group.create", check: changes(func(c *coverage) error {
		return c.a.SetGroupTopic(c.ctx(), c.group, "", "", "a topic")
	}, func(info *types.GroupInfo) bool { return info.Topic == "a topic" })},
	{name: "SetGroupDescription", stanza: "iq w:g2 description", check: changes(func(c *coverage) error { return c.a.SetGroupDescription(c.ctx(), c.group, "described") },
		func(info *types.GroupInfo) bool { return info.Topic == "described" })},
	{name: "SetGroupAnnounce", stanza: "iq w:g2 announcement", serves: "group.updateSettings", check: changes(func(c *coverage) error {
		return c.a.SetGroupAnnounce(c.ctx(), c.group, true)
	}, func(info *types.GroupInfo) bool { return info.IsAnnounce })},
	{name: "SetGroupLocked", stanza: "iq w:g2 locked", serves: "group.updateSettings", check: changes(func(c *coverage) error { return c.a.SetGroupLocked(c.ctx(), c.group, true) },
		func(info *types.GroupInfo) bool { return info.IsLocked })},
	{name: "SetGroupJoinApprovalMode", stanza: "iq w:g2 membership_approval_mode", serves: "group.updateSettings", check: changes(func(c *coverage) error {
		return c.a.SetGroupJoinApprovalMode(c.ctx(), c.group, true)
	}, func(info *types.GroupInfo) bool { return info.IsJoinApprovalRequired })},
	{name: "SetGroupMemberAddMode", stanza: "iq w:g2 member_add_mode", serves: "group.updateSettings", check: changes(func(c *coverage) error {
		return c.a.SetGroupMemberAddMode(c.ctx(), c.group, types.GroupMemberAddModeAdmin)
	}, func(info *types.GroupInfo) bool { return info.MemberAddMode == types.GroupMemberAddModeAdmin })},
	{name: "SetGroupPhoto", stanza: "iq w:profile:picture", serves: "group.setPicture group.removePicture profile.setPicture profile.removePicture", check: func(c *coverage) error {
		id, err := c.a.SetGroupPhoto(c.ctx(), c.group, photo(c.t, 64))
		if err != nil {
			return err
		}
		got, err := c.b.GetProfilePictureInfo(c.ctx(), c.group, nil)
		return verify(err, got != nil && got.ID == id, got)
	}},
	{name: "GetGroupInviteLink", stanza: "iq w:g2 invite", serves: "group.getInviteLink group.resetInviteLink", check: func(c *coverage) error {
		first, err := c.a.GetGroupInviteLink(c.ctx(), c.group, false)
		if err != nil {
			return err
		}
		second, err := c.a.GetGroupInviteLink(c.ctx(), c.group, true)
		return verify(err, first != second, first)
	}},
	{name: "GetGroupInfoFromLink", stanza: "iq w:g2 invite", serves: "group.getInviteInfo", check: func(c *coverage) error {
		link, err := c.a.GetGroupInviteLink(c.ctx(), c.group, false)
		if err != nil {
			return err
		}
		got, err := c.b.GetGroupInfoFromLink(c.ctx(), link)
		return verify(err, got != nil && got.JID == c.group, got)
	}},
	{name: "JoinGroupWithLink", stanza: "iq w:g2 invite", serves: "group.join", own: "bridge/groups", check: func(c *coverage) error {
		code, err := c.carol.CreateGroup(GroupOptions{Subject: "Open"})
		if err != nil {
			return err
		}
		link, err := c.carol.InviteCode(code, false)
		if err != nil {
			return err
		}
		joined, err := c.a.JoinGroupWithLink(c.ctx(), link)
		if err != nil {
			return err
		}
		members, err := c.net.GroupMembers(code)
		return verify(err, joined == code && len(members) == 2, joined, members)
	}},
	{name: "GetGroupInfoFromInvite", stanza: "iq w:g2 query add_request", check: func(c *coverage) error {
		group, code, until, err := c.invited()
		if err != nil {
			return err
		}
		got, err := c.b.GetGroupInfoFromInvite(c.ctx(), group, c.alice.LID(), code, until)
		return verify(err, got != nil && got.Name == "Private", got)
	}},
	{name: "JoinGroupWithInvite", stanza: "iq w:g2 accept", check: func(c *coverage) error {
		group, code, until, err := c.invited()
		if err != nil {
			return err
		}
		if err = c.b.JoinGroupWithInvite(c.ctx(), group, c.alice.LID(), code, until); err != nil {
			return err
		}
		members, err := c.net.GroupMembers(group)
		return verify(errors.Join(err, c.bob.SetPrivacy(types.PrivacySettingTypeGroupAdd, types.PrivacySettingAll)), len(members) == 2, members)
	}},
	{name: "UpdateGroupParticipants", stanza: "iq w:g2 add, remove, promote, demote", serves: "group.updateParticipants", check: func(c *coverage) error {
		if _, err := c.a.UpdateGroupParticipants(c.ctx(), c.group, []types.JID{c.carol.JID()}, whatsmeow.ParticipantChangeRemove); err != nil {
			return err
		}
		members, err := c.net.GroupMembers(c.group)
		return verify(err, len(members) == 2, members)
	}},
	{name: "GetGroupRequestParticipants", stanza: "iq w:g2 membership_approval_requests", serves: "group.listJoinRequests", own: "bridge/groups", check: func(c *coverage) error {
		code, err := c.alice.InviteCode(c.group, false)
		if err != nil {
			return err
		}
		if _, pending, err := c.shop.JoinGroup(code); err != nil || !pending {
			return verify(err, pending)
		}
		got, err := c.a.GetGroupRequestParticipants(c.ctx(), c.group)
		return verify(err, len(got) == 1 && got[0].JID == c.shop.LID(), got)
	}},
	{name: "UpdateGroupRequestParticipants", stanza: "iq w:g2 membership_requests_action", serves: "group.updateJoinRequests", check: func(c *coverage) error {
		if _, err := c.a.UpdateGroupRequestParticipants(c.ctx(), c.group, []types.JID{c.shop.JID()}, whatsmeow.ParticipantChangeApprove); err != nil {
			return err
		}
		members, err := c.net.GroupMembers(c.group)
		return verify(err, len(members) == 3, members)
	}},
	{name: "LinkGroup", stanza: "iq w:g2 links", serves: "community.linkGroup", check: func(c *coverage) error {
		if err := c.newCommunity(); err != nil {
			return err
		}
		if err := c.a.LinkGroup(c.ctx(), c.community, c.group); err != nil {
			return err
		}
		linked, err := c.linked(c.group)
		return verify(err, linked)
	}},
	{name: "GetSubGroups", stanza: "iq w:g2 sub_groups", serves: "community.listGroups community.sendAnnouncement", check: func(c *coverage) error {
		got, err := c.a.GetSubGroups(c.ctx(), c.community)
		return verify(err, len(got) == 2 && got[0].IsDefaultSubGroup, got)
	}},
	{name: "GetLinkedGroupsParticipants", stanza: "iq w:g2 linked_groups_participants", check: func(c *coverage) error {
		got, err := c.a.GetLinkedGroupsParticipants(c.ctx(), c.community)
		return verify(err, len(got) == 3, got)
	}},
	{name: "UnlinkGroup", stanza: "iq w:g2 unlink", serves: "community.unlinkGroup", check: func(c *coverage) error {
		if err := c.a.UnlinkGroup(c.ctx(), c.community, c.group); err != nil {
			return err
		}
		linked, err := c.linked(c.group)
		return verify(err, !linked)
	}},
	{name: "LeaveGroup", stanza: "iq w:g2 leave", serves: "group.leave", check: func(c *coverage) error {
		if err := c.b.LeaveGroup(c.ctx(), c.group); err != nil {
			return err
		}
		members, err := c.net.GroupMembers(c.group)
		return verify(err, len(members) == 2, members)
	}},
}

// prepareNewsletter creates a channel of Alice with one post, which Bob follows.
func (c *coverage) prepareNewsletter() error {
	if err := c.a.AcceptTOSNotice(c.ctx(), newsletterTerms, "5"); err != nil {
		return err
	}
	made, err := c.a.CreateNewsletter(c.ctx(), whatsmeow.CreateNewsletterParams{Name: "News"})
	if err != nil {
		return err
	}
	c.channel = made.ID
	if err = c.bob.FollowNewsletter(c.channel); err != nil {
		return err
	}
	c.post, err = c.a.SendMessage(c.ctx(), c.channel, text1("post"))
	return err
}

// viewed is the post as Bob's session sees it.
func (c *coverage) viewed() (*types.NewsletterMessage, error) {
	list, err := c.b.GetNewsletterMessages(c.ctx(), c.channel, &whatsmeow.GetNewsletterMessagesParams{Count: 1})
	if err != nil || len(list) != 1 {
		return nil, errors.Join(err, verify(nil, false, list))
	}
	return list[0], nil
}

var coveredNewsletters = []coveredMethod{
	{name: "CreateNewsletter", stanza: "w:mex create", serves: "newsletter.create", check: func(c *coverage) error {
		made, err := c.a.CreateNewsletter(c.ctx(), whatsmeow.CreateNewsletterParams{Name: "More news"})
		if err != nil {
			return err
		}
		got, err := c.b.GetNewsletterInfo(c.ctx(), made.ID)
		return verify(err, got != nil && got.ThreadMeta.Name.Text == "More news", got)
	}},
	{name: "GetNewsletterInfo", stanza: "w:mex info", serves: "newsletter.get newsletter.list contact.getProfilePicture", check: func(c *coverage) error {
		got, err := c.b.GetNewsletterInfo(c.ctx(), c.channel)
		return verify(err, got != nil && got.ThreadMeta.SubscriberCount == 2, got)
	}},
	{name: "GetNewsletterInfoWithInvite", stanza: "w:mex info", serves: "newsletter.get newsletter.follow", check: func(c *coverage) error {
		known, err := c.b.GetNewsletterInfo(c.ctx(), c.channel)
		if err != nil {
			return err
		}
		got, err := c.a.GetNewsletterInfoWithInvite(c.ctx(), known.ThreadMeta.InviteCode)
		return verify(err, got != nil && got.ID == c.channel, got)
	}},
	{name: "GetSubscribedNewsletters", stanza: "w:mex subscribed", serves: "newsletter.list", check: func(c *coverage) error {
		got, err := c.b.GetSubscribedNewsletters(c.ctx())
		return verify(err, len(got) == 1 && got[0].ID == c.channel, got)
	}},
	{name: "NewsletterToggleMute", stanza: "w:mex mute, unmute", serves: "newsletter.setMuted", check: func(c *coverage) error {
		if err := c.b.NewsletterToggleMute(c.ctx(), c.channel, true); err != nil {
			return err
		}
		got, err := c.b.GetNewsletterInfo(c.ctx(), c.channel)
		return verify(err, got != nil && got.ViewerMeta.Mute == types.NewsletterMuteOn, got)
	}},
	{name: "GetNewsletterMessages", stanza: "iq newsletter messages", serves: "newsletter.listMessages", check: func(c *coverage) error {
		got, err := c.viewed()
		return verify(err, got != nil && got.Message.GetConversation() == "post", got)
	}},
	{name: "NewsletterSubscribeLiveUpdates", stanza: "iq newsletter live_updates", serves: "newsletter.subscribeLiveUpdates", check: func(c *coverage) error {
		got, err := c.b.NewsletterSubscribeLiveUpdates(c.ctx(), c.channel)
		return verify(err, got == liveUpdates, got)
	}},
	{name: "NewsletterSendReaction", stanza: "message type=reaction", serves: "newsletter.react", own: "bridge/newsletters", check: func(c *coverage) error {
		if err := c.b.NewsletterSendReaction(c.ctx(), c.channel, c.post.ServerID, "👍", ""); err != nil {
			return err
		}
		got, err := c.viewed()
		return verify(err, got != nil && got.ReactionCounts["👍"] == 1, got)
	}},
	{name: "NewsletterMarkViewed", stanza: "receipt type=view", serves: "newsletter.markViewed", own: "bridge/newsletters", check: func(c *coverage) error {
		if err := c.b.NewsletterMarkViewed(c.ctx(), c.channel, []types.MessageServerID{c.post.ServerID}); err != nil {
			return err
		}
		got, err := c.viewed()
		return verify(err, got != nil && got.ViewsCount == 1, got)
	}},
	{name: "GetNewsletterMessageUpdates", stanza: "iq newsletter message_updates", serves: "newsletter.listMessageUpdates", check: func(c *coverage) error {
		got, err := c.b.GetNewsletterMessageUpdates(c.ctx(), c.channel, nil)
		return verify(err, len(got) == 1 && got[0].ViewsCount == 1, got)
	}},
	{name: "UnfollowNewsletter", stanza: "w:mex unfollow", serves: "newsletter.unfollow", check: func(c *coverage) error {
		if err := c.b.UnfollowNewsletter(c.ctx(), c.channel); err != nil {
			return err
		}
		got, err := c.b.GetSubscribedNewsletters(c.ctx())
		return verify(err, len(got) == 0, got)
	}},
	{name: "FollowNewsletter", stanza: "w:mex follow", serves: "newsletter.follow", check: func(c *coverage) error {
		if err := c.b.FollowNewsletter(c.ctx(), c.channel); err != nil {
			return err
		}
		got, err := c.b.GetSubscribedNewsletters(c.ctx())
		return verify(err, len(got) == 1, got)
	}},
}
