package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

const (
	defaultDeviceTimeout = 30.0  // seconds
	maxDeviceTimeout     = 120.0 // seconds, as in the rule of the param; the call may take a little longer
)

type deviceListParams struct {
	contactsParam
	TimeoutSeconds *float64 `json:"timeout_seconds" rpc:"min=0.001,max=120" doc:"timeout; default 30"`
}

type deviceListResult struct {
	Users          []contacts.UserDevices `json:"users" doc:"people with their devices"`
	TotalUsers     int                    `json:"total_users" doc:"people found"`
	TotalDevices   int                    `json:"total_devices" doc:"devices found"`
	TimeoutSeconds float64                `json:"timeout_seconds" doc:"limit used"`
}

type deviceLinkedResult struct {
	Devices []contacts.LinkedDevice `json:"devices" doc:"own devices"`
}

type devicePlatformParams struct {
	DeviceID int `json:"device_id" rpc:"required,min=0,max=65535" doc:"0 is the phone"`
}

type devicePlatformResult struct {
	DeviceID int    `json:"device_id" doc:"as given"`
	Platform string `json:"platform" doc:"e.g. phone, web or unknown"`
}

// RegisterDevice adds the methods of the namespace device.
func RegisterDevice(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "device.list", Summary: "List the devices of people.", Timeout: (maxDeviceTimeout + 1) * time.Second, MaxReply: wideReply,
	}, func(ctx context.Context, s *bridge.Session, p *deviceListParams) (deviceListResult, error) {
		result := deviceListResult{TimeoutSeconds: defaultDeviceTimeout}
		if p.TimeoutSeconds != nil {
			result.TimeoutSeconds = *p.TimeoutSeconds
		}
		var err error
		result.Users, err = s.Contacts().ListDevices(ctx, p.Contacts, time.Duration(result.TimeoutSeconds*float64(time.Second)))
		result.TotalUsers = len(result.Users)
		for _, user := range result.Users {
			result.TotalDevices += len(user.Devices)
		}
		return result, err
	})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "device.listLinked", Summary: "List the devices linked to the own account."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (deviceLinkedResult, error) {
			devices, err := s.Contacts().ListLinkedDevices(ctx)
			return deviceLinkedResult{Devices: devices}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "device.getPlatform", Summary: "Name the platform of a device id."},
		func(_ context.Context, s *bridge.Session, p *devicePlatformParams) (devicePlatformResult, error) {
			platform, err := s.Contacts().DevicePlatform(p.DeviceID)
			return devicePlatformResult{DeviceID: p.DeviceID, Platform: platform}, err
		})
}
