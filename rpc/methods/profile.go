package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type profileNameParams struct {
	Name string `json:"name" rpc:"required,min=1,max=25" doc:"display name"`
}

type profileNameResult struct {
	Name string `json:"name" doc:"new name"`
}

type profileAboutParams struct {
	About string `json:"about" rpc:"required,max=139" doc:"may be empty"`
}

type profileAboutResult struct {
	About string `json:"about" doc:"new text"`
}

type profilePictureParams struct {
	Media message.MediaSource `json:"media" rpc:"required" doc:"image; cropped and scaled to a square jpeg"`
}

type profileLinkParams struct {
	RevokePrevious bool `json:"revoke_previous" doc:"invalidate earlier links first; default false"`
}

type profileLinkResult struct {
	URL             string `json:"url" doc:"https://wa.me/qr/..."`
	RevokedPrevious bool   `json:"revoked_previous" doc:"as asked"`
}

// RegisterProfile adds the methods of the namespace profile.
func RegisterProfile(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "profile.get", Summary: "Return the own profile."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (account.Profile, error) {
			return shared.Value(s.Account().GetProfile(ctx))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "profile.setName", Summary: "Change the own display name."},
		func(ctx context.Context, s *bridge.Session, p *profileNameParams) (profileNameResult, error) {
			return profileNameResult(*p), s.Account().SetPushName(ctx, p.Name)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "profile.setAbout", Summary: "Change the own about text."},
		func(ctx context.Context, s *bridge.Session, p *profileAboutParams) (profileAboutResult, error) {
			return profileAboutResult(*p), s.Account().SetAbout(ctx, p.About)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "profile.setPicture", Summary: "Change the own profile picture."},
		func(ctx context.Context, s *bridge.Session, p *profilePictureParams) (pictureResult, error) {
			picture, err := s.Files().LoadPicture(ctx, "media", &p.Media)
			if err != nil {
				return pictureResult{}, err
			}
			id, err := s.Account().SetProfilePicture(ctx, picture)
			return pictureResult{PictureID: id}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "profile.removePicture", Summary: "Remove the own profile picture."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (removedResult, error) {
			_, err := s.Account().SetProfilePicture(ctx, nil)
			return removedResult{Removed: true}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "profile.createContactLink", Summary: "Return the link behind the own contact QR code, on request a fresh one.",
	}, func(ctx context.Context, s *bridge.Session, p *profileLinkParams) (profileLinkResult, error) {
		url, err := s.Account().GetContactLink(ctx, p.RevokePrevious)
		return profileLinkResult{URL: url, RevokedPrevious: p.RevokePrevious}, err
	})
}
