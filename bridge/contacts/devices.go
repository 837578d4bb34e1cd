package contacts

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Platforms of devices, as far as WhatsApp reports them.
const (
	PlatformPhone   = "phone"
	PlatformUnknown = "unknown"
)

// maxDeviceID is the largest device number in WhatsApp's addresses.
const maxDeviceID = 1<<16 - 1

// UserDevices are the devices of one person.
type UserDevices struct {
	Contact    string       `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID        *string      `json:"lid" doc:"LID"`
	ContactKey *string      `json:"contact_key" doc:"stable key of the person"`
	Devices    []UserDevice `json:"devices" doc:"devices; 0 is the phone"`
}

// UserDevice is one device of a person.
type UserDevice struct {
	DeviceID int     `json:"device_id" doc:"0 is the phone"`
	Platform *string `json:"platform" doc:"phone, or null: WhatsApp tells ids only"`
	JID      string  `json:"jid" doc:"address of the device"`
}

// ListDevices lists the devices of people. People without devices are left out.
// timeout bounds the query; the error after it has ReasonTimeout.
func (s *Service) ListDevices(ctx context.Context, contacts []string, timeout time.Duration) ([]UserDevices, error) {
	client, jids, err := s.livePeople(contacts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := client.GetUserDevices(ctx, jids)
	if err != nil {
		failed := wa.Wrap("list the devices", err)
		if wa.ReasonOf(failed) == wa.ReasonTimeout { // the outcome of a query is never unknown
			failed = &wa.Error{Reason: wa.ReasonTimeout, Message: "could not list the devices in time", Err: err}
		}
		return nil, failed
	}
	if err := s.queryLIDs(ctx, client, found); err != nil {
		return nil, err
	}
	users := []UserDevices{}
	places := make(map[types.JID]int)
	for _, device := range found {
		owner := device.ToNonAD()
		place, known := places[owner]
		if !known {
			who, err := wa.PersonOf(ctx, client.Store, owner)
			if err != nil {
				return nil, err
			}
			place = len(users)
			places[owner] = place
			users = append(users, UserDevices{Contact: who.Address().String(), LID: wa.JIDOrNull(who.LID)})
		}
		users[place].Devices = append(users[place].Devices, newUserDevice(device))
	}
	return users, nil
}

// queryLIDs asks WhatsApp for the LIDs of the devices' owners that are known by number only, which the query for devices does
// not return. whatsmeow stores the answer. An owner without an answer stays known by number.
func (s *Service) queryLIDs(ctx context.Context, client *whatsmeow.Client, devices []types.JID) error {
	var unknown []types.JID
	for _, device := range devices {
		owner := device.ToNonAD()
		if slices.Contains(unknown, owner) {
			continue
		}
		who, err := wa.PersonOf(ctx, client.Store, owner)
		if err != nil {
			return err
		}
		if who.LID.IsEmpty() {
			unknown = append(unknown, owner)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if _, err := client.GetUserInfo(ctx, unknown); err != nil {
		s.log().Debug("LIDs of people with devices are not known", "people", len(unknown), "error", err)
	}
	return nil
}

func newUserDevice(device types.JID) UserDevice {
	result := UserDevice{DeviceID: int(device.Device), JID: device.String()}
	if device.Device == 0 {
		result.Platform = wa.OrNull(PlatformPhone)
	}
	return result
}

// LinkedDevice is a device of the own account.
type LinkedDevice struct {
	DeviceID  int     `json:"device_id" doc:"0 is the phone"`
	Platform  *string `json:"platform" doc:"known for this device and the phone"`
	JID       string  `json:"jid" doc:"address of the device"`
	Connected *bool   `json:"connected" doc:"known for this device and the phone, which counts as connected while it holds the account"`
	IsThis    bool    `json:"is_this" doc:"the session itself"`
}

// ListLinkedDevices lists the devices of the own account.
func (s *Service) ListLinkedDevices(ctx context.Context) ([]LinkedDevice, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	found, err := client.GetUserDevices(ctx, []types.JID{s.conn.Device().ToNonAD()})
	if err != nil {
		return nil, wa.Wrap("list the own devices", err)
	}
	devices := make([]LinkedDevice, len(found))
	for i, device := range found {
		linked := LinkedDevice{DeviceID: int(device.Device), JID: device.String(), IsThis: device.Device == s.conn.Device().Device}
		if linked.IsThis || device.Device == 0 {
			yes := true
			linked.Platform, linked.Connected = wa.OrNull(s.platformOf(client, linked.DeviceID)), &yes
		}
		devices[i] = linked
	}
	return devices, nil
}

// platformOf returns the platform of a device of the own account; client may be nil.
func (s *Service) platformOf(client *whatsmeow.Client, id int) string {
	switch id {
	case 0:
		if client != nil && client.Store.Platform != "" {
			return client.Store.Platform
		}
		return PlatformPhone
	case int(s.conn.Device().Device):
		return cmp.Or(strings.ToLower(s.conn.BrowserName()), "web")
	}
	return PlatformUnknown
}

// DevicePlatform returns the platform of a device of the own account, PlatformUnknown for most: WhatsApp has no query for it.
func (s *Service) DevicePlatform(id int) (string, error) {
	if id < 0 || id > maxDeviceID {
		return "", wa.BadParam("device_id", "must be 0 to %d", maxDeviceID)
	}
	if s.conn.Device().IsEmpty() {
		return "", wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	if id == 0 {
		return PlatformPhone, nil
	}
	return s.platformOf(nil, id), nil
}
