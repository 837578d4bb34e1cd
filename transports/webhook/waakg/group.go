package waakg

import (
	"encoding/json"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type groupData struct {
	JID               string  `json:"jid"`
	ID                string  `json:"id"`
	Subject           *string `json:"subject,omitempty"`
	Desc              *string `json:"desc,omitempty"`
	Announce          *bool   `json:"announce,omitempty"`
	Restrict          *bool   `json:"restrict,omitempty"`
	EphemeralDuration *uint32 `json:"ephemeralDuration,omitempty"`
	InviteCode        *string `json:"inviteCode,omitempty"`
	JoinApprovalMode  *bool   `json:"joinApprovalMode,omitempty"`
}

type participantData struct {
	JID          string   `json:"jid"`
	Action       string   `json:"action"`
	Participants []string `json:"participants"`
}

// settings are the properties of a group, or the changed ones.
type settings struct {
	Name         *string
	Description  json.RawMessage // null = taken away
	Announce     *bool
	Locked       *bool
	Disappearing *uint32 `json:"disappearing_seconds"`
	InviteCode   *string `json:"invite_code"`
	Approval     *bool   `json:"join_approval_required"`
}

func (s *settings) groupData(group string) (*groupData, error) {
	d := &groupData{
		JID: group, ID: group, Subject: s.Name, Announce: s.Announce, Restrict: s.Locked, EphemeralDuration: s.Disappearing,
		InviteCode: s.InviteCode, JoinApprovalMode: s.Approval,
	}
	if len(s.Description) == 0 {
		return d, nil
	}
	d.Desc = new(string)
	return d, json.Unmarshal(s.Description, d.Desc) // null leaves it empty
}

type member struct {
	Contact string
	PN      *string
}

// groupInfo reports members that joined, left, or changed their role; else the change of the group. WhatsApp sends one of these at a time.
func groupInfo(e *payload.Event) (string, any, error) {
	var data struct {
		settings
		Group                           string
		Joined, Left, Promoted, Demoted []member
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	for _, change := range []struct {
		action string
		who    []member
	}{{"add", data.Joined}, {"remove", data.Left}, {"promote", data.Promoted}, {"demote", data.Demoted}} {
		if len(change.who) == 0 {
			continue
		}
		out := participantData{JID: data.Group, Action: change.action}
		for _, m := range change.who {
			out.Participants = append(out.Participants, payload.First(m.PN, &m.Contact))
		}
		return "group.participant", out, nil
	}
	update, err := data.groupData(data.Group)
	if err != nil || *update == (groupData{JID: data.Group, ID: data.Group}) {
		return "", nil, err
	}
	return "group.update", update, nil
}

func joinedGroup(e *payload.Event) (string, any, error) {
	var data struct {
		Group string
		Info  settings `json:"group_info"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	update, err := data.Info.groupData(data.Group)
	return "group.update", update, err
}
