package groups

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/wa"
)

// WhatsApp's limits of a group.
const (
	maxGroupName        = 100  // characters
	maxGroupDescription = 2048 // characters
	maxGroupMembers     = 1023 // without the own account
)

// GroupCreate describes a new group.
type GroupCreate struct {
	Name         string   // 1 to 100 characters
	Participants []string // other members; may be empty
	Description  string   // empty = none
	Picture      []byte   // JPEG as produced by LoadPicture; nil = none
	Community    string   // community to create it in; empty = none
	IsCommunity  bool     // create a community, in which WhatsApp creates an announcement group
	GroupSettings
}

// Create creates a group. People that cannot be added are not an error: the result contains them with a code and, if
// WhatsApp returned one, an invite. Description and picture are set afterwards; if one of them fails, the error says so
// and the group exists.
func (s *Service) Create(ctx context.Context, create GroupCreate) (*Group, error) {
	if err := wa.CheckText("name", create.Name, 1, maxGroupName); err != nil {
		return nil, err
	}
	if err := wa.CheckText("description", create.Description, 0, maxGroupDescription); err != nil {
		return nil, err
	}
	if len(create.Participants) > maxGroupMembers {
		return nil, wa.BadParam("participants", "has more than %d people", maxGroupMembers)
	}
	if err := create.check(); err != nil {
		return nil, err
	}
	people, err := wa.ParsePeople("participants", create.Participants)
	if err != nil {
		return nil, err
	}
	request := whatsmeow.ReqCreateGroup{Name: create.Name, Participants: people}
	if create.Community != "" {
		community, err := wa.ParseGroup("community", create.Community)
		if err != nil {
			return nil, err
		}
		request.LinkedParentJID = community
	}
	request.IsParent = create.IsCommunity
	create.applyTo(&request)
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	info, err := client.CreateGroup(ctx, request)
	if err != nil {
		return nil, wa.Wrap("create the group", err)
	}
	if err := finishGroup(ctx, client, info, create); err != nil {
		return nil, err
	}
	if create.DisappearingSeconds != nil {
		info.IsEphemeral, info.DisappearingTimer = *create.DisappearingSeconds > 0, uint32(*create.DisappearingSeconds)
	}
	return s.Keep(ctx, client.Store, info)
}

// finishGroup sets the properties that cannot be part of the creation, and updates info.
func finishGroup(ctx context.Context, client *whatsmeow.Client, info *types.GroupInfo, create GroupCreate) error {
	if create.Description != "" {
		id := client.GenerateMessageID()
		if err := client.SetGroupTopic(ctx, info.JID, info.TopicID, id, create.Description); err != nil {
			return wa.Wrap("describe the group "+info.JID.String()+", which was created", err)
		}
		info.Topic, info.TopicID, info.TopicDeleted = create.Description, id, false
	}
	if create.Picture != nil {
		if _, err := client.SetGroupPhoto(ctx, info.JID, create.Picture); err != nil {
			return wa.Wrap("set the picture of the group "+info.JID.String()+", which was created", err)
		}
	}
	return nil
}

// List lists the groups of the account. With refresh it queries WhatsApp; without, it returns the groups stored by the
// last refresh, also while disconnected.
func (s *Service) List(ctx context.Context, refresh bool) ([]Group, error) {
	if !refresh {
		return s.storedGroups(ctx)
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	infos, err := client.GetJoinedGroups(ctx)
	if err != nil {
		return nil, wa.Wrap("list the groups", err)
	}
	groups := make([]Group, 0, len(infos))
	rows := make([]directory.Group, 0, len(infos))
	var pairs []directory.Pair
	for _, info := range infos {
		group, err := FromInfo(ctx, client.Store, info)
		if err != nil {
			return nil, err
		}
		row, err := Row(group)
		if err != nil {
			return nil, err
		}
		groups, rows = append(groups, *group), append(rows, row)
		pairs = append(pairs, pairsOfMembers(info.Participants)...)
	}
	now := time.Now()
	if err := s.stored.ReplaceGroups(ctx, s.owner, rows, now); err != nil {
		return nil, wa.StorageError("the groups could not be stored", err)
	}
	s.conn.SeePairs(ctx, pairs...)
	return groups, nil
}

// Get queries WhatsApp for one group; withPicture adds the address of its picture.
func (s *Service) Get(ctx context.Context, group string, withPicture bool) (*Group, error) {
	client, jid, err := s.liveGroup(group)
	if err != nil {
		return nil, err
	}
	info, err := client.GetGroupInfo(ctx, jid)
	if err != nil {
		return nil, wa.Wrap("read the group", err)
	}
	result, err := s.Keep(ctx, client.Store, info)
	if err != nil || !withPicture {
		return result, err
	}
	var url *string
	picture, err := client.GetProfilePictureInfo(ctx, jid, &whatsmeow.GetProfilePictureParams{IsCommunity: info.IsParent})
	switch {
	case err == nil && picture != nil:
		url = wa.OrNull(picture.URL)
	case err != nil && !wa.IsPictureHidden(err):
		return nil, wa.Wrap("read the group's picture", err)
	}
	result.PictureURL = &url
	return result, nil
}

// Leave leaves a group.
func (s *Service) Leave(ctx context.Context, group string) error {
	client, jid, err := s.liveGroup(group)
	if err != nil {
		return err
	}
	if err := client.LeaveGroup(ctx, jid); err != nil {
		return wa.Wrap("leave the group", err)
	}
	if err := s.stored.RemoveGroup(ctx, s.owner, jid.String()); err != nil {
		return wa.StorageError("the group could not be removed from the store", err)
	}
	return nil
}

// ListCommon lists the groups shared with a person. WhatsApp has no query for it: the list is computed from the members
// of the own groups, read from WhatsApp while connected and from the store otherwise.
func (s *Service) ListCommon(ctx context.Context, contact string) ([]string, error) {
	jid, err := wa.ParsePerson("contact", contact)
	if err != nil {
		return nil, err
	}
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, err
	}
	_, offline := s.conn.Live()
	groups, err := s.List(ctx, offline == nil)
	if err != nil {
		return nil, err
	}
	who, err := wa.PersonOf(ctx, device, jid)
	if err != nil {
		return nil, err
	}
	common := []string{}
	for _, group := range groups {
		if group.Index(who) >= 0 {
			common = append(common, group.Group)
		}
	}
	return common, nil
}

// Keep converts a group and stores it for use without a connection.
func (s *Service) Keep(ctx context.Context, device *store.Device, info *types.GroupInfo) (*Group, error) {
	group, err := FromInfo(ctx, device, info)
	if err != nil {
		return nil, err
	}
	row, err := Row(group)
	if err != nil {
		return nil, err
	}
	if err := s.stored.PutGroup(ctx, s.owner, row, time.Now()); err != nil {
		return nil, wa.StorageError("the group could not be stored", err)
	}
	s.conn.SeePairs(ctx, pairsOfMembers(info.Participants)...)
	return group, nil
}

func (s *Service) storedGroups(ctx context.Context) ([]Group, error) {
	rows, err := s.stored.Groups(ctx, s.owner)
	if err != nil {
		return nil, wa.StorageError("the stored groups could not be read", err)
	}
	groups := make([]Group, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.Data, &groups[i]); err != nil {
			return nil, wa.StorageError("a stored group could not be read", err)
		}
	}
	return groups, nil
}

// Row converts a group into a row of the directory.
func Row(group *Group) (directory.Group, error) {
	stored := *group
	stored.Participants = group.members()
	data, err := json.Marshal(&stored)
	if err != nil {
		return directory.Group{}, wa.StorageError("the group could not be encoded", err)
	}
	return directory.Group{JID: group.Group, Data: data}, nil
}

func pairsOfMembers(members []types.GroupParticipant) []directory.Pair {
	var pairs []directory.Pair
	for _, member := range members {
		if !member.PhoneNumber.IsEmpty() && !member.LID.IsEmpty() {
			pairs = append(pairs, wa.Person{PN: member.PhoneNumber.ToNonAD(), LID: member.LID.ToNonAD()}.Pair())
		}
	}
	return pairs
}
